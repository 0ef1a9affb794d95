"""What a study returns: tables over all models, the curve, and the same numbers anywhere."""

from __future__ import annotations

import os
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal, assert_series_equal
from study.small import MODEL, panel_and_weights

import spatialsyn as ss
from spatialsyn.engine import tasks
from spatialsyn.engine.tasks import Engine
from spatialsyn.study.record import failure
from spatialsyn.study.runs import Runs
from tests.maps import neighbours, on_map

mpl.use("Agg")
NUMBERS = ["estimate", "se", "low", "high", "p"]


@pytest.fixture(scope="module")
def runs():
    panel, w = panel_and_weights()
    models = ss.grid(
        MODEL,
        fixed_effects=["individual", "twoways"],
        x=ss.swap("z", "v"),
        lag_x=[0, 1, 5],
        drop_years=[None, 2004],
    )
    return ss.Study(panel, w, models).run()


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_effects_are_those_of_each_fit_with_what_was_chosen(runs):
    panel, w = panel_and_weights()
    found = runs.effects()
    assert list(found) == [
        "model", "z as", "fixed effects", "sample", "lag of x", "x", "regressor", "effect",
        "estimate", "se", "low", "high", "p",
    ]  # fmt: skip
    mine = found[found["model"] == "v, individual, all years, no lag"]
    own = ss.fit(MODEL.but(formula="y ~ x + v", fixed_effects="individual"), panel, w).effects()
    assert_allclose(mine["estimate"], own.table["estimate"])
    assert list(mine["regressor"]) == list(own.table["x"])
    assert list(mine["x"].unique()) == ["x", "z"]
    assert set(runs.effects("z")["regressor"]) == {"z", "v", "lag(z)", "lag(v)"}
    assert set(runs.effects("lag(v)")["x"]) == {"z"}
    assert len(runs.parameters) == 16 * 6  # two regressors, their lags, rho, sigma2


def test_the_curve_is_in_order_and_counts_right(runs):
    curve = runs.curve("x", "indirect")
    value, p = curve.table["estimate"].to_numpy(), curve.table["p"].to_numpy()
    assert (np.diff(value) >= 0).all()
    assert len(value) == 16
    shares = curve.shares
    assert shares["positive"] == np.mean([v > 0 for v in value])
    assert shares["significant"] == np.mean([q < 0.05 for q in p])
    assert_allclose(
        shares["positive and significant"] + shares["negative and significant"],
        shares["significant"],
    )
    assert shares["without an estimate"] == 8
    assert (shares["smallest"], shares["median"], shares["largest"]) == (
        value.min(), np.median(value), value.max(),
    )  # fmt: skip
    assert curve.axes == ("z as", "fixed effects", "sample", "lag of x")


def test_the_caveat_names_multiplicity_units_and_what_is_missing(runs):
    text = repr(runs.curve("x"))
    assert "16 specifications of the same data are not 16 independent tests" in text
    assert "about 0.8 of them" in text
    assert "several shapes ('lag(x)', 'x')" in text or "several shapes ('x', 'lag(x)')" in text
    assert "8 specifications have no estimate and count in no share" in text
    assert "indirect effect of x" in runs.curve("x", "indirect")._repr_html_()


def test_shares_by_choice_add_up(runs):
    curve = runs.curve("x")
    by = curve.by("fixed effects")
    assert by["models"].sum() == 16
    assert_allclose((by["positive"] * by["models"]).sum() / 16, curve.shares["positive"])
    with pytest.raises(ss.ModelError, match="does not vary 'W'; it varies 'z as'"):
        curve.by("W")


def test_effects_by_block_make_a_curve_of_one_flow():
    panel, w = panel_and_weights()
    models = ss.grid(MODEL, fixed_effects=["individual", "twoways"])
    runs = ss.Study(panel, w, models, by="region").run()
    flow = {"effect": "indirect", "to": "edge", "from": "core"}
    curve = runs.curve("x", flow)
    table = ss.fit(MODEL, panel, w).effects("x", by="region").table
    own = table[(table[list(flow)] == list(flow.values())).all(axis=1)]
    mine = curve.table.set_index("model").loc["twoways"]
    assert_allclose(mine[["estimate", "se"]].astype(float), own[["estimate", "se"]].iloc[0])
    (upper, _) = ss.report.specification_curve(runs, "x", flow).axes
    assert upper.get_ylabel() == "indirect effect of x\ncore → edge"
    with pytest.raises(ss.ModelError, match="differ by to: 'core', 'edge'"):
        runs.curve("x", "direct")
    with pytest.raises(
        ss.ModelError, match="no effects have to = 'west'; there are 'core', 'edge'"
    ):
        runs.curve("x", {"effect": "direct", "to": "west"})
    with pytest.raises(ss.ModelError, match="have order = 'one'; there is no such column"):
        runs.curve("x", {"order": "one"})


def test_plain_models_make_a_study_and_warnings_are_kept():
    panel, w = panel_and_weights(T=9)
    trend = panel.array("y") + 3.0 * np.arange(9) ** 2
    explosive = panel.assign(y=trend)
    dynamic = ss.sdm("y ~ x", W="w", fixed_effects="individual", lag_y=True)
    runs = ss.Study(explosive, [w], {"static": MODEL, "dynamic": dynamic}).run()
    assert list(runs.table.index) == ["static", "dynamic"]
    assert "does not come to rest" in runs.table.at["dynamic", "message"]
    assert repr(runs) == "Runs: 2 models, 2 estimated"


def test_a_curve_of_plain_models_has_no_axes():
    panel, w = panel_and_weights()
    models = {"SDM": MODEL, "SAR": ss.sar("y ~ x", W="w"), "OLS": ss.ols("y ~ x")}
    runs = ss.Study(panel, w, models).run()
    assert runs.curve("x").axes == ()
    figure = ss.report.specification_curve(runs, "x")
    assert len(figure.axes) == 1


def test_a_model_without_regressors_is_estimated_and_has_no_effects():
    panel, w = panel_and_weights()
    runs = ss.Study(panel, w, {"empty": ss.sar("y ~ 1", W="w")}).run()
    assert runs.failures.empty
    with pytest.raises(ss.ModelError, match=r"no model has effects. The models have no regressors"):
        runs.effects()


def test_refusals_name_what_is_wrong():
    panel, w = panel_and_weights()
    with pytest.raises(ss.ModelError, match="models come by name"):
        ss.Study(panel, w, [MODEL])
    with pytest.raises(ss.ModelError, match="needs one model at least"):
        ss.Study(panel, w, {})
    with pytest.raises(ss.ModelError, match="more than one is '1'"):
        ss.Study(panel, w, {1: MODEL, "1": MODEL})
    with pytest.raises(ss.ModelError, match=r"takes models such as ss.sdm"):
        ss.Study(panel, w, {"a": "y ~ x"})
    with pytest.raises(ss.PanelError, match="a study needs a panel"):
        ss.Study(panel.frame, w, {"a": MODEL})
    with pytest.raises(ss.PanelError, match="drop_years names 1999; the panel has the years 2001-"):
        ss.Study(panel, w, ss.grid(MODEL, drop_years=1999))
    with pytest.raises(
        ss.ModelError, match="by='city' is not a grouping of the panel; it has 'reg"
    ):
        ss.Study(panel, w, {"a": MODEL}, by="city")
    with pytest.raises(ss.AlignmentError, match="needs the weights 'other'"):
        ss.Study(panel, w, ss.grid(MODEL, W=["w", "other"]))
    with pytest.raises(ss.ModelError, match=r"no model has effects of 'q'; there are 'x'"):
        ss.Study(panel, w, {"a": MODEL}).run().effects("q")
    everything = ss.grid(MODEL, drop_years=tuple(panel.years))
    with pytest.raises(ss.ModelError, match=r"no model has effects. model: drop_years leaves no"):
        ss.Study(panel, w, everything).run().effects()


@pytest.mark.parametrize("cov", [[], ["city"], "hac", 0, np.array(["city"])])
def test_a_covariance_that_no_model_has_is_refused_before_any_is_estimated(cov):
    """It was a failure of every model, or, as an array of one name, taken as that name."""
    panel, w = panel_and_weights()
    params = {"x": 1.0}  # refused only after the covariance
    calls = [
        lambda: ss.Study(panel, w, {"a": MODEL}, cov=cov),
        lambda: ss.monte_carlo(MODEL, panel, w, params, cov=cov),
    ]
    for call in calls:
        with pytest.raises(ss.ModelError, match=r"cov=.* is not one of 'expected', 'observed'"):
            call()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backend": "ray"}, "backend='ray' is not one of 'joblib', 'dask'"),
        ({"n_jobs": 0}, "n_jobs=0: give a number of processes, or -1"),
        ({"n_jobs": -2}, "n_jobs=-2"),
        ({"n_jobs": 1.5}, "n_jobs=1.5"),
        ({"scheduler": "tcp://host:1"}, 'is the address of a cluster: backend="dask"'),
    ],
)
def test_a_wrong_engine_is_refused(options, text):
    panel, w = panel_and_weights()
    with pytest.raises(ss.ConfigError, match=text):
        ss.Study(panel, w, {"a": MODEL}).run(**options)


def test_two_processes_give_the_same_bits(runs):
    panel, w = panel_and_weights()
    again = ss.Study(panel, w, runs.models).run(n_jobs=2)
    assert_frame_equal(again.effects(), runs.effects(), check_exact=True)
    assert_series_equal(again.failures, runs.failures)


def fatal(item):
    if item == 3:
        os._exit(1)
    return item


@pytest.mark.filterwarnings("ignore")
def test_a_process_that_dies_is_an_error_that_says_what_to_do():
    with pytest.raises(ss.EngineError, match=r"process died.*What a study has stored stays"):
        list(Engine(2).each(fatal, range(8)))


def blas_threads(_):
    from threadpoolctl import threadpool_info

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("n_jobs", [1000, -1])
def test_no_more_processes_are_asked_for_than_there_are_items(monkeypatch, n_jobs):
    """A thousand processes for four draws filled the memory of the machine before the first."""
    asked = []
    monkeypatch.setattr(tasks, "_in_processes", lambda call, items, n: asked.append(n) or iter(()))
    list(Engine(n_jobs).each(blas_threads, range(4)))
    assert asked == [4 if n_jobs > 0 else -1]
    assert list(Engine(n_jobs if n_jobs > 0 else 1).each(str, [7])) == [(0, "7")]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_worker_uses_one_blas_thread(n_jobs):
    found = [threads for _, threads in Engine(n_jobs).each(blas_threads, range(4))]
    assert {n for threads in found for n in threads} <= {1}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_figure_shows_every_model_and_what_it_chose(runs, language):
    figure = ss.report.specification_curve(
        runs, "x", "indirect", labels={"x": "Broadband"}, title="Curve", language=language
    )
    curve = runs.curve("x", "indirect").table
    upper, lower = figure.axes
    drawn = {line.get_gid(): line for line in upper.get_lines()}
    certain = (curve["p"] < 0.05).to_numpy()
    assert_allclose(drawn["certain"].get_ydata(), curve["estimate"][certain])
    assert_allclose(drawn["uncertain"].get_xdata(), 1 + np.flatnonzero(~certain))
    ends = {c.get_gid(): c.get_segments() for c in upper.collections}
    assert_allclose(
        [segment[:, 1] for segment in ends["certain interval"]],
        curve.loc[certain, ["low", "high"]],
    )
    ticks = [line for line in lower.get_lines() if line.get_gid() == "fixed effects: twoways"]
    ranks = np.concatenate([line.get_xdata() for line in ticks])
    chosen = 1 + np.flatnonzero(curve["fixed effects"] == "twoways")
    assert sorted(ranks) == list(chosen)
    texts = [label.get_text() for label in lower.get_yticklabels()]
    assert len(texts) == 2 + 2 + 2 + 2
    assert "Broadband" in upper.get_ylabel()
    note = lower.get_xlabel()
    assert note.startswith("16 specifications" if language == "en" else "16 个模型设定")


def test_a_curve_needs_its_regressor(runs):
    with pytest.raises(ss.ConfigError, match="needs the regressor"):
        ss.report.specification_curve(runs)
    assert ss.report.specification_curve(runs.curve("z")).axes


def test_the_table_of_shares_is_that_of_the_curves(runs):
    table = ss.report.specification_table(runs, "x", labels={"x": "Broadband"})
    for effect in ("direct", "indirect", "total"):
        expected = runs.curve("x", effect).shares
        assert_allclose(table.frame.loc[effect].astype(float), expected.astype(float))
        column = table.columns.index(effect.capitalize())
        printed = {row.label: row.cells[column] for row in table.rows}
        estimates = runs.curve("x", effect).table["estimate"]
        assert printed["Models"] == str(len(estimates))
        assert printed["Positive"] == f"{100 * (estimates > 0).sum() / len(estimates):.3g}%"
    assert table.columns == ("Direct", "Indirect", "Total")
    assert table.notes[0] == "Effects of Broadband; significant: p < 0.05."
    assert "are no p-values" in table.notes[1]


def test_the_table_of_shares_is_chinese_in_a_chinese_report(runs):
    table = ss.report.specification_table(runs, "x", labels={"x": "宽带"}, language="zh")
    english = ss.report.specification_table(runs, "x")
    assert [row.cells for row in table.rows] == [row.cells for row in english.rows]
    words = " ".join(
        [table.title, *table.columns, *(row.label for row in table.rows), *table.notes]
    )
    names = r"ss\.placebo|\b(?:x|p|z|lag)\b"
    assert not re.findall("[A-Za-z]{2,}", re.sub(names, "", words))


def test_a_study_on_many_cities_shares_eigenvectors_and_agrees_with_fits():
    panel, w = on_map(neighbours(60), T=4)
    model = ss.sdm("y ~ x + z", W="w", fixed_effects="twoways")
    models = ss.grid(model, fixed_effects=["individual", "twoways"], drop_years=[None, 2000],
                     x=ss.swap("z", "exp(z)"))  # fmt: skip
    study = ss.Study(panel, w, models)
    assert study.weights["w"].determinant == "eigenvectors"
    found = study.run().effects()
    for name, spec in models.items():
        own = ss.fit(spec.model, panel.subset(years=[y for y in panel.years
                                                     if y not in spec.drop_years]), w)  # fmt: skip
        mine = found[found["model"] == name]
        columns = ["estimate", "se", "low", "high", "p"]
        assert_allclose(mine[columns], own.effects().table[columns], rtol=1e-8, atol=1e-10)


@pytest.fixture(scope="module", params=["row sums of one", "unlike row sums"])
def directed(request):
    """Forty models of 110 cities and their six nearest, who need not name them."""
    panel, w = on_map(neighbours(110, mutual=False), T=4)
    effects = ["individual", "twoways"]
    if request.param == "unlike row sums":
        effects = ["none", "individual"]
        heavy = w.dense() * np.linspace(0.4, 1.0, 110)[:, None]
        w = ss.Weights.from_matrix(heavy, ids=w.ids, name="w")
    models = ss.grid(
        ss.sdm("y ~ x + z", W="w"),
        fixed_effects=effects,
        drop_years=[None, 2000, 2003, (2000, 2001)],
        x=ss.swap("z", ["exp(z)", "{z**2}", "{x*z}", "{z**3}"]),
    )
    assert len(models) == 40
    return panel, w, models, ss.Study(panel, w, models)


def of(frame, model):
    return frame[frame["model"] == model].reset_index(drop=True)


def test_many_models_of_an_asymmetric_matrix_agree_with_fits_that_invert(directed):
    panel, w, models, study = directed
    assert study.weights["w"].determinant == "schur"
    runs = study.run()
    for name, spec in list(models.items())[::3]:
        years = [y for y in panel.years if y not in spec.drop_years]
        one = ss.fit(spec.model, panel.subset(years=years), w)
        mine, own = of(runs.parameters, name), one.estimate
        se = np.sqrt(np.diag(own.cov))
        # In standard errors: a search ends within 1e-10 of them.
        assert_allclose((mine["estimate"] - own.params) / se, 0, atol=1e-10)
        assert_allclose(mine["se"], se, rtol=1e-10)
        assert_allclose(runs.table.at[name, "loglik"], one.loglik, rtol=1e-12)
        mine, own = of(runs.effects(), name), one.effects().table
        assert_allclose((mine["estimate"] - own["estimate"]) / own["se"], 0, atol=1e-9)
        assert_allclose(mine["se"], own["se"], rtol=1e-9)


def test_a_few_models_of_an_asymmetric_matrix_are_left_to_inverses(directed):
    panel, w, models, _ = directed
    few = dict(list(models.items())[:39])
    assert ss.Study(panel, w, few).weights["w"].determinant == "auto"


def test_models_are_counted_for_each_matrix(directed):
    """What they share is found once for a matrix, so those of another one do not make up for it."""
    panel, w, models, _ = directed
    half = {name: spec.model.but(W="v") for name, spec in list(models.items())[::2]}
    study = ss.Study(panel, [w, w.rename("v")], models | half)
    assert [one.determinant for one in study.weights.values()] == ["auto", "auto"]


def test_no_record_shares_what_can_be_changed_with_another(directed):
    _, _, _, study = directed
    first, *others = (record["effects"] for record in study.run().records.values())
    shared = [v for v in first.values() if any(v is o for other in others for o in other.values())]
    assert shared
    assert all(isinstance(column, tuple) for column in shared)


def test_a_model_alone_or_in_another_process_has_the_bits_of_the_whole(directed):
    panel, w, models, study = directed
    runs, w = study.run(), w.with_logdet("schur")
    for name in list(models)[::7]:
        alone = ss.Study(panel, w, {name: models[name]}).run()
        assert_frame_equal(of(alone.parameters, name), of(runs.parameters, name), check_exact=True)
        assert_frame_equal(of(alone.effects(), name)[NUMBERS], of(runs.effects(), name)[NUMBERS],
                           check_exact=True)  # fmt: skip
    assert_frame_equal(study.run(n_jobs=2).effects(), runs.effects(), check_exact=True)


def test_models_of_a_lost_worker_are_rows_too():
    models = {"m": ss.Specification(MODEL)}
    runs = Runs(models, {"m": failure(RuntimeError("out of memory"), "failed")})
    assert runs.table.at["m", "message"] == "RuntimeError: out of memory"
