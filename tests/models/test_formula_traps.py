"""What a formula might be taken to mean, and does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cases import made_up

import spatialsyn as ss
from spatialsyn.models.syntax import parse


@pytest.mark.parametrize(
    "side",
    ["x:x", "z + x*x", "x:z:x", "log(x):log( x )", "x:{x}", "(x + z)*(x + size)", "(x + z):z"],
)
def test_a_regressor_times_itself_is_not_taken_for_itself(side):
    """In R's formulas x:x is x; in Stata c.x#c.x is the square."""
    with pytest.raises(ss.FormulaError, match=r"multiplies '.*' by itself.*\{x \*\* 2\}"):
        parse(f"y ~ {side}")


def test_brackets_that_square_nothing_are_multiplied_out():
    assert [str(term) for term in parse("y ~ (x + z):size + x*z + x").terms] == [
        "x", "z", "x:size", "z:size", "x:z",
    ]  # fmt: skip


@pytest.mark.parametrize("term", ["d", "{2 * d}", "x:d"])
@pytest.mark.parametrize("what", ["span", "date"])
def test_spans_of_time_are_no_numbers_of_nanoseconds(term, what):
    panel, _ = made_up()
    days = pd.to_timedelta(np.arange(panel.n * panel.T) % 7, unit="D")
    column = pd.Series(days if what == "span" else pd.Timestamp("2020-01-01") + days)
    dated = panel.assign(d=column.set_axis(panel.frame.index))
    with pytest.raises(ss.FormulaError, match=r"'d' holds dates or spans .*frame\['d'\].dt.days"):
        ss.fit(ss.ols(f"y ~ {term}"), dated)
    assert len(ss.fit(ss.ols("y ~ C(d)"), dated).params) == 8  # seven days and sigma2
