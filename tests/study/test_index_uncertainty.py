"""What a model makes of other indices of the same measurements, against fits made by hand."""

from __future__ import annotations

import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from cases import made_up, swept
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

import spatialsyn as ss
from spatialsyn.measures import composite, composite_synergy, coupling
from spatialsyn.study.rewrite import columns_read, reading

FIVE = tuple("abcde")
# Estimates side by side and one by one agree to the search over rho.
RTOL = 1e-6
MODEL = ss.sdm("y ~ va + z", W="w", fixed_effects="twoways")


def measured(noise=0.5, seed=0, names=FIVE, **options) -> tuple[ss.CityPanel, ss.Weights]:
    """Two-way spatial Durbin data in which x is measured by indicators with an error."""
    panel, w = made_up(seed=seed, **options)
    rng = np.random.default_rng(seed + 50)
    x = panel.array("x")
    made = {name: x + noise * rng.normal(size=x.shape) for name in names}
    return panel.assign(**made), w


@pytest.fixture(scope="module")
def case():
    panel, w = measured()
    va = composite(panel, dict.fromkeys(FIVE, 1))
    return panel.assign(va=va.score), w, va


@pytest.fixture(scope="module")
def drawn(case):
    return case[2].redrawn(draws=100)


def like(score: pd.Series, own: pd.Series) -> pd.Series:
    """The score in units of another."""
    return own.mean() + (score - score.mean()) / score.std() * own.std()


def test_the_table_is_what_a_loop_of_fits_gives(case, drawn):
    panel, w, va = case
    found = ss.index_uncertainty(MODEL, panel, w, {"va": drawn})
    tables, params = [], []
    for draw in drawn.scores.columns[1:]:
        other = panel.assign(va=like(drawn.scores[draw], va.score))
        fit = ss.fit(MODEL, other, w)
        tables.append(fit.effects().table)
        params.append(fit.params.to_numpy())
    value, se, p = (np.array([t[name] for t in tables]) for name in ("estimate", "se", "p"))
    table, own = found.table, ss.fit(MODEL, panel, w)
    assert_allclose(table["estimate"], own.effects().table["estimate"], rtol=RTOL)
    assert table["x"].tolist() == ["va"] * 3 + ["z"] * 3
    assert_allclose(table["mean"], value.mean(axis=0), rtol=RTOL)
    assert_allclose(table["sd"], value.std(axis=0, ddof=1), rtol=RTOL)
    total = (se**2).mean(axis=0) + value.var(axis=0, ddof=1)
    assert_allclose(table["se_total"] ** 2, total, rtol=RTOL)
    assert_allclose(table["share"], value.var(axis=0, ddof=1) / total, rtol=RTOL)
    assert_allclose(table["low"], np.quantile(value, 0.025, axis=0), rtol=RTOL)
    same = np.sign(value) == np.sign(table["estimate"].to_numpy())
    assert_allclose(table["same_sign"], same.mean(axis=0))
    assert_allclose(table["significant"], (same & (p < 0.05)).mean(axis=0))
    assert found.parameters["term"].tolist() == own.params.index.tolist()
    assert_allclose(found.parameters["estimate"], own.params, rtol=RTOL)
    assert_allclose(found.parameters["sd"], np.std(params, axis=0, ddof=1), rtol=1e-5)
    assert "va: indicators drawn anew, 100 draws, seed 0; 100 estimates" in repr(found)


def test_coefficients_of_slx_are_dense_least_squares_of_every_index(case):
    panel, w, va = case
    drawn = va.redrawn("weights", draws=100)
    model = ss.slx("y ~ va + z", W="w", fixed_effects="twoways")
    found = ss.index_uncertainty(model, panel, w, {"va": drawn}).parameters.set_index("term")
    W, coefficients = w.dense(), []
    for draw in drawn.scores.columns[1:]:
        x = like(drawn.scores[draw], va.score).to_numpy().reshape(panel.n, panel.T)
        z = panel.array("z")
        Z = np.column_stack([swept(v) for v in (x, z, W @ x, W @ z)])
        coefficients.append(np.linalg.lstsq(Z, swept(panel.array("y")), rcond=None)[0])
    terms = ["va", "z", "W[w]*va", "W[w]*z"]
    assert_allclose(found.loc[terms, "mean"], np.mean(coefficients, axis=0), rtol=RTOL)
    assert_allclose(found.loc[terms, "sd"], np.std(coefficients, axis=0, ddof=1), rtol=RTOL)


def test_indicators_that_are_all_equal_leave_nothing_between():
    panel, w = made_up()
    panel = panel.assign(**dict.fromkeys(FIVE, panel.array("x")))
    va = composite(panel, dict.fromkeys(FIVE, 1))
    panel = panel.assign(va=va.score)
    for redraw in ("indicators", "weights"):
        table = ss.index_uncertainty(MODEL, panel, w, {"va": va.redrawn(redraw, draws=100)}).table
        assert (table["sd"] < 1e-9 * table["se"]).all()
        assert_allclose(table["se_total"], table["se"], rtol=RTOL)
        assert (table["same_sign"] == 1).all()


def test_noise_of_the_indicators_shows_between_the_indices():
    relative = []
    for noise in (0.1, 0.4, 1.6):
        panel, w = measured(noise, n=20)
        va = composite(panel, dict.fromkeys(FIVE, 1), "equal")
        panel = panel.assign(va=va.score)
        table = ss.index_uncertainty(MODEL, panel, w, {"va": va.redrawn(draws=100)}).table[:3]
        relative.append(table["sd"] / table["estimate"])
        # Fewer different indicators hold more of their noise: attenuation of the own effect.
        assert table.loc[0, "mean"] < table.loc[0, "estimate"]
    assert (np.diff(relative, axis=0) > 0).all()


def test_outcome_and_regressor_are_redrawn_together(case, drawn):
    panel, w, va = case
    rng = np.random.default_rng(8)
    y = panel.array("y")
    parts = {f"y{i}": np.exp(0.3 * y + 0.1 * rng.normal(size=y.shape)) for i in range(6)}
    panel = panel.assign(**parts)
    synergy = coupling(panel, {"one": ["y0", "y1", "y2"], "two": ["y3", "y4", "y5"]}, origin="zero")
    panel = panel.assign(synergy=synergy.D)
    model = ss.sdm("synergy ~ va + z", W="w", fixed_effects="twoways")
    both = {"va": drawn, "synergy": synergy.redrawn(draws=100)}
    found = ss.index_uncertainty(model, panel, w, both)
    one = panel.assign(
        va=like(drawn.scores["17"], va.score),
        synergy=like(both["synergy"].scores["17"], synergy.D),
    )
    ours = found.runs.effects().query("model == '17'")["estimate"]
    assert_allclose(ours, ss.fit(model, one, w).effects().table["estimate"], rtol=RTOL)
    alone = ss.index_uncertainty(model, panel, w, {"va": drawn}).table
    assert (found.table["sd"] > alone["sd"])[:3].all()


def test_indicators_on_both_sides_are_told(case, drawn):
    panel, w, _ = case
    other = composite(panel, dict.fromkeys("abcd", 1), "equal")
    panel = panel.assign(other=other.score)
    model = ss.sdm("other ~ va + z", W="w", fixed_effects="twoways")
    both = {"va": drawn, "other": other.redrawn("weights", draws=100)}
    with pytest.warns(UserWarning, match="y and x share 'a', 'b', 'c', 'd'"):
        ss.index_uncertainty(model, panel, w, both)
    # Two regressors may be made of the same.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ss.index_uncertainty(MODEL.but(formula="y ~ va + other"), panel, w, both)


def test_variants_of_the_index_are_estimated_as_they_are_called(case):
    panel, w, va = case
    found = ss.index_uncertainty(MODEL, panel, w, {"va": va.sensitivity()}, by="region")
    rows = found.runs.effects("va")
    for name, index in {
        "without: c": va.but(indicators=dict.fromkeys("abde", 1)),
        "weighting: critic": va.but(method="critic"),
        "normalisation: every year by itself": va.but(over="year"),
    }.items():
        other = panel.assign(va=like(index.score, va.score))
        expected = ss.fit(MODEL, other, w).effects("va", by="region").table["estimate"]
        assert_allclose(rows.loc[rows["model"] == name, "estimate"], expected, rtol=RTOL)
    assert found.table.columns[:4].tolist() == ["x", "effect", "to", "from"]
    assert (found.table["share"] < 0.5).all()
    curve = found.curve("va", {"effect": "direct", "to": "core", "from": "core"})
    assert set(curve.by("va as").index) == set(va.sensitivity().scores.columns)
    plt.close(ss.report.specification_curve(curve))


def test_a_panel_of_some_years_keeps_the_index_of_all(case, drawn):
    panel, w, va = case
    later = panel.subset(years=range(2003, 2007))
    found = ss.index_uncertainty(MODEL, later, w, {"va": drawn})
    score = like(drawn.scores["5"], va.score).reindex(later.frame.index)
    expected = ss.fit(MODEL, later.assign(va=score), w).effects().table["estimate"]
    ours = found.runs.effects().query("model == '5'")["estimate"]
    assert_allclose(ours, expected, rtol=RTOL)


def test_a_synergy_of_changes_is_an_outcome_after_its_first_year():
    panel, w = measured()
    system = composite_synergy(panel.assign(**{n: np.exp(panel.array(n)) for n in FIVE}),
                               {"one": ["a", "b"], "two": ["c", "d", "e"]}, method="equal")  # fmt: skip
    panel = panel.assign(cm=system.score).subset(years=range(2002, 2007))
    model = ss.sdm("cm ~ x + z", W="w", fixed_effects="twoways")
    found = ss.index_uncertainty(model, panel, w, {"cm": system.redrawn("weights", draws=100)})
    assert (found.table["sd"] > 0).all()
    assert not found.failures


def test_logarithms_want_the_scale_of_each_index(case):
    panel, w, _ = case
    shifted = composite(panel.assign(**{n: np.exp(panel.array(n)) for n in FIVE}),
                        dict.fromkeys(FIVE, 1), origin="zero")  # fmt: skip
    panel = panel.assign(va=shifted.score)
    model = MODEL.but(formula="y ~ log(va) + z")
    drawn = shifted.redrawn(draws=100)
    found = ss.index_uncertainty(model, panel, w, {"va": drawn}, rescale=False)
    expected = ss.fit(model, panel.assign(va=drawn.scores["9"]), w).effects().table
    ours = found.runs.effects().query("model == '9'")
    assert_allclose(ours["estimate"], expected["estimate"], rtol=RTOL)
    assert ours["x"].tolist() == ["log(va)"] * 3 + ["z"] * 3
    # Twice the index is the same elasticity, draw by draw.
    doubled = 2 * drawn.scores
    twice = replace(drawn, scores=doubled)
    again = ss.index_uncertainty(
        model, panel.assign(va=doubled["as it is"]), w, {"va": twice}, rescale=False
    )
    assert_allclose(again.table["sd"], found.table["sd"], rtol=1e-5)


def test_units_of_the_indices_do_not_matter(case, drawn):
    panel, w, va = case
    scale = np.linspace(1, 5, len(drawn.scores.columns))
    other = replace(drawn, scores=drawn.scores * scale + scale)
    one, two = (ss.index_uncertainty(MODEL, p, w, {"va": d}).table for p, d in (
        (panel, drawn), (panel.assign(va=va.score + 1), other)))  # fmt: skip
    assert_frame_equal(one, two, rtol=1e-6)


def test_draws_without_an_index_or_an_estimate_are_told(case):
    panel, w, _ = case
    va = composite(panel, dict.fromkeys("abcd", 1), "critic")
    drawn = va.redrawn(draws=200)
    assert drawn.failures
    found = ss.index_uncertainty(MODEL, panel.assign(va=va.score), w, {"va": drawn})
    assert found.failures == drawn.failures
    assert f"{200 - len(drawn.failures)} estimates, {len(drawn.failures)} without" in repr(found)
    assert "without an estimate" in found._repr_html_()


def test_the_same_seed_gives_the_same_bits(case, drawn):
    panel, w, va = case
    one, two = (
        ss.index_uncertainty(MODEL, panel, w, {"va": made}).table
        for made in (drawn, va.redrawn(draws=100, seed=0))
    )
    assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("y ~ va + va:z + log(va)", "y ~ `v 1` + `v 1`:z + log(`v 1`)"),
        ("va ~ lag(va, k=2) + z", "`v 1` ~ lag(`v 1`, k=2) + z"),
        ("y ~ {va / z} + z | z", "y ~ {`v 1` / z} + z | z"),
        ("y ~ `va` + {2 * `a va` + va}", "y ~ `v 1` + {2 * `a va` + `v 1`}"),
        ("y ~ k + lag(z, k=1) + {k**2}", "y ~ `k 1` + lag(z, k=1) + {`k 1` ** 2}"),
        ("y ~ log + log(log)", "y ~ `log 1` + log(`log 1`)"),
    ],
)
def test_a_model_reads_other_columns_wherever_it_names_them(formula, expected):
    model = ss.sdm(formula, W="w")
    names = {"va": "v 1", "k": "k 1", "log": "log 1"}
    made, stands_for = reading(model, names)
    assert made == ss.sdm(made.formula, W="w")
    told = [str(term) for term in ss.models.syntax.parse(expected).terms]
    assert list(stands_for) == told
    assert columns_read(made) == {names.get(name, name) for name in columns_read(model)}


def test_instruments_and_regimes_follow(case):
    panel, w, va = case
    panel = panel.assign(v1=va.score)
    by_stages = ss.sdm(
        "y ~ va + z", W="w", fixed_effects="twoways", estimator="2sls", endogenous=["va"],
        instruments=["lag(va)", "x"],
    )  # fmt: skip
    made, _ = reading(by_stages, {"va": "v1"})
    assert made.endogenous == ("v1",)
    assert made.instruments == ("{lag(`v1`)}", "x")
    by_block = MODEL.but(regimes=ss.regimes("region", x=["va"]))
    by_term = MODEL.but(W={"wy": "w", "wx": {"va": "w"}})
    for model in (by_stages, by_block, by_term):
        made, _ = reading(model, {"va": "v1"})
        assert "va" not in str(made)
        assert_allclose(ss.fit(made, panel, w).params, ss.fit(model, panel, w).params, rtol=RTOL)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"model": None}, "index_uncertainty needs a model such as ss.sdm"),
        ({"panel": None}, r"index_uncertainty needs a panel: ss.CityPanel"),
        ({"indices": None}, r"indices are given by column: \{\"va\": va.redrawn"),
        ({"indices": {}}, "the model reads 'va', 'y', 'z'.*not none at all"),
        ({"model": MODEL.but(formula="y ~ z")}, "the model reads 'y', 'z'.*not 'va'"),
        ({"model": MODEL.but(formula="y ~ va + q")}, "the panel has no column 'q'"),
    ],
)
def test_what_is_no_question_is_refused(case, drawn, change, text):
    panel, w, _ = case
    given = {"model": MODEL, "panel": panel, "indices": {"va": drawn}} | change
    with pytest.raises(ss.SpatialsynError, match=text):
        ss.index_uncertainty(weights=w, **given)


def test_what_does_not_fit_together_is_refused(case, drawn):
    panel, w, va = case

    def call(indices, panel=panel, model=MODEL):
        return ss.index_uncertainty(model, panel, w, indices)

    with pytest.raises(ss.ModelError, match=r"'va': indices are given.*got Composite"):
        call({"va": va})
    with pytest.raises(ss.PanelError, match=r"'va' of the panel is not the index that was redrawn"):
        call({"va": drawn}, panel.assign(va=panel.array("a")))
    part = replace(drawn, scores=drawn.scores[panel.frame.index.get_level_values("year") < 2005])
    with pytest.raises(ss.PanelError, match=r"lacks 24 city-years of the panel, .* full panel"):
        call({"va": part})
    both = MODEL.but(formula="y ~ va + vb")
    panel = panel.assign(vb=va.score)
    with pytest.raises(ss.ModelError, match=r"draws=\{'va': 100, 'vb': 59\} must be the same"):
        call({"va": drawn, "vb": replace(drawn, scores=drawn.scores.iloc[:, :60])}, panel, both)
    with pytest.raises(ss.ModelError, match="tried for one index at a time"):
        call({"va": drawn, "vb": va.sensitivity()}, panel, both)
    with pytest.raises(ss.PanelError, match=r"the panel has columns 'va_redrawn_7'"):
        call({"va": drawn}, panel.assign(va_redrawn_7=1.0))
    with pytest.raises(ss.ModelError, match="no estimate with the index as it is: "):
        call({"va": drawn}, panel, MODEL.but(formula="y ~ log(va - 1) + z"))


def test_many_columns_join_a_panel_at_once():
    panel, _ = made_up()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pandas warns of a frame in a hundred pieces
        made = panel.assign(**{f"n{i}": float(i) for i in range(150)}, z=0.0)
    assert made.columns[:3] == panel.columns[:3]
    assert made.columns[-1] == "n149"
    assert made.array("z").max() == 0
    assert made.array("n7").min() == 7


def test_an_index_that_also_cuts_regimes_cuts_them_where_it_is_drawn_anew(case, drawn):
    panel, w, va = case
    cut = ss.regimes("va", above=float(va.score.median()))
    model = ss.slx("y ~ va + z", W="w", fixed_effects="individual", regimes=cut)
    found = ss.index_uncertainty(model, panel, w, {"va": drawn})
    params = [
        ss.fit(model, panel.assign(va=like(drawn.scores[draw], va.score)), w).params.to_numpy()
        for draw in drawn.scores.columns[1:]
    ]
    assert_allclose(found.parameters["mean"], np.mean(params, axis=0), rtol=1e-6)
    assert_allclose(found.parameters["sd"], np.std(params, axis=0, ddof=1), rtol=1e-6)
    assert columns_read(ss.slx("y ~ z", W="w", regimes=cut)) == {"y", "z", "va"}
