"""The command of the gates: groups, shares of worlds, what is kept, and the page it writes."""

from dataclasses import replace

import pytest

from truth import __main__ as command
from truth import store
from truth.gates import Comparison, Gate, Outcome
from truth.report import Stamp, block, blocks_of, lines, meanings, page
from truth.run import GROUPS
from truth.store import Kept

GATE = Gate("named", "what it means", hits=9, worlds=10, lowest=0.86, highest=0.94)
TABLE = Comparison("share won", "share", 0.25, [("ours", 0.26), ("usual", 0.125)])
OUTCOME = Outcome([GATE], [TABLE])
STAMP = Stamp("development", "abc of 2025-10-01")
TITLES = {"reps": "Comparison of reps", "texts": "Reading texts"}


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Run the command on gates that are given, and return what the page then says."""
    monkeypatch.setattr(command, "PAGE", tmp_path / "accuracy.md")
    monkeypatch.setattr(command, "forget_others", lambda: None)
    monkeypatch.setattr(command, "version", lambda: "abc of 2025-10-01")
    asked = []

    def run_with(arguments, hits=9):
        gate = replace(GATE, hits=hits)
        monkeypatch.setattr(command, "run", lambda *a: asked.append(a) or Outcome([gate], [TABLE]))
        code = command.main(arguments)
        return code, command.PAGE.read_text("utf-8"), asked

    return run_with


def test_lines_and_block_show_target_figure_interval_and_number_of_worlds():
    assert lines(OUTCOME) == [
        "PASS   0.900  [0.555, 0.997]  n=10   0.86 – 0.94         named",
        "      share won: truth 0.250",
        "         0.260  error +0.010  ours",
        "         0.125  error -0.125  usual",
    ]
    shown = block(OUTCOME, replace(STAMP, share=0.25))
    assert shown.startswith("Development seeds, 25% of the worlds; commit abc of 2025-10-01.\n")
    assert "| named | 0.86 – 0.94 | 0.900 | 0.555 – 0.997 | 10 | PASS |" in shown
    assert "- **named.** what it means" in shown
    assert "| usual | 0.125 | -0.125 |" in shown


def test_what_several_gates_mean_is_said_once_under_what_their_names_share():
    gates = [
        Gate("leak (slower), signal 3–4: first", "Same.", 1, 2),
        Gate("… and named", "The same worlds.", 1, 2),
        Gate("leak (slower), signal 4–5: first", "Same.", 1, 2),
        Gate("… and named", "The same worlds.", 1, 2),
        Gate("plain", "", 1, 2),
    ]

    found = meanings(Outcome(gates))

    assert found == {"leak (slower), signal": "Same.", "… and named": "The same worlds."}


def test_a_page_keeps_its_blocks_and_says_first_what_was_missed_and_what_is_not_measured():
    failed = Outcome([replace(GATE, name="too narrow", hits=5)])
    blocks = {("reps", "development"): block(OUTCOME, STAMP),
              ("reps", "release"): block(failed, replace(STAMP, seeds="release"))}  # fmt: skip

    shown = page(blocks, TITLES)

    assert blocks_of(shown) == blocks
    assert page(blocks_of(shown), TITLES) == shown
    summary = shown[: shown.index("## Comparison of reps")]
    assert "- Held-out seeds: 0 of 1 gates pass.\n  - missed: too narrow\n" in summary
    assert "- Development seeds: 1 of 1 gates pass.\n  - not measured: Reading texts\n" in summary
    assert shown.index("Held-out seeds, all worlds") < shown.index("Development seeds, all worlds")


def test_a_group_run_again_leaves_the_sections_of_the_others(written):
    first, page_of_all, _ = written([])
    again, shown, asked = written(["reps", "--share", "0.25", "--workers", "1"], hits=1)

    assert (first, again) == (0, 1)
    assert asked[-1] == ("reps", "development", 0.25, 1)
    before, after = blocks_of(page_of_all), blocks_of(shown)
    assert set(before) == set(after) == {(name, "development") for name in GROUPS}
    assert {key for key in before if before[key] != after[key]} == {("reps", "development")}
    assert "25% of the worlds" in after["reps", "development"]


def test_held_out_seeds_have_blocks_of_their_own(written):
    written(["texts"])
    _, shown, asked = written(["texts", "--release"])

    assert asked[-1][:2] == ("texts", "release")
    assert set(blocks_of(shown)) == {("texts", "development"), ("texts", "release")}


def test_a_failed_gate_is_named_and_fails_the_command(written, capsys):
    code, _, _ = written(["reps"], hits=1)

    assert code == 1
    assert capsys.readouterr().err == "error: gate failed: named; see docs/accuracy.md\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fast"], "unrecognized arguments: --fast"),
        (["rep"], "'rep' is not a group; use stays, statements, leaks"),
        (["--share", "25"], "25 is not a share; write it like 0.25"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(arguments, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert said in capsys.readouterr().err


def test_a_share_of_the_worlds_leaves_at_least_one_of_each_kind():
    sizes = GROUPS["leaks"].sized(0.01)

    assert (sizes.quality, sizes.several) == (2, 1)
    assert GROUPS["leaks"].sized(1.0) == GROUPS["leaks"].sizes


def counted(item):
    counted.calls += 1
    return item * 2


def test_a_world_is_judged_once_while_the_code_is_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    counted.calls = 0
    kept = Kept.of(counted)

    assert [kept(3), kept(3), kept(4)] == [6, 6, 8]
    assert counted.calls == 2

    monkeypatch.setattr(store, "fingerprint", lambda: "other code")
    store.forget_others()
    assert Kept.of(counted)(3) == 6
    assert counted.calls == 3
    assert {path.name for path in tmp_path.iterdir()} == {"other code"}


def test_the_page_in_the_repository_is_one_the_command_wrote():
    text = command.PAGE.read_text("utf-8")
    # a group added since has its section when it is first run
    titles = {name: group.title for name, group in GROUPS.items() if f"## {group.title}\n" in text}

    assert {group for group, _ in blocks_of(text)} <= set(titles)
    assert page(blocks_of(text), titles) == text
