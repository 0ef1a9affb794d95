"""What tests of figures share, and what each leaves behind: nothing."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from report.drawing import fitted, invented_panel

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def panel():
    return invented_panel()


@pytest.fixture(scope="module")
def fit(panel):
    """Results and W."""
    return fitted(panel)


@pytest.fixture(scope="module")
def results(fit):
    return fit[0]
