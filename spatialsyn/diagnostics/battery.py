"""All tests of one model, in the order in which papers report them.

A test that does not apply is a row that says why; nothing is left out in silence. Some thirty
tests at 5 % reject one or two true hypotheses: read them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.diagnostics.endogenous_weights import weights_exogeneity
from spatialsyn.diagnostics.hausman import KINDS, hausman
from spatialsyn.diagnostics.marginal import Probabilities, posterior
from spatialsyn.diagnostics.moran import residual_moran, residual_moran_by_year
from spatialsyn.diagnostics.nested import lr, wald
from spatialsyn.diagnostics.panel_effects import (
    EFFECTS,
    fixed_effects_f,
    fixed_effects_lr,
    random_effects_lr,
)
from spatialsyn.diagnostics.reading import read
from spatialsyn.diagnostics.relatives import LAGS, given_weights, held, is_results, lags_of, which
from spatialsyn.diagnostics.residuals import normality, pesaran_cd, serial_correlation, vif
from spatialsyn.diagnostics.score import lm
from spatialsyn.diagnostics.separability import separability
from spatialsyn.diagnostics.table import Diagnostics
from spatialsyn.errors import ModelError, SpatialsynError, expect
from spatialsyn.fitting import fit
from spatialsyn.models.roles import FAMILIES
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

Found = TypeVar("Found")
Row = tuple[str, str, Callable[[], HypothesisTest]]
# Name of a row, what is tested, and to what it is robust.
SCORES = (
    ("LM lag", ("lag",), ()),
    ("LM error", ("error",), ()),
    ("robust LM lag", ("lag",), ("error",)),
    ("robust LM error", ("error",), ("lag",)),
    ("LM lag and error", ("lag", "error"), ()),
)
DURBIN = (
    ("LM WX", ("wx",), ()),
    ("robust LM WX", ("wx",), ("lag",)),
    ("LM lag robust to WX", ("lag",), ("wx",)),
    ("LM lag and WX", ("lag", "wx"), ()),
)


def battery(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None = None,
    W: str | Weights | None = None,
) -> Diagnostics:
    """Fit `model` and test it: see `diagnose`.

    Parameters
    ----------
    weights : as in `ss.fit`
    W : the matrix of lags that the model does not have; the only one of `weights` by default
    """
    expect(model, SpatialModel, "battery needs a model such as ss.sdm(...)", ModelError)
    results = fit(model, panel, weights)
    if W is None and not results.weights and isinstance(weights, Weights):
        W = weights
    return diagnose(results, W)


def diagnose(results: Results, W: str | Weights | None = None) -> Diagnostics:
    """All tests of a fitted model, one table.

    In this order: LM tests of a lag of y and a spatial error, plain and robust, centred and as
    programs print them; of W X (Koley & Bera); fixed effects; random against fixed; Wald and LR
    against simpler models and LM against larger ones, both sides fitted in the same way;
    instruments; residuals. Whatever covariance `results` has, the Wald tests take it. Beside the
    table stand posterior probabilities of the families, which are no tests: see `posterior`.

    Parameters
    ----------
    W : the matrix of lags that the model does not have; its own by default
    """
    is_results(results, "diagnostics")
    given_weights(results, W)  # a name that is none would leave every test of it empty
    rows = [(*made[:2], _made(made[2])) for made in _rows(results, W)]
    table = pd.DataFrame(
        [(g, name, t.null, t.statistic, t.df, t.p, t.note) for g, name, t in rows],
        columns=["group", "test", "null", "statistic", "df", "p", "note"],
    )
    moran = _or_empty(lambda: residual_moran_by_year(results, W), pd.DataFrame())
    inflation = _or_empty(lambda: vif(results), pd.Series(dtype=float))
    said = read(results, table, inflation)
    return Diagnostics(results.equation, table, moran, inflation, said, _families(results, W))


def _families(results: Results, W: str | Weights | None) -> Probabilities:
    """The odds of the families with the matrices that are tested, or why there are none."""
    name, more = given_weights(results, W)
    known = held(results, more)
    weights = list(known.values()) if name is None else [known[name]]
    try:
        if not weights:
            raise ModelError(f"with which matrix? {which(())}")
        return posterior(results.model, results.panel, weights)
    except SpatialsynError as error:
        return Probabilities(pd.DataFrame(), " ".join(str(error).split()))


def _rows(results: Results, W: str | Weights | None) -> Iterator[Row]:
    yield from _lags_in_space(results, W)
    yield from _effects_of_cities_and_years(results)
    yield from _other_lags(results, W)
    if results.design.instruments is not None:
        group = "Are the instruments exogenous, and is W?"
        yield group, "over-identification", results.overid
        if results.model.instrument_W:
            yield group, "exogenous W", _later(weights_exogeneity, results)
    group = "What is left in the residuals?"
    yield group, "Pesaran CD", _later(pesaran_cd, results)
    yield group, "Moran's I, all years", _later(residual_moran, results, W)
    yield group, "serial correlation", _later(serial_correlation, results)
    yield group, "Jarque-Bera", _later(normality, results)


def _lags_in_space(results: Results, W: str | Weights | None) -> Iterator[Row]:
    """Of least squares, before any lag is estimated."""
    group = "Which lags in space? At least squares"
    for name, tested, robust in SCORES:
        yield group, name, _later(lm, results, tested, robust, (), W)
    group = "Lags of the regressors (Koley & Bera)"
    for name, tested, robust in DURBIN:
        yield group, name, _later(lm, results, tested, robust, (), W)
    if results.model.has_wx:
        group = "Which lags in space, beside those of the regressors?"
        for name, tested, robust in SCORES:
            yield group, f"{name}, given WX", _later(lm, results, tested, robust, ("wx",), W)
    if results.model.fixed_effects != "none":
        group = "The same as programs print them (Elhorst, splm), not centred"
        for name, tested, robust in SCORES:
            yield group, f"{name}, naive", _later(lm, results, tested, robust, (), W, True)


def _effects_of_cities_and_years(results: Results) -> Iterator[Row]:
    group = "Are there city and year effects?"
    for effects in _effects_of(results):
        for kind, test in (("F", fixed_effects_f), ("LR", fixed_effects_lr)):
            yield group, f"{kind} {EFFECTS[effects]}", _later(test, results, effects)
    yield group, "LR random city effects", _later(random_effects_lr, results)
    group = "Are city effects unrelated to the regressors?"
    for kind in KINDS:
        yield group, f"Hausman, {kind}", _later(hausman, results, kind)


def _other_lags(results: Results, W: str | Weights | None) -> Iterator[Row]:
    """Fewer than the model has, and more."""
    group, family = "Would a simpler model do?", results.model.family
    for to in _simpler(family):
        yield group, f"Wald to {to.upper()}", _later(wald, results, to)
        yield group, f"LR to {to.upper()}", _later(lr, results, to)
    if family == "sdm":
        yield group, "LM lag given SDEM", _later(lm, results, "lag", (), ("wx", "error"), W)
    if results.model.lag_y and results.model.lag_wy:
        yield group, "separability", _later(separability, results)
    group, own = "Is a lag missing?", lags_of(results.model)
    for lag in LAGS:
        if own and lag not in own:
            name = f"LM {lag.replace('wx', 'WX')} given {family.upper()}"
            yield group, name, _later(lm, results, lag, (), own, W)


def _simpler(family: str) -> list[str]:
    """The families whose lags this one has too; of the SDM those that papers compare it with."""
    if family == "sdm":
        return ["sar", "slx", "sem", "sdem"]
    lags = set(FAMILIES.get(family, ""))
    return [to for to, its in FAMILIES.items() if not to.startswith("mess") and set(its) < lags]


def _effects_of(results: Results) -> list[str]:
    """The fixed effects that are tested: both, where the model has both or none."""
    fixed = results.model.fixed_effects
    return [fixed] if fixed in ("individual", "time") else list(EFFECTS)


def _later(test: Callable[..., HypothesisTest], *given: object) -> Callable[[], HypothesisTest]:
    return lambda: test(*given)


def _made(test: Callable[[], HypothesisTest]) -> HypothesisTest:
    """The test, or why it does not apply."""
    try:
        return test()
    except SpatialsynError as error:
        return HypothesisTest("", np.nan, np.nan, np.nan, " ".join(str(error).split()))


def _or_empty(test: Callable[[], Found], empty: Found) -> Found:
    try:
        return test()
    except SpatialsynError:
        return empty
