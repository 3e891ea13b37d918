"""A published period, fresh for each test."""

import pytest
from small_period import write_period


@pytest.fixture
def period(tmp_path):
    return write_period(tmp_path / "reports" / "acme" / "2025-09")
