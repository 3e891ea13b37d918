"""Importing twice, being interrupted, and two imports at once."""

import random
import subprocess
import sys
import time

import pytest

from salesops_kit.errors import DataError
from salesops_kit.sources import publish
from salesops_kit.sources.importer import import_exports

STAGES = ("Qualification", "Needs Analysis", "Closed Won")
TABLES = ("accounts", "deals", "reps", "stage_history")


def exports(deals=400):
    """Return a Zoho export of deals, history, accounts and users with two broken rows."""
    rows = ["Record Id,Deal Name,Amount,Created Time,Stage,Account Name.id,Deal Owner.id"]
    history = ["Deal Id,Stage,Modified Time,Modified By"]
    for i in range(deals):
        day = f"2025-{1 + i % 6:02}-{1 + i % 28:02}"
        amount = "cheap" if i in (7, 9) else f"{i}.5"
        stage = STAGES[i % 3]
        links = f"1000{i % 20:03},2000{i % 5:02}"
        rows.append(f"55402300{i:05},D{i},{amount},{day} 09:00:00,{stage},{links}")
        for step, label in enumerate(STAGES[: i % 3 + 1]):
            history.append(f"55402300{i:05},{label},{day} 1{step}:00:00,Li")
    accounts = ["Record Id,Account Name", *(f"1000{i:03},Firm {i}" for i in range(20))]
    users = ["User Id,Full Name,Team", *(f"2000{i:02},Rep {i},East" for i in range(5))]
    return {
        "Deals_2025_06_30.csv": "\n".join(rows), "Stage_History.csv": "\n".join(history),
        "Accounts.csv": "\n".join(accounts), "Users.csv": "\n".join(users),
    }  # fmt: skip


def contents(workspace):
    """Return every file of the workspace's current version by its path."""
    current = (workspace / "current").resolve()
    return {
        file.relative_to(current).as_posix(): file.read_bytes()
        for file in sorted(current.rglob("*"))
        if file.is_file()
    }


def test_the_same_exports_give_the_same_bytes_and_the_same_history(run):
    one, two = (run("zoho", exports(), into=f"{name}/ws") for name in ("one", "two"))
    first, second = contents(one.workspace), contents(two.workspace)
    assert sorted(first) == [
        "import.json", "rejects/Deals_2025_06_30.csv.csv", "tables/accounts.parquet",
        "tables/deals.parquet", "tables/reps.parquet", "tables/stage_history.parquet",
    ]  # fmt: skip
    # rows of the history are written in no fixed order: sorting millions costs seconds
    history = "tables/stage_history.parquet"
    assert {**first, history: b""} == {**second, history: b""}
    order = "deal_id, seq"
    assert one.rows("stage_history", order=order) == two.rows("stage_history", order=order)


def test_importing_again_changes_nothing(run):
    once = run("zoho", exports())
    before, record = {t: once.rows(t, order="1, 2") for t in TABLES}, once.record
    again = run("zoho", exports())
    assert {t: again.rows(t) for t in TABLES} == before
    assert again.record == record


def test_tables_the_new_export_lacks_stay(run):
    files = exports()
    before = run("zoho", files)
    accounts, history = before.rows("accounts"), before.rows("stage_history")
    after = run("zoho", {"Deals_2025_07_31.csv": files["Deals_2025_06_30.csv"]}, folder="july")
    assert after.rows("accounts") == accounts
    assert after.rows("stage_history") == history
    assert after.record["history_quality"] == "full"
    # the dated deals begin an archive, which does not take the place of a full history
    assert sorted(after.record["tables"]) == sorted([*TABLES, "snapshots"])


def test_what_another_system_delivered_stays(run):
    run("zoho", exports(30))
    head = "数据ID,商机名称,创建时间,商机阶段\n"
    row = "f00001,甲,2025-01-05 09:00:00,商机确认\n"
    both = run("fxiaoke", {"商机_20250630.csv": head + row}, folder="fxiaoke")
    systems = [system for (system,) in both.rows("deals", "source_system", order="1")]
    assert systems == ["fxiaoke", *["zoho"] * 28]


IMPORT = "import sys; from salesops_kit.sources.importer import import_exports as i; "
IMPORT += "print('go', flush=True); i('zoho', sys.argv[1], into=sys.argv[2])"


def start(folder, workspace):
    """Start an import in a process of its own; return when its modules are loaded."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(folder), str(workspace)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.slow
def test_a_killed_import_leaves_the_old_workspace_whole(run, write):
    old = run("zoho", exports(50))
    before = {"deals": 48, "stage_history": len(old.rows("stage_history"))}
    folder = write(exports(60_000), "large")
    began = time.perf_counter()
    import_exports("zoho", folder, into=old.workspace.parent / "trial")
    whole = time.perf_counter() - began
    draw = random.Random(5)
    killed = 0
    for _ in range(6):
        process = start(folder, old.workspace)
        time.sleep(draw.uniform(0.02, 0.9) * whole)
        process.kill()
        killed += process.wait() != 0
        process.stdout.close()
        rows = {table: len(old.rows(table, "1", order="1")) for table in before}
        assert rows == before or rows["deals"] == 59_998
        assert old.record["tables"]["deals"]["rows"] == rows["deals"]
        if rows != before:
            break
    assert killed > 0
    assert run("zoho", exports(50)).rows("deals", "count(*)", order="1") == [(48,)]
    leftovers = [p.name for p in (old.workspace / "versions").iterdir() if p.name[0] == "."]
    assert leftovers == []


def test_a_second_import_at_the_same_time_is_refused(run, write):
    done = run("zoho", exports(30))
    with publish.locked(done.workspace), pytest.raises(DataError) as refused:
        import_exports("zoho", write(exports(30)), into=done.workspace)
    assert str(refused.value) == (
        f"another import into {done.workspace} is under way; wait until it ends"
    )


def test_a_refused_import_leaves_the_old_workspace_and_no_scratch(run, write):
    done = run("zoho", exports(30))
    before = contents(done.workspace)
    broken = write({"Deals.csv": "Record Id,Stage\n554023000001,Nowhere\n"}, "broken")
    with pytest.raises(DataError, match="no deal could be used"):
        import_exports("zoho", broken, into=done.workspace)
    assert contents(done.workspace) == before
    assert [p.name for p in (done.workspace / "versions").iterdir()] == ["000001"]


def test_the_version_before_is_kept_and_no_more(run):
    for _ in range(4):
        done = run("zoho", exports(30))
    kept = sorted(folder.name for folder in (done.workspace / "versions").iterdir())
    assert kept == ["000003", "000004"]
    assert (done.workspace / "current").resolve().name == "000004"
