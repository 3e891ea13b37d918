import base64
import io
import json
import os
import re
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from demo_report import report_of, shared_workers
from fontTools.ttLib import TTFont
from small_reports import NOTEBOOKS, small_report, spec_of

from salesops_kit.errors import DataError, ParameterError, ReportError
from salesops_kit.reporting.runner import run_report


def files_below(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_json(file):
    return json.loads(file.read_text("utf-8"))


# -- what is published -----------------------------------------------------------------------


def test_a_period_is_published_as_index_pages_findings_manifest_and_notebooks(published):
    assert published.status == "published"
    assert published.path.parts[-2:] == ("acme", "2025-09")
    assert sorted(files_below(published.path)) == [
        "10_ok.html", "findings.json", "index.html", "manifest.json", "notebooks/10_ok.ipynb"
    ]  # fmt: skip


def test_nothing_but_the_period_the_archive_and_their_locks_stand_beside_it(published):
    beside = sorted(path.name for path in published.path.parent.iterdir())

    assert beside == [".2025-09.lock", ".archive.lock", "2025-09", "index.html"]


def test_findings_json_holds_what_the_notebook_emitted(published):
    content = read_json(published.path / "findings.json")

    assert {k: v for k, v in content.items() if k not in ("findings", "key_figures")} == {
        "schema_version": 1, "company": "acme", "workspace": "acme", "period": "2025-09",
        "as_of": "2025-09-30", "analyses": {"ok": "10_ok"},
        "ledger": {"entries": {}, "resolved": []},
    }  # fmt: skip
    assert content["findings"] == [
        {"id": "ok:plain", "analysis": "ok", "kind": "plain", "severity": "warning",
         "headline": {"en": "Three of five deals wait.", "zh": "五个商机中有三个在等待。"},
         "detail": {"en": "Since May.", "zh": "自五月起。"},
         "action": {"en": "Call them.", "zh": "请联系客户。"},
         "definition": "pipeline_amount", "section": "waiting", "where": {}, "since": "",
         "effect": None, "money": None, "n": 5, "certainty": 1.0}
    ]  # fmt: skip
    [figure] = content["key_figures"]
    assert {"name", "value", "lower", "upper", "n", "unit", "previous", "year_ago", "target",
            "definition"} <= set(figure)  # fmt: skip
    assert (figure["name"], figure["value"], figure["unit"]) == ("bookings", 1200.0, "money")


def test_manifest_holds_parameters_versions_and_a_status_per_notebook(published):
    manifest = read_json(published.path / "manifest.json")

    assert manifest["status"] == "published"
    assert manifest["parameters"] == {
        "workspace": "acme", "period": "2025-09", "as_of": "2025-09-30", "language": "en",
        "scope": "",
    }  # fmt: skip
    assert manifest["inputs"]["extracted_at"] == "2025-10-01T00:00:00"
    assert {"salesops_kit", "pandas", "duckdb"} <= set(manifest["versions"])
    run = manifest["notebooks"]["10_ok"]
    assert (run["status"], run["error"]) == ("ok", "")
    assert run["seconds"] > 0
    assert len(run["html_sha256"]) == 64


def test_the_index_shows_the_finding_and_leads_to_its_evidence(published):
    index = (published.path / "index.html").read_text("utf-8")
    page = (published.path / "10_ok.html").read_text("utf-8")

    assert '<a href="10_ok.html#waiting">Three of five deals wait.</a>' in index
    assert '<h2 id="waiting">Who waits?</h2>' in page
    assert "¥1.20K" in index


def test_running_again_gives_the_same_pages_and_findings_byte_for_byte(acme, published, tmp_path):
    again = report_of(spec_of(acme, tmp_path))

    first, second = files_below(published.path), files_below(again.path)
    for name in ("index.html", "10_ok.html", "findings.json"):
        assert first[name] == second[name]


def test_language_and_scope_have_folders_of_their_own(acme, tmp_path):
    chinese = report_of(spec_of(acme, tmp_path, language="zh"))
    scoped = report_of(spec_of(acme, tmp_path, scope="team=华东/../1", as_of="2025-09-15"))

    assert chinese.path.name == "2025-09-zh"
    assert scoped.path.parent == chinese.path.parent
    assert scoped.path.name.startswith("2025-09-team=华东____1-")
    page = (scoped.path / "10_ok.html").read_text("utf-8")
    assert "scope &lt;team=华东/../1&gt; as of 2025-09-15" in page
    assert "<h1>样例 ok" in (chinese.path / "10_ok.html").read_text("utf-8")


def test_scopes_that_read_alike_do_not_share_a_folder(acme, tmp_path):
    from salesops_kit.reporting.job import prepared

    targets = {
        prepared(spec_of(acme, tmp_path, scope=scope)).target
        for scope in ("team=A B", "team=A_B", "team=A/B", "")
    }

    assert len(targets) == 4


def test_a_notebooks_own_parameter_is_passed_on(acme, tmp_path):
    result = report_of(spec_of(acme, tmp_path, "own", parameters={"top_n": 7}))

    assert "<pre>7</pre>" in (result.path / "10_own.html").read_text("utf-8")


# -- what is refused, before anything runs ---------------------------------------------------

REFUSED = {
    "period": (
        {"period": "2025-13"},
        "period is '2025-13', which is not a period; "
        "write it like '2025-09', '2025-Q3', '2025-W36' or '2025'",
    ),
    "language": ({"language": "fr"}, "language is 'fr'; it must be one of 'en', 'zh'"),
    "notebook": ({"notebooks": ("nope",)}, "there is no notebook 'nope'; there are ok"),
    "as_of": ({"as_of": "30.09.2025"}, "as_of is '30.09.2025'; write it like '2025-09-30'"),
    "parameter": (
        {"parameters": {"a=1;import os;b": 2}},
        "10_ok.ipynb has no parameter 'a=1;import os;b'; "
        "it has 'workspace', 'period', 'as_of', 'language', 'scope'",
    ),
}


@pytest.mark.parametrize(("asked", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_exist_is_refused_and_leaves_no_trace(acme, tmp_path, asked, message):
    with pytest.raises(ParameterError) as refused:
        report_of(spec_of(acme, tmp_path / "reports", **asked))

    assert str(refused.value) == message
    assert not (tmp_path / "reports").exists()


def test_a_value_that_is_no_plain_one_is_refused(acme, tmp_path):
    with pytest.raises(ParameterError) as refused:
        report_of(spec_of(acme, tmp_path, "own", parameters={"top_n": [1]}))

    assert str(refused.value) == "parameter 'top_n' is list; give text, a number or true/false"


def test_a_folder_that_is_no_workspace_is_refused(tmp_path):
    with pytest.raises(DataError) as refused:
        report_of(spec_of(tmp_path / "none", tmp_path / "reports"))

    assert str(refused.value) == (
        f"{tmp_path}/none is not a workspace; make one with: "
        f"salesops import zoho|fxiaoke|tables EXPORTS --into {tmp_path}/none"
    )


# -- runs that fail --------------------------------------------------------------------------

FAILURES = {
    "failing": ("failed", "cell 4: ValueError: no <deals> here"),
    "exits": ("failed", "the notebook stopped before cell 6"),
    "hangs": ("timeout", "it ran longer than 2 s"),
    "dies": ("dead", "the kernel died (out of memory?)"),
}


@pytest.mark.parametrize(("fixture", "how"), FAILURES.items(), ids=FAILURES)
def test_a_failed_run_publishes_no_figures_and_says_how_it_failed(acme, tmp_path, fixture, how):
    status, error = how
    result = small_report(acme, tmp_path, fixture, timeout_s=2 if fixture == "hangs" else 60)

    kept = tmp_path / "acme" / ".failed" / "2025-09"
    name = f"10_{fixture}"
    assert (result.status, result.path) == ("failed", kept)
    assert result.errors == [f"{name} {status}: {error}; see {kept}/index.html"]
    assert (kept / "notebooks" / f"{name}.ipynb").is_file()
    manifest = read_json(kept / "manifest.json")
    assert manifest["status"] == "failed"
    run = manifest["notebooks"][name]
    assert (run["status"], run["error"], run["html_sha256"]) == (status, error, "")


def test_a_first_failure_shows_leaders_a_page_without_traceback_and_analysts_one_with(
    acme, tmp_path
):
    small_report(acme, tmp_path, "failing")

    public = tmp_path / "acme" / "2025-09"
    leaders = (public / "index.html").read_text("utf-8")
    analysts = (tmp_path / "acme" / ".failed" / "2025-09" / "index.html").read_text("utf-8")
    assert sorted(files_below(public)) == ["index.html", "manifest.json"]
    assert read_json(public / "manifest.json")["status"] == "failed"
    assert "There is no report of 2025-09 yet" in leaders
    assert "ValueError" not in leaders
    assert 'raise ValueError("no &lt;deals&gt; here")' in analysts
    assert "cell 4: ValueError: no &lt;deals&gt; here" in analysts


BANNER = re.compile(r'<div class="finding critical" id="stale">.*?</div>\n')


def test_a_failed_run_marks_the_published_pages_as_stale_and_the_next_good_one_clears_up(
    acme, tmp_path
):
    spec = spec_of(acme, tmp_path, now=datetime(2025, 10, 1, 6, tzinfo=UTC))
    target = report_of(spec).path
    before = files_below(target)

    for day in (2, 3):
        late = replace(spec, folder=NOTEBOOKS / "failing", now=datetime(2025, 10, day, tzinfo=UTC))
        failed = report_of(late)
        stale = files_below(target)
        index = stale["index.html"].decode()
        manifest = json.loads(stale["manifest.json"])
        assert failed.status == "failed"
        assert index.count("Not up to date since 2025-10-02") == 1
        assert "made on 2025-10-01" in index
        assert {n: BANNER.sub("", b.decode()) for n, b in stale.items() if n.endswith("html")} == {
            n: b.decode() for n, b in before.items() if n.endswith("html")
        }
        assert (manifest["status"], manifest["stale_since"]) == (
            "stale", "2025-10-02T08:00:00+08:00"
        )  # fmt: skip
        assert manifest["failure"]["at"].startswith(f"2025-10-0{day}")
        assert list(manifest["failure"]["notebooks"]) == ["10_failing"]

    assert report_of(spec).status == "published"
    after = files_below(target)
    assert {**after, "manifest.json": b""} == {**before, "manifest.json": b""}
    assert not failed.path.exists()


def test_nothing_runs_when_nothing_changed_unless_forced(acme, tmp_path):
    spec = spec_of(acme, tmp_path)
    first = report_of(spec)
    before = read_json(first.path / "manifest.json")

    archive = first.path.parent / "index.html"
    archive.unlink()  # as if the run had been killed right after it published

    again = report_of(spec)
    assert archive.is_file()
    forced = report_of(replace(spec, force=True))

    assert (again.status, again.path, again.seconds) == ("unchanged", first.path, {})
    assert forced.status == "published"
    assert read_json(first.path / "manifest.json")["run_id"] == before["run_id"]


CHANGES = {
    "page": lambda _, path: (path / "10_ok.html").write_text("x"),
    "manifest": lambda _, path: (path / "manifest.json").write_text("{"),
    "page removed": lambda _, path: (path / "index.html").unlink(),
    "tables": lambda acme, _: os.utime(acme / "tables" / "deals.parquet"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_runs_when_data_or_pages_changed(acme, tmp_path, change):
    workspace = tmp_path / "acme"
    shutil.copytree(acme, workspace)
    spec = spec_of(workspace, tmp_path / "out")
    path = report_of(spec).path
    change(workspace, path)

    assert report_of(spec).status == "published"
    assert report_of(spec).status == "unchanged"


def test_what_went_well_in_a_failed_run_is_not_run_again(acme, tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for fixture in ("ok", "failing"):
        shutil.copy(NOTEBOOKS / fixture / f"10_{fixture}.ipynb", folder)
    spec = spec_of(acme, tmp_path / "out", folder=folder)
    assert report_of(spec).status == "failed"
    shutil.copy(NOTEBOOKS / "ok" / "10_ok.ipynb", folder / "10_failing.ipynb")

    steps = []
    done = run_report(spec, steps.append, shared_workers())

    assert [(s.notebook, s.status, s.done, s.total) for s in steps] == [
        ("10_ok", "kept", 1, 2), ("10_failing", "ok", 2, 2)
    ]  # fmt: skip
    assert done.status == "published"
    assert sorted(p.name for p in (tmp_path / "out" / "acme").iterdir()) == [
        ".2025-09.lock", ".archive.lock", ".failed", "2025-09", "index.html"
    ]  # fmt: skip


def test_what_dies_is_tried_again(acme, tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    text = (NOTEBOOKS / "dies" / "10_dies.ipynb").read_text("utf-8")
    once = f"from pathlib import Path; p = Path('{tmp_path}/died'); d = p.exists(); p.touch(); "
    text = text.replace("os._exit(9)", f"{once}d or os._exit(9)")
    (folder / "10_dies.ipynb").write_text(text, encoding="utf-8")

    done = report_of(spec_of(acme, tmp_path / "out", folder=folder, retries=1))

    assert done.status == "published"
    manifest = read_json(done.path / "manifest.json")
    assert manifest["notebooks"]["10_dies"]["attempts"] == 2


# -- two runs, and runs that are killed ------------------------------------------------------


def test_a_second_run_of_the_same_period_at_the_same_time_is_refused(acme, tmp_path):
    (acme / "gate").touch()
    first = threading.Thread(target=report_of, args=[spec_of(acme, tmp_path, "gated")])
    try:
        first.start()
        patience = time.monotonic() + 30
        while not (tmp_path / "acme" / ".2025-09.lock").exists() and time.monotonic() < patience:
            time.sleep(0.01)
        time.sleep(0.3)
        with pytest.raises(ReportError) as refused:
            report_of(spec_of(acme, tmp_path, "gated"))
    finally:
        (acme / "gate").unlink()
        first.join()

    assert str(refused.value) == "another run of 2025-09 is under way; wait until it ends"
    assert (tmp_path / "acme" / "2025-09" / "index.html").is_file()


def test_a_stale_page_in_chinese_brings_the_letters_of_its_banner(acme, tmp_path):

    spec = spec_of(acme, tmp_path, language="zh")
    target = report_of(spec).path
    report_of(replace(spec, folder=NOTEBOOKS / "failing"))

    page = (target / "index.html").read_text("utf-8")
    data = re.search(r"data:font/woff;base64,([^)]*)\)", page)[1]
    letters = set(TTFont(io.BytesIO(base64.b64decode(data))).getBestCmap())
    banner = BANNER.search(page)[0]
    assert "未能更新" in banner
    assert {c for c in banner if "\u4e00" <= c <= "\u9fff"} <= {chr(code) for code in letters}
