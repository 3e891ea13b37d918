"""One amount far beyond all others: what of it counts."""

import numpy as np
import pytest

from salesops_kit.models.single_amounts import believed


@pytest.mark.parametrize(
    ("amount", "deals", "kept"),
    [
        ([1.0, 2.0, 90.0], [1, 1, 1], [1.0, 2.0, 6.0]),
        ([1.0, 2.0, 90.0], [1, 1, 2], [1.0, 2.0, 90.0]),  # it came twice
        ([1.0, 90.0], [1, 1], [1.0, 90.0]),  # of two none is the usual one
        ([-5.0, -4.0, 90.0], [1, 1, 1], [-5.0, -4.0, 0.0]),
    ],
)
def test_only_a_single_deal_unlike_all_others_is_not_believed(amount, deals, kept):
    assert believed(np.array(amount), np.array(deals)).tolist() == kept
