"""The table of all tests: its order, its numbers, its sentence, and how it prints."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up

import spatialsyn as ss
from spatialsyn.diagnostics import battery, hausman, lm, lr, vif, wald
from spatialsyn.diagnostics.reading import _effects, _lags

TWO = {"fixed_effects": "twoways"}


@pytest.fixture(scope="module")
def two():
    return made_up(n=20, T=10)


@pytest.fixture(scope="module")
def durbin(two):
    panel, w = two
    return ss.fit(ss.sdm("y ~ x + z", W="w", **TWO), panel, w)


@pytest.fixture(scope="module")
def made(durbin):
    return durbin.diagnostics()


def test_every_row_is_the_function_of_its_name(durbin, made):
    expected = {
        "LM lag": lm(durbin, "lag"),
        "robust LM error, naive": lm(durbin, "error", robust="lag", naive=True),
        "robust LM WX": lm(durbin, "wx", robust="lag"),
        "Hausman, robust": hausman(durbin, "robust"),
        "Wald to SEM": wald(durbin, "sem"),
        "LR to SLX": lr(durbin, "slx"),
        "LM error given SDM": lm(durbin, "error", given=("lag", "wx")),
    }
    for name, test in expected.items():
        assert made[name] == test
    assert made.vif.equals(vif(durbin))
    assert list(made.moran["year"]) == list(durbin.data.years)


def test_groups_stand_in_the_order_of_papers(made):
    groups = list(dict.fromkeys(made.table["group"]))
    assert [group.split()[0] for group in groups] == [
        "Which", "Lags", "Which", "The", "Are", "Are", "Would", "Is", "What",
    ]  # fmt: skip


@pytest.mark.parametrize("fixed", ["none", "time"])
def test_one_year_has_no_effects_of_years_to_test(fixed):
    """Their number is zero, and the battery of any cross-section ended in a division by it."""
    panel, w = made_up(n=20, T=2)
    one = panel.subset(years=panel.years[:1])
    made = ss.fit(ss.sdm("y ~ x", W="w", fixed_effects=fixed), one, w).diagnostics()
    assert "the effect of the only year is the constant" in made["F year effects"].note
    assert made["LM lag"].p > 0


def test_battery_fits_and_tests(two, made):
    panel, w = two
    again = battery(ss.sdm("y ~ x + z", W="w", **TWO), panel, w)
    assert repr(again) == repr(made)


@pytest.mark.parametrize(("p", "said"), [(0.04, "keep them fixed"), (0.06, "not rejected")])
def test_what_is_not_rejected_is_not_said_to_hold(p, said):
    """A Hausman test of few cities has little power: its silence is no leave for random effects."""
    [sentence] = _effects({"Hausman, correlated": p})
    assert said in sentence
    assert "would do" not in sentence


def test_what_does_not_apply_says_why(made):
    assert "no special case" in made["LR to SDEM"].note
    assert "year effects make" in made["Pesaran CD"].note
    assert np.isnan(made["Pesaran CD"].p)


def test_sentence_reads_the_table(two, made):
    panel, w = two
    assert made.reading.startswith("At 5%: SAR, SEM and SLX are all rejected: keep the SDM")
    plain = battery(ss.ols("y ~ x + z", **TWO), panel, w)
    assert "the OLS lacks a lag of y, W X" in plain.reading
    lag = battery(ss.sar("y ~ x + z", W="w", **TWO), panel, w)
    assert "the SAR lacks W X" in lag.reading


def test_a_sar_is_recognised():
    """Drawn without W X: the SDM could be simplified."""
    panel, w = made_up(n=30, T=10, seed=4)
    params = {"x": 1.0, "z": -0.5, "rho[w]": 0.5, "sigma2": 0.5}
    drawn = ss.simulate(ss.sar("y ~ x + z", W="w", **TWO), panel, w, params, seed=1)
    made = battery(ss.sdm("y ~ x + z", W="w", **TWO), drawn, w)
    assert "the SDM could be simplified to SAR" in made.reading


@pytest.mark.parametrize(
    ("chances", "said"),
    [
        ({}, "not every simpler model could be tested"),
        ({"SAR": (0.2, 0.3), "SEM": (0.01, 0.01), "SLX": (0.0, 0.0)}, "simplified to SAR"),
        ({"SAR": (0.2, 0.01), "SEM": (0.01, 0.01), "SLX": (0.0, 0.0)}, "SAR cannot be ruled out"),
        ({"SAR": (0.2, 0.3), "SEM": (0.1, 0.1), "SLX": (0.0, 0.0)}, "SAR, SEM cannot be ruled out"),
        ({"SAR": (0.0, 0.0), "SEM": (0.3, 0.3), "SLX": (0.0, 0.0)}, "SEM cannot be ruled out"),
    ],
)
def test_rule_of_simplification(durbin, chances, said):
    """Kept by both tests and supported by the robust LM test, of which only that of SAR is here."""
    p = {"robust LM lag": 0.01, "robust LM error": 0.4}
    for to, (first, second) in chances.items():
        p |= {f"Wald to {to}": first, f"LR to {to}": second}
    assert said in _lags(durbin, p)


def test_it_prints(made):
    html = made._repr_html_()
    assert html.count("<tr>") == len(made.table) + made.table["group"].nunique() + 1
    assert made.reading.replace('"', "&quot;") in html
    assert "<0.001" in repr(made)
    assert "&lt;0.001" in html
    assert "VIF: x " in repr(made)
    assert made.tidy().equals(made.table)


@pytest.mark.parametrize(
    "model",
    [
        ss.sar("y ~ x", W="w", estimator="2sls", **TWO),
        ss.sdm("y ~ x", W="w", lag_y=True, **TWO),
        ss.mess("y ~ x", W="w", **TWO),
        ss.sdm("y ~ x", W="w", random="individual"),
        ss.gns("y ~ x", W="w", fixed_effects="individual"),
        ss.sdm("y ~ x", W="w", correction="bias-corrected", **TWO),
    ],
    ids=str,
)
def test_every_kind_of_model_has_a_table(two, model):
    """What does not apply is a row with its reason; nothing breaks off."""
    panel, w = two
    made = battery(model, panel, w)
    missing = made.table[made.table["p"].isna()]
    assert (missing["note"] != "").all()
    assert made.reading.startswith("At 5%")


def test_refusals(two, made):
    panel, w = two
    with pytest.raises(ss.ModelError, match="there is no test 'LM'"):
        made["LM"]
    with pytest.raises(ss.ModelError, match="battery needs a model"):
        battery("y ~ x", panel, w)
