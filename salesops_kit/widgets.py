"""Controls for exploring in JupyterLab; reports leave them out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.analyses.feedback import Feedback
from salesops_kit.analyses.feedback_labels import keep_labels, to_read
from salesops_kit.analyses.feedback_texts import Texts
from salesops_kit.analyses.forecast import SalesForecast
from salesops_kit.analyses.forecast_scenario import Scenario, analyse_scenario
from salesops_kit.analyses.incentives import Incentives, compared
from salesops_kit.charts.forecast import scenario_lines
from salesops_kit.charts.incentives import cost_by_total, pay_by_attainment
from salesops_kit.language import Money, Share, Value
from salesops_kit.models.pay import PayPlan, simple_plan
from salesops_kit.models.scenario import Levers
from salesops_kit.models.sentiment import MOODS
from salesops_kit.reporting import emit
from salesops_kit.tables import Reader
from salesops_kit.workspace import Workspace

if TYPE_CHECKING:
    import ipywidgets

_DRAWN = "drawn"  # in place of a theme: texts drawn at random
_SHOWN, _LINE = 200, 90  # texts in a list, characters of each
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


def feedback_controls(workspace: Workspace, feedback: Feedback, read: Reader) -> "ipywidgets.VBox":
    """Return a list of themes, the texts of the one that is clicked, and buttons to correct them.

    The first entry draws texts at random, for an audit. Texts are masked, and shown as text.
    """
    import ipywidgets as widgets

    listed = feedback.themes[["theme", "theme_name", "complaints"]].itertuples(index=False)
    names = [(f"{name[read.language]} ({n})", key) for key, name, n in listed]
    theme = widgets.Select(options=[(read.say("feedback.draw"), _DRAWN), *names], rows=8)
    text = widgets.Select(options=[], rows=12, layout={"width": "100%"})
    whole = widgets.Textarea(disabled=True, layout={"width": "100%", "height": "90px"})
    buttons = [widgets.Button(description=read.say(f"feedback.{mood}")) for mood in MOODS]
    said = widgets.Label()
    done: dict[str, str] = {}

    def show(_: object = None) -> None:
        rows = feedback.texts.rows
        mine = rows.loc[rows["feedback_id"] == text.value, "text"]
        whole.value = str(mine.iloc[0]) if len(mine) else ""

    def fill(_: object = None) -> None:
        texts = texts_of(feedback.texts, theme.value)
        lines = texts[["mood", "text", "feedback_id"]].to_numpy().tolist()
        text.options = [(f"{read.say(f'feedback.{done.get(name, mood)}')} · {line[:_LINE]}", name)
                        for mood, line, name in lines]  # fmt: skip
        text.index = 0 if len(lines) else None
        show()

    def correct(mood: str) -> None:
        if text.value is None:
            return
        place = text.index
        done[text.value] = mood
        kept = keep_labels(workspace, {text.value: mood}, drawn=theme.value == _DRAWN)
        said.value = read.say("feedback.kept", n=kept)
        fill()
        text.index = min(place + 1, len(text.options) - 1) if text.options else None

    for button, mood in zip(buttons, MOODS, strict=True):
        button.on_click(lambda _, mood=mood: correct(mood))
    theme.observe(fill, "value")
    text.observe(show, "value")
    fill()
    return widgets.VBox([theme, text, whole, widgets.HBox(buttons), said])


def texts_of(texts: Texts, theme: str) -> pd.DataFrame:
    """Return the latest texts that complain about a theme, or the next of a random sample."""
    if theme == _DRAWN:
        return to_read(texts, _SHOWN)
    mine = texts.mentions[(texts.mentions["theme"] == theme) & texts.mentions["complaint"]]
    rows = texts.rows.loc[sorted(mine["text"].unique(), reverse=True)[:_SHOWN]]
    return rows[["feedback_id", "text", "mood"]].reset_index(drop=True)
