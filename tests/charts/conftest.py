import pytest

from salesops_kit.charts.theme import use_theme
from salesops_kit.settings import Settings
from salesops_kit.tables import Reader


@pytest.fixture(autouse=True)
def _theme():
    import matplotlib.pyplot as plt

    use_theme()
    yield
    plt.close("all")


@pytest.fixture(params=["en", "zh"])
def read(request) -> Reader:
    """A reader of a company with standard stages and yuan; a group is judged from 10 cases on."""
    return Reader(Settings(), request.param)
