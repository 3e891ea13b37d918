"""A few of the faults of bench/report_faults.py, with which runs are broken on purpose."""

import pytest
from demo_report import shared_workers

from bench import report_faults as faults
from salesops_kit.reporting import batch
from salesops_kit.reporting.catalogue import load_catalogue


class Here(faults.Place):
    """A place whose runs take place in this process."""

    def run(self, *_: str) -> tuple[int, str]:
        catalogue = load_catalogue(self.folder / "catalogue.toml")
        tasks = batch.range_tasks(catalogue, "faults", "2025-09", "2025-09")
        result = batch.run_tasks(tasks, shared_workers(), tell=lambda _: None)
        return result.exit_code, "\n".join(e for d in result.reports for e in d.result.errors)


@pytest.fixture
def place(tmp_path):
    return Here(tmp_path / "place")


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_the_old_period_whole_or_the_new_one(tmp_path):
    hits = faults.kills(faults.Place(tmp_path / "place"), 3, seed=5)

    assert sum(hits.values()) == 3


@pytest.mark.parametrize("fault", [faults.full_disk, faults.read_only])
def test_a_disk_that_takes_nothing_leaves_the_old_period_whole(place, fault):
    if not faults.may_mount():
        pytest.skip("small disks may not be mounted here (needs root)")

    assert fault(place).endswith("failed, old period whole, healed")


def test_broken_data_leaves_the_old_period_marked_as_stale(place):
    assert faults.broken_data(place) == "corrupted Parquet: failed, stale, healed"


@pytest.mark.parametrize("name", ["hangs outside Python", "eats memory at once"])
def test_a_notebook_that_takes_too_much_is_ended_and_told(place, name, monkeypatch):
    monkeypatch.setattr(faults, "FAULTS", {name: faults.FAULTS[name]})
    monkeypatch.setattr(faults, "_all_gone", lambda _: None)  # the shared processes live on

    status = faults.FAULTS[name][1]
    assert list(faults.notebooks_that_fail(place)) == [f"{name}: {status}, stale, healed"]


def test_what_is_printed_without_end_is_cut(place):
    assert faults.prints_much(place, megabytes=2).startswith("prints 2 MB: published")


def test_these_faults_notice_pages_of_two_runs(place):
    place.next_round()
    place.heals()
    page = place.target / "10_first.html"
    page.write_text(page.read_text("utf-8").replace("round 1", "round 0"), encoding="utf-8")

    with pytest.raises(SystemExit, match="FAULT: 10_first is of one run"):
        place.seen()


@pytest.mark.parametrize(("clean_s", "short", "usual"), [(1, 6, 60), (50, 50, 1000)])
def test_limits_follow_a_clean_run_so_that_a_busy_machine_is_no_fault(place, clean_s, short, usual):
    place.clean_s = clean_s
    given = []
    for hangs in (True, False):
        place.limits(short=hangs)
        [entry] = load_catalogue(place.folder / "catalogue.toml").entries
        given.append(entry.timeout_s)

    assert given == [short, usual]
