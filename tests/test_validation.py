"""What `spatialsyn validate` ships: the stored numbers, and that a wrong one is noticed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from peers import HERE, fits
from typer.testing import CliRunner
from us_states import STATES_46, STATES_48, row_standardised

import spatialsyn as ss
from spatialsyn.cli import app
from spatialsyn.validation.compare import agreeing, panel_of, shipped
from spatialsyn.validation.quantities import quantity


def test_shipped_numbers_are_the_stored_ones():
    numbers = shipped("numbers.csv")
    for line in numbers[numbers["where"] != "printed"].itertuples():
        file, path = line.where.split("#")
        minus = path.partition(" - ")[2]
        value = reached(file, path.partition(" - ")[0])
        if minus:
            value -= reached(file, f"{path.rpartition('/')[0]}/{minus}")
        assert value == line.value, line.where


def reached(file: str, path: str):
    found = fits(file)
    for key in path.split("/"):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


@pytest.mark.parametrize(("name", "states"), [("cigar", STATES_46), ("produc", STATES_48)])
def test_shipped_panels_are_the_stored_ones(name, states):
    stored, ours = pd.read_csv(HERE / f"{name}.csv"), shipped(f"{name}.csv")
    for column in ours:
        assert_allclose(ours[column], stored[column], rtol=0)
    assert_allclose(panel_of(name)[1].dense(), row_standardised(states), rtol=1e-15)


def test_every_number_agrees_as_far_as_promised():
    made = ss.validate()
    assert made.failed.empty
    assert "all agree as far as they should" in repr(made)
    # What falls below six digits has a reason.
    low = made.table[made.table["digits"] < 6]
    assert len(low)
    assert (low["why"] != "").all()
    # The independent programs share no code with ours and agree to nine digits.
    independent = made.table[made.table["program"] == "R, independent"]
    assert len(independent) > 200
    assert independent["digits"].min() >= 9


def test_a_wrong_number_is_noticed(monkeypatch):
    numbers = shipped("numbers.csv", dtype={"random": str, "why": str}).fillna("").head(3)
    numbers.loc[0, "value"] *= 1.001
    monkeypatch.setattr("spatialsyn.validation.compare.shipped", shipping(numbers))
    made = ss.validate("cigar")
    assert len(made.failed) == 1
    assert made.failed.iloc[0]["digits"] == 3
    run = CliRunner().invoke(app, ["validate", "--panel", "cigar"])
    assert run.exit_code == 1
    assert "1 FALL SHORT" in run.output


def shipping(numbers: pd.DataFrame):
    return lambda name, **options: numbers if name == "numbers.csv" else shipped(name, **options)


def test_digits():
    assert agreeing(1.2345, 1.2345) == 12
    assert agreeing(1.2345001, 1.2345) == 7
    assert agreeing(-1.0, 1.0) == 0
    assert agreeing(np.nan, 1.0) == 0
    assert agreeing(2315.7004, 2315.7, "2315.7") == 5
    assert agreeing(2315.76, 2315.7, "2315.7") == 4


def test_refusals():
    with pytest.raises(ss.PanelError, match="panel='boston': there are"):
        ss.validate("boston")
    panel, w = panel_of("produc")
    results = ss.fit(ss.ols("lgsp ~ lpc"), panel)
    with pytest.raises(ss.ModelError, match="'rho' is no number of"):
        quantity(results, "rho", w)
