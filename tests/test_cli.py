import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import write_workspace

ROOT = Path(__file__).resolve().parent.parent


def salesops(*arguments):
    command = [sys.executable, "-c", "from salesops_kit.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    deal = {"deal_id": "d1", "stage": "needs", "status": "open", "created_at": "2025-09-02"}
    return write_workspace(tmp_path_factory.mktemp("w") / "acme", {"deals": [deal]})


def test_an_import_prints_what_was_read_and_where_it_lies(tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "deals.csv").write_text("deal_id,stage,created_at\n1,Won,2025-09-02\n2,?,x\n")

    done = salesops("import", "tables", str(exports), "--into", str(tmp_path / "w"), "--json")

    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert [(f["rows_read"], f["accepted"], f["rejected"]) for f in told["files"]] == [(2, 1, 1)]
    assert (tmp_path / "w" / "rejects").is_dir()


def test_a_check_prints_and_renders(acme, tmp_path):
    done = salesops("check", str(acme), "--into", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert "What the data can answer" in done.stdout
    assert (tmp_path / "acme" / "readiness" / "00_readiness.html").is_file()


def test_a_report_is_published_where_it_says(acme, tmp_path):
    asked = ("report", str(acme), "--period", "2025-09", "--into", str(tmp_path))
    done = salesops(*asked, "--notebooks", "bookings")

    assert done.stdout == f"published {tmp_path}/acme/2025-09/index.html\n", done.stderr
    assert (tmp_path / "acme" / "2025-09" / "12_bookings.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("report", "WORKSPACE", "--period", "2025-13"), 2, "which is not a period"),
        (("report", "WORKSPACE", "--period", "2025-09", "--language", "fr"), 2, "language is 'fr'"),
        (("report", "WORKSPACE", "--period", "2025-09", "--notebooks", "x"), 2, "no notebook 'x'"),
        (("report", "nowhere", "--period", "2025-09"), 3, "is not a workspace"),
        (("import", "zoho", "nowhere", "--into", "INTO"), 3, "does not exist"),
        (("import", "odoo", "nowhere", "--into", "INTO"), 2, "source is 'odoo'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_error_line_and_an_exit_code(acme, tmp_path, arguments, code, words):
    places = {"WORKSPACE": str(acme), "INTO": str(tmp_path / "w")}

    done = salesops(*[places.get(a, a) for a in arguments])

    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_exits_with_two():
    assert salesops("report").returncode == 2
