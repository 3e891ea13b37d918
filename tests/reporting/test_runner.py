import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_reports import NOTEBOOKS, spec_of

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


def test_nothing_but_the_period_and_its_lock_is_left_beside_it(published):
    beside = sorted(path.name for path in published.path.parent.iterdir())

    assert beside == [".2025-09.lock", "2025-09"]


def test_findings_json_holds_what_the_notebook_emitted(published):
    content = read_json(published.path / "findings.json")

    assert {k: v for k, v in content.items() if k not in ("findings", "key_figures")} == {
        "schema_version": 1, "workspace": "acme", "period": "2025-09", "as_of": "2025-09-30"
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
    again = run_report(spec_of(acme, tmp_path))

    first, second = files_below(published.path), files_below(again.path)
    for name in ("index.html", "10_ok.html", "findings.json"):
        assert first[name] == second[name]


def test_language_and_scope_have_folders_of_their_own(acme, tmp_path):
    chinese = run_report(spec_of(acme, tmp_path, language="zh"))
    scoped = run_report(spec_of(acme, tmp_path, scope="team=华东/../1", as_of="2025-09-15"))

    assert chinese.path.name == "2025-09-zh"
    assert scoped.path.parent == chinese.path.parent
    assert scoped.path.name.startswith("2025-09-team=华东____1-")
    page = (scoped.path / "10_ok.html").read_text("utf-8")
    assert "scope &lt;team=华东/../1&gt; as of 2025-09-15" in page
    assert "<h1>样例 ok" in (chinese.path / "10_ok.html").read_text("utf-8")


def test_scopes_that_read_alike_do_not_share_a_folder(acme, tmp_path):
    from salesops_kit.reporting.runner import _prepared

    targets = {
        _prepared(spec_of(acme, tmp_path, scope=scope)).target
        for scope in ("team=A B", "team=A_B", "team=A/B", "")
    }

    assert len(targets) == 4


def test_a_notebooks_own_parameter_is_passed_on(acme, tmp_path):
    result = run_report(spec_of(acme, tmp_path, "own", parameters={"top_n": 7}))

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
        run_report(spec_of(acme, tmp_path / "reports", **asked))

    assert str(refused.value) == message
    assert not (tmp_path / "reports").exists()


def test_a_value_that_is_no_plain_one_is_refused(acme, tmp_path):
    with pytest.raises(ParameterError) as refused:
        run_report(spec_of(acme, tmp_path, "own", parameters={"top_n": [1]}))

    assert str(refused.value) == "parameter 'top_n' is list; give text, a number or true/false"


def test_a_folder_that_is_no_workspace_is_refused(tmp_path):
    with pytest.raises(DataError) as refused:
        run_report(spec_of(tmp_path / "none", tmp_path / "reports"))

    assert str(refused.value) == (
        f"{tmp_path}/none is not a workspace; make one with: "
        f"salesops import zoho|fxiaoke|tables EXPORTS --into {tmp_path}/none"
    )


# -- runs that fail --------------------------------------------------------------------------

FAILURES = {
    "failing": ("failed", "cell 4: ValueError: no <deals> here"),
    "exits": ("failed", "the notebook stopped before cell 6"),
    "hangs": ("timeout", "a cell ran longer than 2 s"),
    "dies": ("dead", "the kernel died (out of memory?)"),
}


@pytest.mark.parametrize(("fixture", "how"), FAILURES.items(), ids=FAILURES)
def test_a_failed_run_publishes_nothing_and_says_how_it_failed(acme, tmp_path, fixture, how):
    status, error = how
    result = run_report(spec_of(acme, tmp_path, fixture, timeout_s=2))

    kept = tmp_path / "acme" / ".failed" / "2025-09"
    name = f"10_{fixture}"
    assert (result.status, result.path) == ("failed", kept)
    assert result.errors == [f"{name} {status}: {error}; see {kept}/notebooks/{name}.ipynb"]
    assert not (tmp_path / "acme" / "2025-09").exists()
    assert (kept / "notebooks" / f"{name}.ipynb").is_file()
    manifest = read_json(kept / "manifest.json")
    assert manifest["status"] == "failed"
    run = manifest["notebooks"][name]
    assert (run["status"], run["error"], run["html_sha256"]) == (status, error, "")


def test_a_failed_run_leaves_the_published_period_and_the_next_good_one_clears_up(acme, tmp_path):
    spec = spec_of(acme, tmp_path)
    before = files_below(run_report(spec).path)

    failed = run_report(replace(spec, folder=NOTEBOOKS / "failing"))
    assert failed.status == "failed"
    assert files_below(tmp_path / "acme" / "2025-09") == before

    assert run_report(spec).status == "published"
    assert not failed.path.exists()


# -- two runs, and runs that are killed ------------------------------------------------------


def test_a_second_run_of_the_same_period_at_the_same_time_is_refused(acme, tmp_path):
    (acme / "gate").touch()
    first = threading.Thread(target=run_report, args=[spec_of(acme, tmp_path, "gated")])
    try:
        first.start()
        patience = time.monotonic() + 30
        while not (tmp_path / "acme" / ".2025-09.new").exists() and time.monotonic() < patience:
            time.sleep(0.01)
        with pytest.raises(ReportError) as refused:
            run_report(spec_of(acme, tmp_path, "gated"))
    finally:
        (acme / "gate").unlink()
        first.join()

    assert str(refused.value) == "another run of 2025-09 is under way; wait until it ends"
    assert (tmp_path / "acme" / "2025-09" / "index.html").is_file()


RUN = """
import sys
from pathlib import Path
from salesops_kit.reporting.runner import ReportSpec, run_report
workspace, into, folder = map(Path, sys.argv[1:])
print("started", flush=True)
run_report(ReportSpec(workspace, "2025-09", as_of="2025-09-15", into=into, folder=folder))
"""


def started_run(acme, into, scratch):
    scratch.mkdir(exist_ok=True)
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(acme), str(into), str(NOTEBOOKS / "ok")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    run.stdout.readline()
    return run


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_the_old_period_whole_or_the_new_one(acme, tmp_path):
    old = files_below(run_report(spec_of(acme, tmp_path)).path)
    target = tmp_path / "acme" / "2025-09"
    started = time.monotonic()
    with started_run(acme, tmp_path / "other", Path(tmp_path / "s")) as whole:
        whole.wait()
    length = time.monotonic() - started
    new = files_below(tmp_path / "other" / "acme" / "2025-09")

    for part in (0.15, 0.4, 0.6, 0.8, 0.9, 1.0):
        with started_run(acme, tmp_path, tmp_path / "s") as run:
            time.sleep(length * part)
            run.kill()
        seen = files_below(target)
        assert set(seen) == set(old)
        assert seen["index.html"] in (old["index.html"], new["index.html"])
        assert seen == old or seen["findings.json"] == new["findings.json"]

    assert run_report(spec_of(acme, tmp_path)).status == "published"
    assert sorted(p.name for p in target.parent.iterdir()) == [".2025-09.lock", "2025-09"]
