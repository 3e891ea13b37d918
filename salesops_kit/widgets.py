"""Controls for exploring in JupyterLab; reports leave them out."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.analyses.forecast import SalesForecast
from salesops_kit.analyses.forecast_scenario import Scenario, analyse_scenario
from salesops_kit.charts.forecast import scenario_lines
from salesops_kit.language import Money, Share, Value
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
