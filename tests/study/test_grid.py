"""Every point of a grid is the model that its name says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from study.small import MODEL, panel_and_weights

import spatialsyn as ss

# The search over rho stops near the square root of machine precision.
RTOL = 1e-6


def effects(study_models, panel, w):
    """The effects of the only model, estimate and se by regressor and effect."""
    runs = ss.Study(panel, w, study_models).run()
    assert runs.failures.empty, runs.failures.iloc[0]
    return runs.effects()[["estimate", "se"]].to_numpy()


def fitted(panel, w, formula="y ~ x + z", **options):
    made = ss.fit(MODEL.but(formula=formula, **options), panel, w)
    return made.effects().table[["estimate", "se"]].to_numpy()


def numbers(panel, **columns):
    return panel.assign(**{name: values for name, values in columns.items()})


def test_the_grid_is_every_combination_and_names_what_varies():
    found = ss.grid(
        MODEL,
        W=["w", "other"],
        fixed_effects=["individual", "twoways"],
        drop_years=[None, 2003, (2006, 2005)],
        x=ss.swap("z", "v"),
        winsor=[None, 0.01],
        lag_x=[0, 1],
        blocks=[None, "region"],
    )
    assert len(found) == 2 * 2 * 3 * 2 * 2 * 2 * 2
    assert next(iter(found)) == "z, w, individual, all years, no winsor, no lag, one regime"
    last = found["v, other, twoways, without 2005, 2006, winsor 0.01, lag 1, by region"]
    assert last.model == ss.sdm(
        "winsor(y, 0.01) ~ lag(winsor(x, 0.01)) + lag(winsor(v, 0.01))",
        W="other",
        fixed_effects="twoways",
        regimes="region",
    )
    assert last.drop_years == (2005, 2006)
    assert dict(last.choices) == {
        "z as": "v", "W": "other", "fixed effects": "twoways", "sample": "without 2005, 2006",
        "winsor": "winsor 0.01", "lag of x": "lag 1", "regimes": "by region",
    }  # fmt: skip
    assert dict(last.terms)["lag(winsor(v, 0.01))"] == "z"
    assert str(last).endswith("by region, without 2005, 2006")


def test_a_value_outside_a_list_is_taken_by_all():
    (found,) = ss.grid(MODEL, fixed_effects="individual", drop_years=(2001, 2002)).values()
    assert found.model.fixed_effects == "individual"
    assert found.drop_years == (2001, 2002)
    assert list(ss.grid(MODEL)) == ["model"]
    several = ss.grid(MODEL, W=["w", ["w", "o"], {"wy": "w", "wx": "o"}])
    assert list(several) == ["w", "w + o", "wy w wx o"]
    assert several["w + o"].model.roles.wy == ("w", "o")


def test_formulas_keep_their_shape():
    model = ss.sdm(
        "log(y) ~ x + log(z) + x:z + {v / 100} + `a b` + C(k) - 1 | x + log(z)",
        W={"wy": "w", "wx": {"x": "w", "log(z)": "o"}},
        regimes=ss.regimes("region", x=["x"]),
    )
    (plain,) = ss.grid(model).values()
    assert plain.model == model.but(formula=plain.model.formula)
    moved = ss.grid(model, lag_x=2, x=ss.swap("x", "q"))["q"]
    assert moved.model.formula == (
        "log(y) ~ lag(q, 2) + lag(log(z), 2) + lag(v / 100, 2) + lag(`a b`, 2) + C(k) + "
        "lag(q, 2):lag(z, 2) - 1 | lag(q, 2) + lag(log(z), 2)"
    )
    assert dict(moved.model.roles.wx) == {"w": ("lag(q, 2)",), "o": ("lag(log(z), 2)",)}
    assert moved.model.regimes.x == ("lag(q, 2)",)


def test_lags_in_time_and_instruments_follow():
    dynamic = ss.sdm("y ~ x", W="w", fixed_effects="individual", lag_y=True, lag_wy=True)
    assert ss.grid(dynamic, W=["o"])["model"].model.lag_wy == ("o",)
    fixed = dynamic.but(lag_wy="other")
    assert ss.grid(fixed, W=["o"])["model"].model.lag_wy == ("other",)
    iv = ss.sdm("y ~ x + z", W="w", estimator="2sls", endogenous="x", instruments="v")
    made = ss.grid(iv, winsor=0.05)["model"].model
    assert made.endogenous == ("winsor(x, 0.05)",)
    assert made.instruments == ("v",)


@pytest.mark.parametrize("given", ["`digital economy (log)`", "digital economy (log)"])
def test_endogenous_regressors_whose_names_are_not_one_word_follow_too(given):
    """The numbers are those of the same columns under plain names."""
    panel, w = panel_and_weights()
    v = np.exp(panel.array("x") + panel.array("z") ** 2)  # x moves it
    panel = panel.assign(v=v)
    named = panel.assign(**{
        "digital economy (log)": panel.array("x"), "phones per head": panel.array("v"),
    })  # fmt: skip
    plain = MODEL.but(family="slx", estimator="2sls", endogenous="x", instruments="v")
    model = plain.but(
        formula="y ~ `digital economy (log)` + z", endogenous=given,
        instruments="`phones per head`",
    )  # fmt: skip
    options = {"winsor": [None, 0.05], "lag_x": [0, 1]}
    made = ss.grid(model, x=ss.swap("digital economy (log)", "{`phones per head` ** 2}"), **options)
    same = ss.grid(plain, x=ss.swap("x", "{v ** 2}"), **options)
    assert len(made) == 8
    assert_allclose(effects(made, named, w), effects(same, panel, w), rtol=1e-12)
    with pytest.raises(ss.ModelError, match="cannot be left out: endogenous of the model names"):
        ss.grid(model, optional="digital economy (log)")


@pytest.mark.parametrize("given", ["{x**2}", "x ** 2"])
def test_endogenous_arithmetic_follows_however_it_is_spelled(given):
    model = MODEL.but(
        formula="y ~ {x ** 2} + z", estimator="2sls", endogenous=given, instruments="v"
    )
    made = ss.grid(model, lag_x=1)["model"].model
    assert made.endogenous == ("lag(x ** 2)",)


def test_winsorising_cuts_outcome_and_regressors_at_quantiles_of_the_whole_panel():
    panel, w = panel_and_weights()
    cut = {
        name: np.clip(panel.array(name), *np.quantile(panel.array(name), [0.05, 0.95]))
        for name in "yxz"
    }
    made = ss.grid(MODEL, winsor=0.05, drop_years=2006)
    by_hand = numbers(panel, **cut).subset(years=range(2001, 2006))
    assert_allclose(effects(made, panel, w), fitted(by_hand, w), rtol=RTOL)


def test_swapping_puts_another_column_in_place_in_interactions_too():
    panel, w = panel_and_weights()
    model = MODEL.but(formula="y ~ x + z + x:z")
    made = ss.grid(model, x=ss.swap("z", ["log(v)"]))["log(v)"]
    assert made.model.formula == "y ~ x + log(v) + x:log(v)"
    assert dict(made.terms) == {"x": "x", "log(v)": "z", "x:log(v)": "x:z"}
    by_hand = numbers(panel, z=np.log(panel.array("v")))
    assert_allclose(effects({"m": made}, panel, w), fitted(by_hand, w, "y ~ x + z + x:z"))


def test_optional_terms_make_every_subset():
    model = ss.sdm("y ~ x + log(v) + z + x:z | x + z", W="w")
    found = ss.grid(model, W=["w", "o"], optional=["log(v)", "x:z"], lag_x=1)
    assert list(found)[:4] == [
        "w, with log(v), with x:z", "w, with log(v), without x:z",
        "w, without log(v), with x:z", "w, without log(v), without x:z",
    ]  # fmt: skip
    assert len(found) == 8
    least = found["o, without log(v), without x:z"]
    assert least.model == model.but(formula="y ~ lag(x) + lag(z) | lag(x) + lag(z)", W="o")
    assert dict(least.choices)["with log(v)"] == "no"
    assert dict(least.terms) == {"lag(x)": "x", "lag(z)": "z"}
    (same, other) = ss.grid(model, optional=["log(v)"]).values()
    assert same.model == model
    assert other.model == model.but(formula="y ~ x + z + x:z | x + z")


SPELLED = {
    "braces": ("y ~ x + {z**2}", "{z**2}", "z ** 2"),
    "as effects": ("y ~ x + {z**2}", "z ** 2", "z ** 2"),
    "quoted": ("y ~ x + `a b`", "`a b`", "a b"),
    "unquoted": ("y ~ x + `a b`", "a b", "a b"),
    "spaces": ("y ~ x + log(v)", "log( v )", "log(v)"),
    "order": ("y ~ x + z + x:z", "z:x", "x:z"),
}


@pytest.mark.parametrize(("formula", "spelling", "term"), SPELLED.values(), ids=SPELLED)
def test_optional_terms_may_be_spelled_as_in_the_formula_or_as_effects_are(formula, spelling, term):
    model = ss.sdm(formula, W="w")
    both, without = ss.grid(model, optional=spelling).items()
    rest = " + ".join(formula.split(" ~ ")[1].split(" + ")[:-1])
    assert (both[0], without[0]) == (f"with {term}", f"without {term}")
    assert without[1].model == model.but(formula=f"y ~ {rest}")
    with pytest.raises(ss.ModelError, match="needs terms of the formula, each once"):
        ss.grid(model, optional=[spelling, term])


@pytest.mark.parametrize("family", ["ols", "sar", "sem"])
def test_models_without_lags_of_regressors_may_do_without_all_of_them(family):
    panel, w = panel_and_weights()
    model = ss.SpatialModel(family, "y ~ x + z", None if family == "ols" else "w")
    runs = ss.Study(panel, w, ss.grid(model, optional=["x", "z"])).run()
    assert runs.failures.empty
    alone = ss.fit(model.but(formula="y ~ 1"), panel, w)
    assert_allclose(runs.table["loglik"]["without x, without z"], alone.loglik)
    assert list(runs.effects("x")["model"].unique()) == ["with x, with z", "with x, without z"]


def test_a_model_without_a_term_is_the_fit_of_that_formula_and_the_curve_tells_them_apart():
    panel, w = panel_and_weights()
    runs = ss.Study(panel, w, ss.grid(MODEL, optional=["z"])).run()
    found = runs.curve("x", "indirect").table.set_index("with z")
    for choice, formula in (("yes", "y ~ x + z"), ("no", "y ~ x")):
        own = fitted(panel, w, formula)[1]  # indirect, of x
        assert_allclose(found.loc[choice, ["estimate", "se"]].to_numpy(float), own, rtol=RTOL)
    assert list(runs.effects("z")["model"].unique()) == ["with z"]


STANDING = {
    "an interaction": (dict(formula="y ~ x + z + x:z"), "'z' cannot be left out alone: 'x:z' is"),
    "own matrices": (dict(W={"wy": "w", "wx": {"x": "w", "z": "o"}}), r"W \(by terms\) of the model"),
    "regimes": (dict(regimes=ss.regimes("region", x=["z"])), "regimes of the model names it"),
    "instruments": (
        dict(estimator="2sls", endogenous=["z"], instruments=["v"]), "endogenous of the model",
    ),
    "all that is lagged": (dict(formula="y ~ x + z | z"), "without 'z' nothing is left to lag"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "text"), STANDING.values(), ids=STANDING)
def test_terms_that_something_stands_on_are_not_left_out(changes, text):
    with pytest.raises(ss.ModelError, match=f"without z: .*{text}"):
        ss.grid(MODEL.but(**changes), optional=["z"])


def test_the_outcome_can_be_swapped():
    panel, w = panel_and_weights()
    made = ss.grid(MODEL, x=ss.swap("y", "log(v)"))["log(v)"]
    by_hand = numbers(panel, y=np.log(panel.array("v")))
    assert_allclose(effects({"m": made}, panel, w), fitted(by_hand, w))


def without_years(panel, years):
    """The panel without some years, those that remain counted anew from 2001."""
    frame = panel.frame.reset_index()
    frame = frame[~frame["year"].isin(years)]
    kept = sorted(frame["year"].unique())
    frame["year"] = frame["year"].map({year: 2001 + i for i, year in enumerate(kept)})
    return ss.CityPanel(frame, city="city", blocks=["region"])


@pytest.mark.parametrize("fixed", ["none", "individual", "time", "twoways"])
@pytest.mark.parametrize("years", [2001, 2006, 2003, (2002, 2005)])
def test_dropping_years_is_estimating_on_the_others(fixed, years):
    panel, w = panel_and_weights()
    made = ss.grid(MODEL, drop_years=years, fixed_effects=fixed)
    gone = (years,) if isinstance(years, int) else years
    by_hand = fitted(without_years(panel, gone), w, fixed_effects=fixed)
    assert_allclose(effects(made, panel, w), by_hand, rtol=RTOL)


def test_lags_reach_into_the_years_that_are_dropped():
    panel, w = panel_and_weights()
    before = {}
    for name in "xz":
        values = panel.array(name)
        before[name] = np.c_[values[:, :1], values[:, :-1]]
    by_hand = without_years(numbers(panel, **before), (2001, 2003))
    made = ss.grid(MODEL, lag_x=1, drop_years=2003)
    assert_allclose(effects(made, panel, w), fitted(by_hand, w), rtol=RTOL)


def test_dynamic_models_drop_years_at_the_ends_only():
    panel, w = panel_and_weights(T=9)
    model = ss.sdm("y ~ x", W="w", fixed_effects="individual", lag_y=True)
    grid = ss.grid(model, drop_years=[2001, 2009, 2004])
    runs = ss.Study(panel, w, grid).run()
    assert list(runs.failures.index) == ["without 2004"]
    assert "years that follow each other" in runs.failures.iloc[0]
    same = ss.fit(model, panel.subset(years=range(2001, 2009)), w).effects().table
    found = runs.effects()
    assert_allclose(
        found.loc[found["model"] == "without 2009", "estimate"], same["estimate"], rtol=RTOL
    )
    # The year that starts the process is not estimated on: dropping it changes nothing.
    whole = ss.fit(model, panel, w).effects().table
    assert_allclose(
        found.loc[found["model"] == "without 2001", "estimate"], whole["estimate"], rtol=RTOL
    )


def test_dropped_years_and_lagged_instruments_agree_on_the_years():
    panel, w = panel_and_weights(T=8)
    iv = ss.sdm("y ~ x + z", W="w", fixed_effects="individual", estimator="2sls",
                endogenous="x", instruments="lag(x, 2)")  # fmt: skip
    runs = ss.Study(panel, w, ss.grid(iv, drop_years=[None, 2008, (2001, 2002)])).run()
    assert runs.failures.empty
    assert list(runs.table["years"]) == [6, 5, 6]
    assert runs.table["aic"].isna().all()


def test_blocks_are_own_coefficients_inside_one_w():
    panel, w = panel_and_weights()
    made = ss.grid(MODEL, blocks="region")
    assert_allclose(effects(made, panel, w), fitted(panel, w, regimes="region"))


REFUSED = {
    "lists 3": (dict(winsor=[3]), "winsor=3: give shares between 0 and 0.5"),
    "half": (dict(winsor=0.5), "winsor=0.5: give shares"),
    "negative": (dict(lag_x=[-1]), "lag_x=-1: give whole numbers"),
    "true": (dict(lag_x=True), "lag_x=True: give whole numbers"),
    "empty": (dict(fixed_effects=[]), "axis 'fixed effects' of the grid is empty"),
    "text": (dict(drop_years=["2020"]), "drop_years='2020': give years"),
    "decimal": (dict(drop_years=[2020.5]), "drop_years=2020.5: give years"),
    "twice": (dict(W=["w", "w"]), "the grid has 'w' twice"),
    "no effect": (dict(fixed_effects=["city"]), "model: fixed_effects='city' is not one of"),
    "no term": (dict(x=ss.swap("q", "v")), r"swap\('q'\): 'y ~ x \+ z' has the terms 'y', 'x', 'z'"),
    "no swap": (dict(x="v"), "x takes swaps"),
    "no swaps": (dict(x=["v"]), "x takes swaps"),
    "there already": (dict(x=ss.swap("x", "z")), "holds a term twice"),
    "two swaps": (dict(x=[ss.swap("x", "v"), ss.swap("x", "w")]), "'x', 'x' is swapped twice"),
    "no such term": (dict(optional="q"), r"^'q' cannot be left out: 'y ~ x \+ z' has the"),
    "no terms": (dict(optional=3), "optional=3 needs terms of the formula, each once"),
    "a term twice": (dict(optional=["x", "x"]), "optional=.* needs terms of the formula, each once"),
    "swapped too": (dict(optional="z", x=ss.swap("z", "v")), "'z' is swapped and optional"),
    "all of them": (dict(optional=["x", "z"]), "without 'x', 'z' nothing is left to lag"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_grid_is_refused(options, text):
    with pytest.raises(ss.ModelError, match=text):
        ss.grid(MODEL, **options)


def test_what_is_no_swap_or_model_is_refused():
    for others in ([], ["x"], ["v", "v"], [3]):
        with pytest.raises(ss.ModelError, match="needs a term of the formula and other terms"):
            ss.swap("x", others)
    with pytest.raises(ss.ModelError, match=r"takes models such as ss.sdm"):
        ss.grid("y ~ x")
    with pytest.raises(ss.FormulaError, match="is not a function that a formula may call"):
        ss.grid(MODEL, x=ss.swap("x", "open(x)"))


def test_a_category_is_neither_cut_nor_lagged():
    panel, w = panel_and_weights()
    kind = np.random.default_rng(1).integers(3, size=(panel.n, panel.T))
    panel = panel.assign(k=kind)
    model = MODEL.but(formula="y ~ x + C(k)")
    (made,) = ss.grid(model, winsor=0.05, lag_x=1).values()
    assert made.model.formula == "winsor(y, 0.05) ~ lag(winsor(x, 0.05)) + C(k)"
    runs = ss.Study(panel, w, {"m": made}).run()
    assert set(runs.effects("C(k)")["regressor"]) == {"C(k)[T.1]", "C(k)[T.2]"}
    with pytest.raises(ss.ModelError, match=r"2 such effects of 'C\(k\)', which differ by regress"):
        runs.curve("C(k)")
