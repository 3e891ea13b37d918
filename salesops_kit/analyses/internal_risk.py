"""Our own house: rules broken, records missing, deals forgotten, prices given away, people leaving.

Every measure is a share with its n, followed over a year of periods where the past is known, and
judged against a limit of the settings and against its own past.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.internal_series import (
    approvers,
    attrition,
    compliance_series,
    erosion_series,
    handoff_series,
    leavers_money,
    open_deal_series,
    quota_reached,
)
from salesops_kit.models.intervals import wilson
from salesops_kit.periods import Period, periods_until
from salesops_kit.workspace import Workspace

PERIODS = 13
Series = Mapping[str, tuple[float, int]]  # period label → value, n
# worse when above its limit, but for these
BELOW = frozenset({"quota_reached"})
MEASURES = ("overdue", "stalled", "gaps", "broken_rules", "late_handoffs", "poor_handoffs",
            "erosion", "attrition", "quota_reached", "one_approver")  # fmt: skip
_NOT_COUNTS = frozenset({"erosion"})  # shares of money: no interval of a count
COLUMNS = {
    "measures": ["measure", "value", "lower", "upper", "n", "usual_value", "limit", "verdict",
                 "detail"],
    "series": ["period", "measure", "value", "n"],
}  # fmt: skip


@dataclass(frozen=True)
class InternalRisk:
    """Measures of the company itself.

    `measures`: one row per measure that the data knows: `value` with its 90 % interval, `n`,
    `usual_value` (mean of the periods before), `limit`, `verdict`: beyond (the limit), worse (than
    ever in the year before), fine, few (cases), `detail` (a name, where one stands out). `series`:
    the values per period. `leavers`: open money that is still with reps who have left.
    """

    period: Period
    measures: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["measures"])
    )
    series: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["series"]))
    leavers: tuple[int, float] = (0, 0.0)

    def of(self, measure: str) -> dict[Any, Any] | None:
        """Return the row of a measure; None where the data does not know it."""
        rows = self.measures[self.measures["measure"] == measure]
        return None if rows.empty else dict(rows.iloc[0])


def analyse_internal(workspace: Workspace, *, period: Period) -> InternalRisk:
    """Measure the company in the period, and in the twelve before it."""
    spans = [span for span in periods_until(period, PERIODS) if span.start <= workspace.as_of]
    series, details = _series(workspace, spans)
    rows = [(span.label, name, *values[span.label])
            for name in MEASURES if (values := series.get(name))
            for span in spans if span.label in values]  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS["series"])
    measures = [
        _measure(workspace, table, name, period, details.get(name, "")) for name in MEASURES
    ]
    known = [row for row in measures if row]
    return InternalRisk(
        period, pd.DataFrame(known, columns=COLUMNS["measures"]), table, leavers_money(workspace)
    )


def _series(
    workspace: Workspace, spans: Sequence[Period]
) -> tuple[dict[str, Series], dict[str, str]]:
    found: dict[str, Series] = {}
    parts: tuple[Callable[[Workspace, Sequence[Period]], Mapping[str, Series]], ...] = (
        open_deal_series, compliance_series, handoff_series, erosion_series, attrition,
    )  # fmt: skip
    for part in parts:
        found |= part(workspace, spans)
    last = spans[-1].label if spans else ""
    if (reached := quota_reached(workspace, spans[-1])) is not None:
        found["quota_reached"] = {last: reached}
    name, share, n = approvers(workspace)
    if n:
        found["one_approver"] = {last: (share, n)}
    return found, {"one_approver": name}


def _measure(
    workspace: Workspace, table: pd.DataFrame, name: str, period: Period, detail: str
) -> tuple[Any, ...] | None:
    """Judge the newest value of a measure."""
    rows = table[table["measure"] == name]
    now = rows[rows["period"] == period.label]
    if now.empty or now["value"].isna().all():
        return None
    value, n = float(now["value"].iloc[0]), int(now["n"].iloc[0])
    past = rows.loc[rows["period"] != period.label, "value"].dropna()
    limit, sign = workspace.settings.risk.limit(name), -1 if name in BELOW else 1
    low, high = (np.nan, np.nan) if name in _NOT_COUNTS else wilson(round(value * n), n)
    few = n < workspace.settings.thresholds.min_n
    worst = len(past) >= 6 and sign * value > sign * (past.max() if sign > 0 else past.min())
    verdict = "few" if few else "beyond" if sign * value > sign * limit else (
        "worse" if worst else "fine")  # fmt: skip
    usual = float(past.mean()) if len(past) else np.nan
    return name, value, low, high, n, usual, limit, verdict, detail
