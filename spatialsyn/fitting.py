"""The front door: `fit`, from a specification, a panel and weights to results."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, PanelError, expect
from spatialsyn.models.accuracy import too_far
from spatialsyn.models.choice import Covariance
from spatialsyn.models.data import Evaluate, read
from spatialsyn.models.design import align, sweep_effects
from spatialsyn.models.dynamic import stability
from spatialsyn.models.estimators import estimated_as
from spatialsyn.models.formula import evaluate
from spatialsyn.models.gaps import Sample, check_observed, sampled
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.threads import threads_for
from spatialsyn.results import Results
from spatialsyn.weights.series import Links


def fit(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None = None,
    cov: Covariance = None,
    missing: str = "refuse",
) -> Results:
    """Estimate `model` on `panel` with the weights it names.

    Parameters
    ----------
    weights : one Weights, a list or a mapping
        May hold more matrices than the model needs; it picks them by name.
    cov : "expected" | "observed" | "sandwich" | "city" | "period" | "driscoll-kraay"
        The first two are information matrices, right for normal errors of one variance; the
        others are robust to other distributions of one variance ("sandwich"), to dependence
        over the years of a city and variances that differ between cities, to both between the
        cities of a year (with Wy: to variances that differ between years), and to these over
        neighbouring years. Stata's vce(robust) of a panel
        (xtreg, fe) is "city"; "sandwich" leaves the usual standard errors to the coefficients of
        ss.ols and ss.slx. Estimates from instruments have "classical" (their default),
        "robust" and the last three; matrix exponentials have "robust" too, for variances that
        differ from city to city. Two come with a choice, the arguments of `with_cov`:
        ``{"kind": "spatial-hac", "km": 200}``, ``{"kind": "cluster", "by": "region"}``.
    missing : "refuse" | "balance" | "likelihood"
        What becomes of city-years in which a column of the model is missing: an error that
        names them; cities or years are dropped, and W cut, with a warning that says what
        was lost; or missing outcomes stay missing and the likelihood is that of the
        observed ones, for regressors that are complete.

    Raises
    ------
    AlignmentError, FormulaError, ModelError, WeightsError, EstimationError
        Naming the cities, cells, columns or matrix at fault.
    """
    expect(model, SpatialModel, "fit needs a model such as ss.sdm(...)", ModelError)
    expect(panel, CityPanel, "fit needs a panel: ss.CityPanel(frame, ...)", PanelError)
    matrices = align(weights, model.weights_names, panel)
    return estimated_on(model, *sampled(model, panel, matrices, missing), cov)


def estimated_on(
    model: SpatialModel,
    panel: CityPanel,
    matrices: Mapping[str, Links],
    sample: Sample,
    cov: Covariance,
    evaluate: Evaluate = evaluate,
) -> Results:
    """`model` on the city-years of `sample`; the matrices are aligned with the panel."""
    with threads_for(panel.n):
        data, outside = read(model, panel, sample, evaluate)
        check_observed(model, data, panel, matrices)
        design = sweep_effects(model, data, matrices, outside)
        design, estimate, kind = estimated_as(model, design, cov, panel)
        root = stability(design, estimate) if model.dynamic else None
    if root is not None and root[0] >= 1:
        warnings.warn(_unstable(*root), stacklevel=3)
    inexact = too_far(design, estimate)
    if inexact:
        warnings.warn(inexact, stacklevel=2)
    return Results(model, panel, matrices, data, design, estimate, kind, sample)


def _unstable(largest: float, test: HypothesisTest) -> str:
    return (
        f"the process has a root of {largest:.3f} ({test.null.split(' is')[0]}): it does not "
        "come to rest. Short-run effects are right, long-run effects do not exist. Look at "
        "time effects, or model the differences: diff(y)."
    )
