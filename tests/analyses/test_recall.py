"""Answers kept for equal questions: they come back for those, and for no other."""

import multiprocessing
import os
import time
from dataclasses import dataclass

import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses import recall
from salesops_kit.periods import period
from salesops_kit.reporting.run_one import RECALL
from salesops_kit.workspace import Workspace, open_period

DEAL = {"deal_id": "d1", "stage": "needs", "status": "open", "created_at": "2025-09-02",
        "owner_id": "r1"}  # fmt: skip
AUGUST = period("2025-08")


@dataclass(frozen=True)
class Answer:
    table: pd.DataFrame
    made: int


made = []  # one entry per time that something was worked out


@recall.recalled
def analyse(workspace: Workspace, *, period, more: object = "") -> Answer:
    made.append(str(workspace.scope))
    deals = workspace.table("deals").select("deal_id").collect(backend="pandas").to_native()
    return Answer(deals, len(made))


@pytest.fixture
def place(tmp_path, monkeypatch):
    made.clear()
    monkeypatch.setenv(recall.VARIABLE, f"code::{tmp_path / 'kept'}")
    reps = [{"rep_id": "r2", "name": "New"}]
    return write_workspace(tmp_path / "acme", {"deals": [DEAL], "reps": reps})


def ask(place, *, scope="", as_of="", **more):
    opened, september = open_period(place, "2025-09", scope=scope, as_of=as_of)
    return analyse(opened, **{"period": september} | more)


def kept(place):
    return sorted((place.parent / "kept").glob("[!.]*"))


def test_an_equal_question_gets_the_kept_answer(place):
    first, second = ask(place), ask(place)

    assert len(made) == 1
    assert second.made == first.made
    pd.testing.assert_frame_equal(first.table, second.table)


def test_the_runner_tells_kernels_by_the_same_variable():
    assert RECALL == recall.VARIABLE


def test_outside_a_report_everything_is_worked_out(place, monkeypatch):
    monkeypatch.delenv(recall.VARIABLE)
    ask(place)
    ask(place)

    assert len(made) == 2
    assert not (place.parent / "kept").exists()


@pytest.mark.parametrize("other", [
    {"scope": "rep=r1"}, {"scope": "rep=r2"}, {"as_of": "2025-09-29"}, {"period": AUGUST},
    {"more": "x"}, {"more": 1}, {"more": "1"},
])  # fmt: skip
def test_another_question_is_never_answered_with_it(place, other):
    ask(place)
    ask(place, more=True)
    ask(place, **other)

    assert len(made) == 3
    assert len(kept(place)) == 3


def test_an_answer_holds_only_what_its_scope_may_see(place):
    ask(place)

    assert ask(place, scope="rep=r2").table.empty
    assert ask(place, scope="rep=r2").table.empty
    assert made == ["", "rep=r2"]


@pytest.mark.parametrize("touched", [
    "tables/deals.parquet", "import.json", "salesops.toml", "labels/feedback.csv",
    "forecasts/2025-08-31-month-risks.json",
])  # fmt: skip
def test_what_it_was_made_of_has_changed(place, touched):
    ask(place)
    file = place / touched
    file.parent.mkdir(exist_ok=True)
    if touched.endswith("parquet"):
        os.utime(file, ns=(1, 1))
    else:
        text = {"import.json": '{"history_quality": "none"}',
                "salesops.toml": '[company]\nname = "Acme"\n'}  # fmt: skip
        file.write_text(text.get(touched, "x"), encoding="utf-8")
    ask(place)

    assert len(made) == 2


def test_a_forecast_kept_by_the_same_report_changes_nothing(place):
    ask(place)
    (place / "forecasts").mkdir()
    (place / "forecasts" / "2025-09-30-month.json").touch()
    ask(place)

    assert len(made) == 1


def test_periods_in_a_list_and_in_a_tuple_are_the_same_question(place):
    ask(place, more=[AUGUST, AUGUST.previous()])
    ask(place, more=(AUGUST, AUGUST.previous()))
    ask(place, more=(AUGUST,))

    assert len(made) == 2


def test_other_code_works_everything_out(place, monkeypatch):
    ask(place)
    monkeypatch.setenv(recall.VARIABLE, f"other::{place.parent / 'kept'}")
    ask(place)

    assert len(made) == 2


def test_a_forced_run_works_out_everything_once_and_leaves_it_to_later_ones(place, monkeypatch):
    ask(place)
    monkeypatch.setenv(recall.VARIABLE, f"code:one:{place.parent / 'kept'}")
    ask(place)
    again = ask(place)
    assert again.made == len(made) == 2
    monkeypatch.setenv(recall.VARIABLE, f"code:two:{place.parent / 'kept'}")
    ask(place)
    monkeypatch.setenv(recall.VARIABLE, f"code::{place.parent / 'kept'}")

    assert ask(place).made == len(made) == 3
    assert len(kept(place)) == 1


def test_arguments_that_cannot_be_told_apart_are_not_recalled(place):
    ask(place, more=object())
    ask(place, more=[object()])

    assert len(made) == 2
    assert not (place.parent / "kept").exists()


@pytest.mark.parametrize("wrong", [
    (0, b""), (0, b"x"), (40, b"x"), (0, b"cos\nsystem\n(S'touch pwned'\ntR."),
])  # fmt: skip
def test_a_spoilt_answer_is_worked_out_again_and_mended(place, wrong):
    ask(place)
    [file] = kept(place)
    whole, (at, bytes_there) = file.read_bytes(), wrong
    file.write_bytes(whole[:at] + bytes_there + whole[at + 1 :] if bytes_there else b"")
    ask(place)
    ask(place)

    assert len(made) == 2


def test_a_link_in_its_place_is_not_followed(place, tmp_path):
    ask(place)
    [file] = kept(place)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    ask(place)

    assert len(made) == 2


def test_answers_are_ours_alone_and_a_folder_open_to_others_is_not_used(place):
    ask(place)
    folder = place.parent / "kept"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in kept(place)] == [0o600]
    folder.chmod(0o750)
    ask(place)

    assert len(made) == 2


def test_the_longest_unasked_go_first(place, monkeypatch):
    ask(place)
    [first] = kept(place)
    size = first.stat().st_size
    monkeypatch.setattr(recall, "MOST", 2 * size + size // 2)
    os.utime(first, ns=(1, 1))
    ask(place, more="a")
    ask(place)  # asked for again: now the other is the older one
    ask(place, more="b")

    assert len(made) == 3
    assert len(kept(place)) == 2
    assert first in kept(place)


@recall.recalled
def takes_long(workspace: Workspace, *, period) -> int:
    time.sleep(0.5)
    return os.getpid()


def _asked_at_once(place, ready, results):
    opened, september = open_period(place, "2025-09")
    ready.wait(60)
    results.put(takes_long(opened, period=september))


def test_who_asks_what_another_is_working_out_waits_for_that_answer(place):
    fork = multiprocessing.get_context("fork")
    results, ready = fork.Queue(), fork.Barrier(3)
    for _ in range(3):
        fork.Process(target=_asked_at_once, args=(place, ready, results), daemon=True).start()

    assert len({results.get(timeout=60) for _ in range(3)}) == 1


def _asked_often(place, results):
    results.put({len(ask(place, more=str(n % 4)).table) for n in range(12)})


def test_two_processes_do_not_disturb_each_other(place):
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    both = [fork.Process(target=_asked_often, args=(place, results)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)

    assert [results.get(timeout=5) for _ in both] == [{1}, {1}]
    assert len(kept(place)) == 4
