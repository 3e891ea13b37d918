"""Forecasts kept in a workspace: once, whole, and scored when their time has come."""

import json
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.forecast_record import keep_forecast, kept_accuracy, kept_forecasts
from salesops_kit.periods import period, periods_until
from salesops_kit.workspace import open_workspace


def opened(tmp_path, as_of, taken="2025-10-03T00:00:00", scope=""):
    folder = tmp_path / "w"
    if not folder.is_dir():
        row = {"deal_id": "a", "stage": "open", "status": "open", "created_at": "2024-01-01",
               "team": "East", "owner_id": "r"}  # fmt: skip
        write_workspace(folder, {"deals": [row]}, extracted_at=taken)
    return open_workspace(folder, as_of=as_of, scope=scope)


def given(last, values, ahead):
    """Return what a forecast shows, without the models: known values, and those ahead."""
    steps = tuple(periods_until(period(last), len(values)))
    coming = [steps[-1].next()]
    while len(coming) < len(ahead):
        coming.append(coming[-1].next())
    history = SimpleNamespace(
        steps=steps,
        ahead=tuple(coming),
        season=12,
        cadence="month",
        values=lambda _: pd.Series(values, dtype=float),
    )
    table = pd.DataFrame({"span": [s.label for s in coming], "forecast": ahead})
    table = table.assign(low80=table["forecast"] - 10, high80=table["forecast"] + 10)
    return SimpleNamespace(history=history, forecast=object(), ahead=table)


SEPTEMBER = given("2025-09", [100.0] * 12, [110.0, 120.0])


def test_a_forecast_is_kept_once_and_never_rewritten(tmp_path):
    workspace = opened(tmp_path, date(2025, 9, 30))

    assert keep_forecast(workspace, SEPTEMBER)
    assert not keep_forecast(workspace, given("2025-09", [100.0] * 12, [1.0, 1.0]))
    rows = kept_forecasts(workspace, "month")
    assert rows["value"].tolist() == [110.0, 120.0]
    assert rows["naive"].tolist() == [100.0, 100.0]
    assert [f.suffix for f in (workspace.path / "forecasts").iterdir()] == [".json"]


def test_a_forecast_made_when_its_time_was_over_is_not_kept(tmp_path):
    workspace = opened(tmp_path, date(2025, 9, 30), taken="2025-11-01T00:00:00")

    assert not keep_forecast(workspace, SEPTEMBER)
    assert kept_forecasts(workspace, "month").empty


def test_kept_forecasts_are_scored_by_lead_when_their_time_has_come(tmp_path):
    keep_forecast(opened(tmp_path, date(2025, 9, 30)), SEPTEMBER)
    later = opened(tmp_path, date(2025, 11, 30))
    now = given("2025-11", [*[100.0] * 12, 115.0, 100.0], [0.0])
    table = kept_accuracy(later, now).set_index("lead")

    assert table.loc[1, "wape"] == pytest.approx(5 / 115)
    assert table.loc[1, "bias"] == pytest.approx(-5 / 115)
    assert np.isnan(table.loc[1, "mase"])  # bookings had never changed when it was made
    assert table["coverage"].tolist() == [1.0, 0.0]
    assert table.loc[2, "added"] == pytest.approx(0 - 20 / 100)
    # 10 %: 0.1 x (115 - 100), 50 %: 0.5 x 5, 90 %: 0.1 x (120 - 115), doubled, their mean
    assert table.loc[1, "pinball_loss"] == pytest.approx(2 * (1.5 + 2.5 + 0.5) / 3 / 115)


def test_errors_are_scaled_by_the_change_from_last_year_as_known_then(tmp_path):
    known = [*range(100, 112), *range(106, 118)]
    keep_forecast(opened(tmp_path, date(2025, 9, 30)), given("2025-09", known, [120.0]))
    now = given("2025-10", [*known, 117.0], [0.0])
    table = kept_accuracy(opened(tmp_path, date(2025, 10, 31)), now)

    assert table["mase"].tolist() == pytest.approx([3 / 6])


def test_nothing_is_scored_before_its_time_and_later_forecasts_are_not_seen(tmp_path):
    keep_forecast(opened(tmp_path, date(2025, 9, 30)), SEPTEMBER)

    assert kept_accuracy(opened(tmp_path, date(2025, 9, 30)), SEPTEMBER).empty
    assert kept_forecasts(opened(tmp_path, date(2025, 8, 31)), "month").empty


def test_each_view_has_its_own_forecasts(tmp_path):
    keep_forecast(opened(tmp_path, date(2025, 9, 30), scope="team=East"), SEPTEMBER)

    assert kept_forecasts(opened(tmp_path, date(2025, 9, 30)), "month").empty
    assert len(kept_forecasts(opened(tmp_path, date(2025, 9, 30), scope="team=East"), "month")) == 2


def test_what_is_kept_can_be_read_without_the_kit(tmp_path):
    workspace = opened(tmp_path, date(2025, 9, 30))
    keep_forecast(workspace, SEPTEMBER)
    [file] = (workspace.path / "forecasts").iterdir()
    kept = json.loads(file.read_text("utf-8"))

    assert file.name == "2025-09-30-month.json"
    assert (kept["made_on"], kept["data_until"]) == ("2025-09-30", "2025-10-03")
    assert np.isfinite([row["value"] for row in kept["rows"]]).all()
