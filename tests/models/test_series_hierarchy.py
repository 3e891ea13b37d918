"""Forecasts that add up: against the library's own MinT, and with the total held."""

import numpy as np
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models import series_hierarchy
from salesops_kit.models.series_hierarchy import reconciled, shrunk_covariance, summing

LEAVES = [("N", "a"), ("N", "b"), ("S", "c"), ("S", "d")]


def errors_of(nodes=7, count=60, seed=4):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (nodes, count)) + 0.5 * rng.normal(0, 1, count)


def test_nodes_come_from_the_top_and_hold_their_leaves():
    nodes, matrix = summing(LEAVES)

    assert nodes == [(), ("N",), ("S",), *LEAVES]
    assert matrix[:3].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
    assert matrix[3:].tolist() == np.eye(4).tolist()


def test_leaves_of_unequal_depth_are_refused():
    with pytest.raises(ParameterError, match="same number of names"):
        summing([("a",), ("b", "c")])


def test_parts_add_up_and_the_total_keeps_its_forecast():
    _, matrix = summing(LEAVES)
    tables = np.array([[100.0], [70], [40], [30], [30], [20], [20]])
    found = reconciled(tables, matrix, errors_of())

    assert found == pytest.approx(matrix @ found[3:], abs=1e-9)
    assert found[0, 0] == pytest.approx(100, rel=1e-4)
    assert found[1, 0] > found[2, 0]


def test_what_adds_up_already_stays():
    _, matrix = summing(LEAVES)
    tables = matrix @ np.array([[30.0, 31], [30, 32], [20, 23], [20, 24]])

    assert reconciled(tables, matrix, errors_of()) == pytest.approx(tables, rel=1e-6)


def test_no_leaf_falls_below_zero_where_no_forecast_did():
    _, matrix = summing(LEAVES)
    tables = np.array([[10.0], [20], [20], [19], [1], [19], [1]])
    found = reconciled(tables, matrix, errors_of())

    assert (found >= 0).all()
    assert found[0, 0] == pytest.approx(10, rel=1e-4)


def test_without_a_held_total_it_is_the_librarys_mint(monkeypatch):
    from hierarchicalforecast.methods import MinTrace

    monkeypatch.setattr(series_hierarchy, "_PINNED", 1.0)
    _, matrix = summing(LEAVES)
    tables = np.array([[100.0, 90], [70, 60], [40, 41], [30, 31], [30, 29], [20, 22], [20, 21]])
    errors = errors_of(count=400)
    library = MinTrace("mint_shrink").fit_predict(
        S=matrix, y_hat=tables, y_insample=errors, y_hat_insample=np.zeros_like(errors)
    )

    assert reconciled(tables, matrix, errors) == pytest.approx(library["mean"], rel=2e-3)


def test_correlations_shrink_with_few_errors_and_stay_with_many():
    rng = np.random.default_rng(2)
    shared = rng.normal(size=(1, 20_000))
    many = rng.normal(size=(3, 20_000)) + shared
    few = many[:, :8]

    assert shrunk_covariance(many)[0, 1] / 2 == pytest.approx(0.5, abs=0.03)
    own = few[0] @ few[1] / 8
    assert abs(shrunk_covariance(few)[0, 1]) < abs(own)
