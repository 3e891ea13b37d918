"""Controls for exploring in JupyterLab; reports leave them out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.analyses.forecast import SalesForecast
from salesops_kit.analyses.forecast_scenario import Scenario, analyse_scenario
from salesops_kit.analyses.incentives import Incentives, compared
from salesops_kit.charts.forecast import scenario_lines
from salesops_kit.charts.incentives import cost_by_total, pay_by_attainment
from salesops_kit.language import Money, Share, Value
from salesops_kit.models.pay import PayPlan, simple_plan
from salesops_kit.models.scenario import Levers
from salesops_kit.reporting import emit
from salesops_kit.tables import Reader
from salesops_kit.workspace import Workspace

if TYPE_CHECKING:
    import ipywidgets

_RANGE = {"min": 0.5, "max": 1.5, "step": 0.05}


def scenario_controls(
    workspace: Workspace, result: SalesForecast, read: Reader
) -> "ipywidgets.VBox":
    """Return sliders for win rate, size, new deals, cycle and hiring, and what they lead to."""
    import ipywidgets as widgets

    names = ("win_rate", "size", "new_deals", "cycle")
    sliders: dict[str, Any] = {
        name: widgets.FloatSlider(
            value=1.0, description=read.say(f"scenario.{name}"), continuous_update=False, **_RANGE
        )
        for name in names
    }
    sliders["hires"] = widgets.IntSlider(
        value=0, min=0, max=20, description=read.say("scenario.hires"), continuous_update=False
    )
    sliders["ramp_steps"] = widgets.IntSlider(
        value=6, min=1, max=18, description=read.say("scenario.ramp_steps"),
        continuous_update=False,
    )  # fmt: skip

    def changed(**values: Any) -> None:
        show_scenario(analyse_scenario(workspace, result, Levers(**values)), read)

    shown = widgets.interactive_output(changed, sliders)
    return widgets.VBox([*sliders.values(), shown])


def show_scenario(found: Scenario, read: Reader) -> None:
    """Show one scenario: the sentence, the chart, and the steps."""
    values: dict[str, Value | str | int] = {
        "span": found.span, "base": Money(found.base, read.currency),
        "total": Money(found.total, read.currency), "low": Money(found.low80, read.currency),
        "high": Money(found.high80, read.currency), "chance": Share(found.chance),
        "base_chance": Share(found.base_chance), "target": Money(found.target, read.currency),
    }  # fmt: skip
    key = "scenario.said" if not pd.isna(found.target) else "scenario.said_without_target"
    emit.show_text(read.say(key, **values))
    emit.show_figure(scenario_lines(found.path, read), **read.figure("scenario.lines"))
    emit.show_table(read.table(found.path, "scenario.path"))


def trial_plan(read: Reader, result: Incentives, levers: Mapping[str, float]) -> PayPlan:
    """Return a plan to try.

    `levers`: `rate` in per cent of bookings, `threshold`, `accelerator`, `cap` in times of pay at
    target (0: none), `team_share`.
    """
    rate, cap = levers["rate"] / 100, levers["cap"]
    ceiling = {"cap": cap * result.quota * rate} if cap and rate else {}
    return simple_plan(
        read.say("incentives.mine"), rate=rate, threshold=levers["threshold"],
        accelerator=levers["accelerator"], team_share=levers["team_share"], **ceiling,
    )  # fmt: skip


def plan_controls(result: Incentives, read: Reader) -> "ipywidgets.VBox":
    """Return sliders for a plan of one's own, and what it leads to."""
    import ipywidgets as widgets

    ranges = {
        "rate": (2.0, 0.0, 10.0, 0.1), "threshold": (0.5, 0.0, 1.0, 0.05),
        "accelerator": (1.5, 0.0, 4.0, 0.1), "cap": (0.0, 0.0, 10.0, 0.5),
        "team_share": (0.0, 0.0, 1.0, 0.05), "response": (0.0, 0.0, 1.0, 0.05),
    }  # fmt: skip
    sliders: dict[str, Any] = {
        name: widgets.FloatSlider(
            value=value, min=low, max=high, step=step, continuous_update=False,
            description=read.say(f"incentives.try_{name}"),
        )
        for name, (value, low, high, step) in ranges.items()
    }  # fmt: skip

    def changed(response: float, **values: float) -> None:
        show_plan(replace(result, response=response), trial_plan(read, result, values), read)

    return widgets.VBox([*sliders.values(), widgets.interactive_output(changed, sliders)])


def show_plan(result: Incentives, plan: PayPlan, read: Reader) -> None:
    """Show what a plan pays and costs beside the plan in force."""
    found = compared(result, plan)
    if found.compared.empty:
        emit.show_text(read.say("incentives.empty"))
        return
    change, low, high = (Money(value, read.currency) for value in found.change)
    emit.show_text(read.say(
        "incentives.tried", period=found.next_period, change=change, low=low, high=high,
        dearer=Share(found.dearer),
    ))  # fmt: skip
    for chart, frame, name in ((pay_by_attainment, found.own, "own"),
                               (cost_by_total, found.curve, "curve")):  # fmt: skip
        emit.show_figure(chart(frame, read), **read.figure(f"incentives.{name}", **found.words))
    emit.show_table(read.table(found.summary, "incentives.summary", **found.words))
    emit.show_table(read.table(found.compared, "incentives.compared", **found.words))
