"""What managers and reps agree on in their talks, and how managers judge attitude."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.simulate import Company
from salesops_kit.worlds.world import World

CRITERIA = (
    c.Named("Preparation", "准备充分", 3.6),
    c.Named("Reliability", "可靠守时", 3.8),
    c.Named("Teamwork", "团队协作", 3.9),
)
AGREED = (
    c.Named("Call the five oldest open deals and close or revive them.",
            "联系五个最久的在途商机，推进或关闭。"),
    c.Named("Bring a technician to two solution talks.", "在两次方案沟通中带上技术人员。"),
    c.Named("Write the next step into every open deal.", "为每个在途商机填写下一步。"),
    c.Named("Practise the price talk with the team lead.", "与主管演练价格谈判。"),
    c.Named("Visit three accounts without a deal this year.", "拜访三家今年没有商机的客户。"),
)  # fmt: skip
RESULTS = (
    c.Named("Done; two deals moved on.", "已完成；两个商机有进展。"),
    c.Named("Done in part.", "部分完成。"),
    c.Named("Done.", "已完成。"),
)
_DAYS, _LATEST = 45, 80  # until an action is due, and until the last of those done is
_DONE = 0.7


def reviews(company: Company) -> pd.DataFrame:
    """Return how managers judged each rep, twice a year, from 1 to 5; a little of it is skill."""
    rng = company.world.stream("reviews")
    skill = company.reps["skill"].to_numpy() / max(company.world.skill, 1e-9)
    habit = rng.normal(0, 0.5, (len(company.reps), len(CRITERIA))) + 0.15 * skill[:, None]
    rows = []
    for day in _talks(company.world)[::2]:
        luck = rng.normal(0, 0.4, habit.shape)
        usual = np.array([named.weight for named in CRITERIA])
        score = np.clip(np.round(usual + habit + luck), 1, 5)
        judged = there(company.reps, day)
        rows += [(day, rep, number, int(score[rep, number]))
                 for rep in judged for number in range(len(CRITERIA))]  # fmt: skip
    return pd.DataFrame(rows, columns=["reviewed", "rep", "criterion", "score"])


def actions(company: Company) -> pd.DataFrame:
    """Return what was agreed in the talk of each quarter, and what became of it by the export."""
    world = company.world
    rng = world.stream("actions")
    rows = []
    for day in _talks(world):
        for rep in there(company.reps, day):
            what, late = int(rng.integers(len(AGREED))), int(rng.integers(5, _LATEST))
            result, done = int(rng.integers(len(RESULTS))), rng.random() < _DONE
            finished = day + timedelta(days=late) if done else None
            if finished is not None and finished >= world.export_on:
                finished = None
            rows.append((rep, what, day, day + timedelta(days=_DAYS), finished, result))
    frame = pd.DataFrame(rows, columns=["rep", "what", "opened", "due", "done", "result"])
    frame.insert(0, "action", np.arange(len(frame)))
    return frame


def there(reps: pd.DataFrame, day: date) -> list[int]:
    """Return the reps who work there on a day."""
    return [
        int(rep)
        for rep, hired, left in zip(reps["rep"], reps["hire_on"], reps["leave_on"], strict=True)
        if hired <= day and (left is None or left > day)
    ]


def _talks(world: World) -> list[date]:
    """Return the days of the talks: two weeks into each quarter."""
    firsts = pd.date_range(world.start, world.export_on, freq="QS", inclusive="left")
    days = [first.date() + timedelta(days=14) for first in firsts]
    return [day for day in days if day < world.export_on]
