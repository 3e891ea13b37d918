import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.errors import ParameterError
from salesops_kit.models.decomposition import log_change, logarithmic_mean

FACTORS = {"deals": 1, "win_rate": 1, "size": 1, "days": -1}
positive = st.floats(1e-6, 1e6)
values = st.fixed_dictionaries(dict.fromkeys(FACTORS, positive))


def product(numbers):
    return numbers["deals"] * numbers["win_rate"] * numbers["size"] / numbers["days"]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(before=values, after=values)
def test_contributions_add_up_exactly(before, after):
    split = log_change(before, after, FACTORS)

    old, new = product(before), product(after)
    assert split["log_change"].sum() == pytest.approx(math.log(new / old), abs=1e-9)
    assert split["contribution"].sum() == pytest.approx(new - old, rel=1e-9, abs=1e-9 * (new + old))


def test_only_what_changed_contributes():
    before = {"deals": 100, "win_rate": 0.2, "size": 50, "days": 10}

    split = log_change(before, before | {"days": 20}, FACTORS).set_index("factor")

    assert split["contribution"].to_dict() == pytest.approx(
        {"deals": 0, "win_rate": 0, "size": 0, "days": -50}
    )
    assert split["share"].to_dict() == {"deals": 0, "win_rate": 0, "size": 0, "days": 1}


def test_no_change_has_no_shares():
    same = {"deals": 1, "win_rate": 1, "size": 1, "days": 1}

    split = log_change(same, same, FACTORS)

    assert split["contribution"].tolist() == [0, 0, 0, 0]
    assert split["share"].isna().all()


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_what_has_no_logarithm_is_missing(wrong):
    fine = {"deals": 1, "win_rate": 1, "size": 1, "days": 1}

    split = log_change(fine, fine | {"size": wrong}, FACTORS)

    assert split[["log_change", "contribution", "share"]].isna().all(axis=None)


def test_an_unknown_factor_is_refused():
    with pytest.raises(ParameterError, match="values lack the factor 'days'"):
        log_change({"n": 1}, {"n": 1}, {"n": 1, "days": -1})


@given(first=positive, second=positive)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_logarithmic_mean_lies_between(first, second):
    mean = logarithmic_mean(first, second)

    low, high = sorted((first, second))
    assert low * (1 - 1e-9) <= mean <= high * (1 + 1e-9)
    assert np.isclose(mean, logarithmic_mean(second, first), rtol=1e-6)
