import duckdb
import pytest
from support import write_workspace

from salesops_kit.errors import DataError, ParameterError
from salesops_kit.store import ParquetStore
from salesops_kit.workspace import open_workspace


def deal(deal_id, created, **more):
    return {"deal_id": deal_id, "created_at": created, "stage": "needs", "status": "open", **more}


def entry(deal_id, seq, stage, entered, **more):
    rank, category = {"needs": (30, "open"), "proposal": (60, "open"), "won": (90, "won"),
                      "lost": (91, "lost")}[stage]  # fmt: skip
    return {"deal_id": deal_id, "seq": seq, "stage": stage, "stage_rank": rank,
            "stage_category": category, "entered_at": entered, **more}  # fmt: skip


def frame(workspace, name, *columns):
    return workspace.table(name).select(*columns).to_native().order(columns[0]).fetchall()


@pytest.fixture
def folder(tmp_path):
    return write_workspace(
        tmp_path / "acme",
        {
            "deals": [
                deal("a", "2025-01-05", stage="won", status="won", closed_at="2025-03-10",
                     amount=90.0, team="East", owner_id="r1", account_id="k1"),
                deal("b", "2025-01-06", stage="lost", status="lost", closed_at="2025-02-01",
                     loss_reason="price", team="West", owner_id="r2", account_id="k2"),
                deal("c", "2025-06-01", team="East", owner_id="r1"),
                deal("d", "2025-01-01", is_deleted=True),
            ],
            "stage_history": [
                entry("a", 1, "needs", "2025-01-05", amount=100.0),
                entry("a", 2, "proposal", "2025-02-01", amount=80.0),
                entry("a", 3, "won", "2025-03-10", amount=90.0),
                entry("b", 1, "needs", "2025-01-06"),
                entry("b", 2, "lost", "2025-02-01"),
                entry("c", 1, "needs", "2025-06-01"),
            ],
            "reps": [
                {"rep_id": "r1", "name": "Ana", "team": "East", "hire_on": "2024-01-01",
                 "leave_on": "2025-05-01"},
                {"rep_id": "r2", "name": "Bo", "team": "West", "hire_on": "2024-01-01"},
            ],
            "leads": [
                {"lead_id": "l1", "created_at": "2025-01-01", "converted_at": "2025-04-01",
                 "is_converted": True, "deal_id": "a", "owner_id": "r1"},
                {"lead_id": "l2", "created_at": "2025-01-01", "is_converted": True,
                 "owner_id": "r2"},
            ],
            "accounts": [{"account_id": "k1", "name": "K1"}, {"account_id": "k2", "name": "K2"}],
            "feedback": [{"feedback_id": "f1", "account_id": "k1"},
                         {"feedback_id": "f2", "account_id": "k2"}],
        },
    )  # fmt: skip


def test_a_deal_that_closed_later_is_open_with_the_stage_and_amount_it_had(folder):
    then = open_workspace(folder, as_of="2025-02-15")

    assert frame(then, "deals", "deal_id", "status", "stage", "amount", "closed_day") == [
        ("a", "open", "proposal", 80.0, None),
        ("b", "lost", "lost", None, 20120),
    ]


def test_a_loss_reason_given_later_is_not_known_before(folder):
    then = open_workspace(folder, as_of="2025-01-20")

    assert frame(then, "deals", "deal_id", "status", "loss_reason") == [
        ("a", "open", None),
        ("b", "open", None),
    ]


def test_the_reason_of_a_second_loss_is_not_known_after_the_first(tmp_path):
    """The export holds the last reason alone: after the first loss it was still unknown."""
    folder = write_workspace(tmp_path / "acme", {
        "deals": [deal("b", "2025-01-06", stage="lost", status="lost", closed_at="2025-06-01",
                       loss_reason="price", competitor="Voltra")],
        "stage_history": [entry("b", 1, "needs", "2025-01-06"), entry("b", 2, "lost", "2025-02-01"),
                          entry("b", 3, "needs", "2025-03-01"),
                          entry("b", 4, "lost", "2025-06-01")],
    })  # fmt: skip
    columns = ("deals", "deal_id", "status", "loss_reason", "competitor")
    then, now = (open_workspace(folder, as_of=day) for day in ("2025-02-10", "2025-06-02"))

    assert frame(then, *columns) == [("b", "lost", None, None)]
    assert frame(now, *columns) == [("b", "lost", "price", "Voltra")]


def test_on_the_export_day_deals_are_as_exported_without_the_deleted_ones(folder):
    now = open_workspace(folder)

    assert frame(now, "deals", "deal_id", "status", "amount") == [
        ("a", "won", 90.0),
        ("b", "lost", None),
        ("c", "open", None),
    ]


def test_without_history_a_deal_that_closed_later_is_open_at_an_unknown_stage(tmp_path):
    plain = write_workspace(
        tmp_path / "plain",
        {"deals": [deal("a", "2025-01-05", stage="won", status="won", closed_at="2025-03-10")]},
    )

    then = open_workspace(plain, as_of="2025-02-15")

    assert frame(then, "deals", "deal_id", "status", "stage") == [("a", "open", None)]
    assert then.history_quality == "none"


def test_a_lead_converted_later_is_not_converted_yet(folder):
    then = open_workspace(folder, as_of="2025-03-01")

    assert frame(then, "leads", "lead_id", "is_converted", "deal_id") == [
        ("l1", False, None),
        ("l2", True, None),
    ]


def test_history_after_the_as_of_day_is_not_there(folder):
    then = open_workspace(folder, as_of="2025-01-31")

    assert frame(then, "stage_history", "deal_id", "seq") == [("a", 1), ("b", 1)]


def test_a_leaving_date_in_the_future_is_not_known(folder):
    then = open_workspace(folder, as_of="2025-01-31")

    assert frame(then, "reps", "rep_id", "leave_on") == [("r1", None), ("r2", None)]


@pytest.mark.parametrize("scope", ["team=East", "rep=r1", "rep=Ana"])
def test_a_scoped_reader_gets_only_rows_of_the_scope(folder, scope):
    mine = open_workspace(folder, scope=scope)

    assert [r[0] for r in frame(mine, "deals", "deal_id")] == ["a", "c"]
    assert {r[0] for r in frame(mine, "stage_history", "deal_id")} == {"a", "c"}
    assert [r[0] for r in frame(mine, "reps", "rep_id")] == ["r1"]
    assert [r[0] for r in frame(mine, "leads", "lead_id")] == ["l1"]
    assert [r[0] for r in frame(mine, "accounts", "account_id")] == ["k1"]
    assert [r[0] for r in frame(mine, "feedback", "feedback_id")] == ["f1"]


def test_a_scoped_reader_cannot_open_raw_tables(folder):
    with pytest.raises(ParameterError, match="the raw table is not open to a scoped reader"):
        open_workspace(folder, scope="team=East").raw("deals")


def test_a_wrong_scope_is_refused_with_examples():
    with pytest.raises(ParameterError) as error:
        open_workspace("anywhere", scope="x")

    assert str(error.value) == (
        "scope is 'x'; write it like 'team=East', 'region=East' or 'rep=R001'"
    )


@pytest.mark.parametrize(
    ("scope", "closest"), [("team=Eats", "East"), ("rep=r9", "r1"), ("region=Nowhere", "")]
)
def test_a_scope_that_names_nobody_is_refused_with_the_closest_names(folder, scope, closest):
    with pytest.raises(ParameterError, match=f"knows no such {scope.split('=')[0]}") as error:
        open_workspace(folder, scope=scope)

    assert closest in str(error.value)


def test_a_missing_table_says_which_exist(folder):
    with pytest.raises(DataError, match=r"has no table 'orders'.*accounts, deals, feedback"):
        open_workspace(folder).table("orders")


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="salesops import"):
        open_workspace(tmp_path)


@pytest.mark.parametrize(("rows", "limit"), [(3, 1e9), (6_000_000, 1.2e9)])
def test_memory_grows_with_the_tables(tmp_path, rows, limit):
    path = tmp_path / "deals.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS n FROM range({rows})) TO '{path}'")

    [(text,)] = (
        ParquetStore(tmp_path)
        ._connection.execute("SELECT current_setting('memory_limit')")
        .fetchall()
    )

    number, unit = text.split()
    assert float(number) * 1024.0 ** ["bytes", "KiB", "MiB", "GiB"].index(unit) == pytest.approx(
        limit, rel=0.06
    )


def test_a_folder_without_tables_has_no_limit_of_its_own(tmp_path):
    plain = duckdb.connect().execute("SELECT current_setting('memory_limit')").fetchall()

    mine = ParquetStore(tmp_path)._connection.execute("SELECT current_setting('memory_limit')")

    assert mine.fetchall() == plain
