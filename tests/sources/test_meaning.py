"""Headers, settings, and the traps that lie in exports: what columns and labels come to mean."""

# ruff: noqa: DTZ001 - times of the workspace carry no zone

from datetime import date, datetime

import pytest

from salesops_kit.sources.values import MISSING_WORDS

ID = "554023000001"
HEAD = "Record Id,Created Time,Stage"


def deal(deal_id=ID, created="2025-03-01 09:30:00", stage="Qualification"):
    return f"{deal_id},{created},{stage}"


def one(run, header, cells, *, source="zoho", settings=None, file="Deals.csv"):
    """Import one deal with further columns."""
    text = f"{HEAD},{header}\n{deal()},{cells}\n"
    return run(source, {file: text}, settings)


# -- headers -------------------------------------------------------------------------------

HEADERS = {
    "zoho labels": ("zoho", "Deals.csv", "Record Id,Deal Name,Deal Owner,Deal Owner.id,Amount,"
                    "Closing Date,Created Time,Stage,Probability (%)", "Needs Analysis"),
    "zoho API names": ("zoho", "Deals.csv", "id,Deal_Name,Owner.name,Owner.id,Amount,"
                       "Closing_Date,Created_Time,Stage,Probability", "Needs Analysis"),
    "zoho old names": ("zoho", "Potentials.csv", "Potential Id,Potential Name,Potential Owner,"
                       "Potential Owner.id,Amount,Closing Date,Created Time,Stage,Probability",
                       "Needs Analysis"),
    "fxiaoke labels": ("fxiaoke", "商机2.0.csv", "数据ID,商机名称（必填）,负责人（必填）,负责人ID,"
                       "商机金额,预计成交日期,创建时间,商机阶段,赢率", "需求确认"),
    "fxiaoke API names": ("fxiaoke", "NewOpportunityObj.csv", "_id,name,owner__r,owner,amount,"
                          "close_date,create_time,sales_stage__r,probability", "需求确认"),
    "our own names": ("tables", "deals.csv", "deal_id,name,owner_name,owner_id,amount,"
                      "expected_close_on,created_at,stage,probability", "needs"),
    "nothing in the name": ("zoho", "export (3).csv", "Record Id,Deal Name,Deal Owner,"
                            "Deal Owner.id,Amount,Closing Date,Created Time,Stage,Probability",
                            "Needs Analysis"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_every_way_to_head_the_columns_means_the_same(run, kind):
    source, file, header, label = HEADERS[kind]
    row = f'{ID},Alpha,李娜,77001234,"1,200.5",2025-09-30,2025-03-01 09:30,{label},20%'
    imported = run(source, {file: f"{header}\n{row}\n"})
    columns = "deal_id, name, owner_name, owner_id, amount, expected_close_on, created_at, "
    assert imported.rows("deals", columns + "stage, status, probability, source_system") == [
        (ID, "Alpha", "李娜", "77001234", 1200.5, date(2025, 9, 30), datetime(2025, 3, 1, 9, 30),
         "needs", "open", 0.2, source)
    ]  # fmt: skip
    assert imported.record["unknown_columns"] == []


def test_columns_nobody_knows_are_listed_and_the_systems_own_tail_is_not(run):
    header = "数据ID,创建时间,商机阶段,最后修改人,锁定状态,人员-普通成员-只读,外部负责人,星座"
    row = "f00001,2025-03-01,商机确认,x,x,x,x,x"
    imported = run("fxiaoke", {"商机.csv": f"{header}\n{row}\n"})
    assert imported.record["unknown_columns"] == ["商机.csv: 星座"]
    assert imported.file("商机.csv")["mapped"] == {
        "数据ID": "deal_id", "创建时间": "created_at", "商机阶段": "stage_label",
    }  # fmt: skip


def test_a_column_that_stands_twice_is_read_once_and_listed(run):
    imported = one(run, "Stage,Lead Source", "Closed Won,Web")
    assert imported.rows("deals", "stage, source") == [("qualification", "Web")]
    assert imported.record["unknown_columns"] == ["Deals.csv: Stage"]


def test_a_field_of_ones_own_is_kept_under_its_own_name(run):
    settings = {"fields": {"deals": {"Zodiac": "x_zodiac", "Landing": "region"}}}
    imported = one(run, "Zodiac,Landing,Other", "Lion,North,?", settings=settings)
    assert imported.rows("deals", "x_zodiac, region") == [("Lion", "North")]
    assert imported.record["unknown_columns"] == ["Deals.csv: Other"]


# -- stages --------------------------------------------------------------------------------


def stages(**labels):
    found = [{"name": n, "rank": 10 * i, "category": "open", "labels": [label]}
             for i, (n, label) in enumerate(labels.items(), start=1)]  # fmt: skip
    return [*found, {"name": "won", "rank": 90, "category": "won", "labels": ["Closed Won"]},
            {"name": "lost", "rank": 91, "category": "lost"}]  # fmt: skip


def test_labels_of_ones_own_lead_to_stages(run):
    settings = {"stage_labels": {"Handshake": "negotiation"}}
    text = f"{HEAD}\n{deal(stage='hand shake')}\n{deal('554023000002', stage='Nowhere')}\n"
    imported = run("zoho", {"Deals.csv": text}, settings)
    assert imported.rows("deals", "stage, stage_label") == [("negotiation", "hand shake")]
    assert imported.record["unmapped_stages"] == {"Nowhere": 1}


def test_the_same_label_may_mean_different_stages_in_two_pipelines(run):
    settings = {
        "pipelines": {
            "direct": {"labels": ["Direct"], "stages": stages(talk="First", offer="Check")},
            "partner": {"labels": ["Partner"], "stages": stages(audit="Check", sign="Last")},
        }
    }
    text = (
        f"{HEAD},Pipeline\n{deal(stage='Check')},Direct\n"
        f"{deal('554023000002', stage='Check')},Partner\n"
    )
    imported = run("zoho", {"Deals.csv": text}, settings)
    assert imported.rows("deals", "pipeline, stage, stage_rank") == [
        ("direct", "offer", 20),
        ("partner", "audit", 10),
    ]


def test_a_status_of_closed_wins_over_an_open_label(run):
    head = "数据ID,创建时间,商机阶段,阶段状态\n"
    rows = "f00001,2025-03-01,商务谈判,赢单\nf00002,2025-03-01,商务谈判,进行中\n"
    rows += "f00003,2025-03-01,商务谈判,输单\nf00004,2025-03-01,我们的阶段,无效\n"
    imported = run("fxiaoke", {"商机.csv": head + rows})
    assert imported.rows("deals", "deal_id, status, stage_label") == [
        ("f00001", "won", "商务谈判"),
        ("f00002", "open", "商务谈判"),
        ("f00003", "lost", "商务谈判"),
        ("f00004", "invalid", "我们的阶段"),
    ]


# -- money, shares, times ------------------------------------------------------------------


def test_amounts_in_other_currencies_need_a_rate(run):
    text = (
        f"{HEAD},Amount,Currency\n{deal()},100,USD\n{deal('554023000002')},100,EUR\n"
        f"{deal('554023000003')},100,CNY\n{deal('554023000004')},100,\n"
    )
    imported = run("zoho", {"Deals.csv": text}, {"fx": {"rates": {"USD": 7.2}}})
    assert imported.rows("deals", "deal_id, amount, amount_source, currency") == [
        ("554023000001", 720.0, 100.0, "USD"),
        ("554023000002", None, 100.0, "EUR"),
        ("554023000003", 100.0, 100.0, "CNY"),
        ("554023000004", 100.0, 100.0, None),
    ]
    assert imported.record["warnings"] == [
        "1 deal in EUR has no amount in CNY: give a rate in salesops.toml, [fx.rates] EUR = …"
    ]


TIMES = {
    "2025-03-01 22:30:00": datetime(2025, 3, 1, 22, 30),
    "2025-03-01T22:30:00+00:00": datetime(2025, 3, 1, 17, 30),
    "2025-03-01T22:30:00Z": datetime(2025, 3, 1, 17, 30),
    "1740868200": datetime(2025, 3, 1, 17, 30),
    "1740868200000": datetime(2025, 3, 1, 17, 30),
}


def test_times_with_an_offset_move_to_the_zone_of_the_company_and_naive_ones_do_not(run):
    settings = {"company": {"time_zone": "America/New_York"}}
    ids = [f"55402300000{i}" for i in range(len(TIMES))]
    rows = [deal(name, created) for name, created in zip(ids, TIMES, strict=True)]
    imported = run("zoho", {"Deals.csv": "\n".join([HEAD, *rows])}, settings)
    assert list(imported.by_id("deals", "created_at").values()) == list(TIMES.values())
    days = {(when - datetime(1970, 1, 1)).days for when in TIMES.values()}
    assert set(imported.by_id("deals", "created_day").values()) == days


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0.2", "1", "0"], [0.2, 1, 0]),
        (["20", "100", "0.5"], [0.2, 1, 0.005]),
        (["20%", "100 %", "0.5%"], [0.2, 1, 0.005]),
        (["20%", "1", ""], [0.2, 1, None]),
        (["20", "", "-"], [0.2, None, None]),
    ],
)
def test_chances_are_fractions_by_what_the_whole_column_shows(run, cells, expected):
    rows = [f"{deal(f'55402300000{i}')},{cell}" for i, cell in enumerate(cells)]
    imported = run("zoho", {"Deals.csv": "\n".join([f"{HEAD},Probability", *rows])})
    assert list(imported.by_id("deals", "probability").values()) == expected


@pytest.mark.parametrize(
    ("dates", "expected", "note"),
    [
        (["03/04/2025", "25/04/2025"], [date(2025, 4, 3), date(2025, 4, 25)], "day first"),
        (["03/04/2025", "04/25/2025"], [date(2025, 3, 4), date(2025, 4, 25)], "month first"),
        (["03/04/2025", "05/04/2025"], [], ""),
        (["13/04/2025", "04/25/2025"], [], "others month first"),
    ],
)
def test_the_order_of_day_and_month_is_decided_by_the_column_or_refused(run, dates, expected, note):
    rows = [f"{deal(f'55402300000{i}')},{cell}" for i, cell in enumerate([*dates, "2025-06-01"])]
    imported = run("zoho", {"Deals.csv": "\n".join([f"{HEAD},Closing Date", *rows])})
    found = list(imported.by_id("deals", "expected_close_on").values())
    assert found == [*expected, date(2025, 6, 1)]
    assert len(imported.rejects()) == len(dates) - len(expected)
    assert note in " ".join(imported.file("Deals.csv")["notes"])


@pytest.mark.parametrize("word", [w for w in MISSING_WORDS if w] + ['""', "  "])
def test_nothing_is_not_zero(run, word):
    text = f"{HEAD},Amount\n{deal()},{word}\n{deal('554023000002')},0\n"
    imported = run("zoho", {"Deals.csv": text})
    assert list(imported.by_id("deals", "amount").values()) == [None, 0.0]
    assert imported.rejects() == []


# -- owners --------------------------------------------------------------------------------

USERS = "User Id,Full Name,Team\n1000,李娜,East\n1001,王伟,West\n"


@pytest.mark.parametrize(
    ("header", "cell", "owner", "team"),
    [
        ("Deal Owner.id", "1000", "1000", "East"),
        ("Deal Owner", "李娜", "1000", "East"),
        ("Deal Owner", "李娜(已停用)", "1000", "East"),
        ("Deal Owner", "王伟（已停用）", "1001", "West"),
        ("Deal Owner", "李娜（离职）", "1000", "East"),
        ("Deal Owner", "王伟 [已离职]", "1001", "West"),
        ("Deal Owner", "王伟 (Inactive)", "1001", "West"),
        ("Deal Owner.id", '"[""1000""]"', "1000", "East"),
        ("Deal Owner.id", '"[""1001"",""1000""]"', "1001", "West"),
        ("Deal Owner", "Nobody", "Nobody", None),
        ("Deal Owner", "", None, None),
    ],
)
def test_owners_are_found_by_id_name_or_list(run, header, cell, owner, team):
    text = f"{HEAD},{header}\n{deal()},{cell}\n"
    imported = run("zoho", {"Deals.csv": text, "Users.csv": USERS})
    assert imported.rows("deals", "owner_id, team", order="1") == [(owner, team)]


@pytest.mark.parametrize("accounts", [True, False])
def test_a_mark_behind_the_name_of_a_customer_is_part_of_it(run, accounts):
    """People leave; of two customers with one name the mark may be all that tells them apart."""
    called = ["Acme", "Acme (Inactive)"]
    rows = [f"{deal(f'6000000000000000{n}')},{name}" for n, name in enumerate(called)]
    files = {"Deals.csv": "\n".join([f"{HEAD},Account Name", *rows])}
    if accounts:
        files["Accounts.csv"] = "Record Id,Account Name\n71,Acme\n72,Acme (Inactive)\n"
    found = run("zoho", files).rows("deals", "account_id", order="1")

    assert [row[0] for row in found] == (["71", "72"] if accounts else called)


# -- traps ---------------------------------------------------------------------------------


def test_long_ids_that_differ_in_the_last_digit_stay_apart(run):
    ids = [f"12345678901234567{digit}" for digit in range(10)]
    rows = [f"{deal(name)},{name}9" for name in ids]
    imported = run("zoho", {"Deals.csv": "\n".join([f"{HEAD},Account Name.id", *rows])})
    assert imported.rows("deals", "deal_id, account_id") == [(i, f"{i}9") for i in ids]


def test_a_day_is_a_day_of_the_company_not_of_greenwich(run):
    text = f"{HEAD}\n{deal(created='2025-03-31T20:00:00Z')}\n"
    shanghai = run("zoho", {"Deals.csv": text}, {"company": {"time_zone": "Asia/Shanghai"}})
    kolkata = run("zoho", {"Deals.csv": text}, {"company": {"time_zone": "Asia/Kolkata"}},
                  into="kolkata")  # fmt: skip
    utc = run("zoho", {"Deals.csv": text}, {"company": {"time_zone": "UTC"}}, into="utc")
    april, march = (
        (date(2025, 4, 1) - date(1970, 1, 1)).days,
        (date(2025, 3, 31) - date(1970, 1, 1)).days,
    )
    assert [list(i.by_id("deals", "created_day").values()) for i in (shanghai, kolkata, utc)] == [
        [april], [april], [march],
    ]  # fmt: skip


def test_two_currencies_are_never_added_up_unconverted(run):
    text = f"{HEAD},Amount,Currency\n{deal()},100,JPY\n{deal('554023000002')},100,CNY\n"
    imported = run("zoho", {"Deals.csv": text})
    assert imported.rows("deals", "sum(amount)", order="1") == [(100.0,)]


def test_an_empty_cell_and_a_word_for_nothing_are_the_same_nothing(run):
    text = f"{HEAD},Lead Source\n{deal()},\n{deal('554023000002')},null\n"
    text += f"{deal('554023000003')},N/A\n{deal('554023000004')},Web\n"
    imported = run("zoho", {"Deals.csv": text})
    assert list(imported.by_id("deals", "source").values()) == [None, None, None, "Web"]


def test_labels_differ_by_more_than_case_width_and_space(run):
    labels = ["closed won", "CLOSED WON", "Ｃｌｏｓｅｄ Ｗｏｎ", " Closed  Won ", "Closed-Wonn"]
    rows = [deal(f"55402300000{i}", stage=label) for i, label in enumerate(labels)]
    imported = run("zoho", {"Deals.csv": "\n".join([HEAD, *rows])})
    assert list(imported.by_id("deals", "status").values()) == ["won"] * 4
    assert imported.record["unmapped_stages"] == {"Closed-Wonn": 1}
