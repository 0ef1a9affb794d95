"""Weights made of late years of the sample are marked wherever a fit is shown."""

from __future__ import annotations

import pytest

import spatialsyn as ss
from spatialsyn.summary import notes

LATE = (
    "W[eco] is made of values of 2018, 2019, late for a sample of 2011 to 2019: what drives y may "
    "have moved them. Take years before or at its start."
)


def fitted(years):
    panel = ss.datasets.guangdong()
    w = ss.weights.gap(panel.mean("gdp_per_capita", years=years), name="eco").standardize("row")
    model = ss.sar("log(gdp) ~ log(loans)", W="eco", fixed_effects="twoways")
    return ss.fit(model, panel, w)


@pytest.mark.parametrize("years", [(2018, 2019), (2011, 2018, 2019)])
def test_late_base_years_are_told(years):
    res = fitted(years)
    assert LATE in notes(res)
    assert LATE in ss.report.table(res).notes
    (chinese,) = [n for n in ss.report.table(res, language="zh").notes if "偏晚" in n]
    assert chinese.startswith("W[eco] 由 2018, 2019 年的数值构成，对 2011 至 2019 年的样本")


@pytest.mark.parametrize("years", [(2011, 2012), (2015,), "all"])
def test_base_years_at_the_start_and_all_of_them_are_not(years):
    res = fitted(years)
    assert not any("late for a sample" in note for note in notes(res))
    assert not any("late for a sample" in note for note in ss.report.table(res).notes)
