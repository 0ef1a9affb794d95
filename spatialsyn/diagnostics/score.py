"""Lagrange multiplier tests of spatial lags in panels.

At the estimate of a model without some lags, with g the score and I the expected
information of the model that has them, and n the parameters estimated under both,

    d = g_s - I_sn I_nn^-1 g_n     J = I_ss - I_sn I_nn^-1 I_ns     LM(A) = d_A' J_AA^-1 d_A

over the lags s. The test of A that is robust to a local presence of B is LM(A, B) - LM(B)
(Bera & Yoon 1993, Econometric Theory 9; Anselin, Bera, Florax & Yoon 1996; for W X Koley &
Bera 2024, Spatial Economic Analysis 19). Where effects were transformed away, d and J are
those of the transformed likelihood. Time effects then give W* = F'WF the trace -1: the score
is centred. The naive form of the programs (Elhorst 2010; Millo & Piras 2012) is not, and takes
n T for the number of independent observations:

    d_e = e'We / s2     d_l = e'Wy / s2     t = T tr(W'W + W^2)     J = |M_Z W Z delta|^2 / s2 + t

It rejects true hypotheses too often under time effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2

from spatialsyn.diagnostics.relatives import (
    LAGS,
    SYMBOLS,
    family_of,
    given_weights,
    held,
    is_results,
    needs_likelihood,
    needs_no_incidental_bias,
    refitted,
    relative,
)
from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design, sweep_effects
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered, jacobian_slopes, lags
from spatialsyn.models.qml import parameter_names
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.numerics.lags import Array, dense, lag
from spatialsyn.numerics.multiplier import mean_trace, multiplier
from spatialsyn.numerics.regression import least_squares
from spatialsyn.numerics.transform import sweeps_time
from spatialsyn.results import Results
from spatialsyn.weights.core import Weights

CENTRED = "score of the transformed likelihood, centred"
NAIVE = "naive: the score is not centred, and the test rejects too often under time effects"
DUMMIES = "score of the dummy-variable likelihood, not centred under time effects"


@dataclass(frozen=True, eq=False)
class Score:
    """Efficient score d and information J of the lags of a model at a restricted estimate.

    `owners` says which of "lag", "wx" and "error" each entry belongs to.
    """

    d: Array
    J: Array
    owners: tuple[str, ...]

    def test(self, tested: Sequence[str], null: str = "") -> HypothesisTest:
        """The LM test of these lags, the others left at zero."""
        at = np.flatnonzero([owner in tested for owner in self.owners])
        return wald(null, self.d[at], self.J[np.ix_(at, at)])


def lm(
    results: Results,
    tested: str | Sequence[str],
    robust: str | Sequence[str] = (),
    given: str | Sequence[str] = (),
    W: str | Weights | None = None,
    naive: bool = False,
) -> HypothesisTest:
    """The LM test that lags in space are absent, in the panel of `results`.

    Parameters
    ----------
    results : the fit whose formula, effects and weights are taken; its own lags are not
    tested : "lag" (rho = 0), "error" (lambda = 0), "wx" (theta = 0), or several
    robust : lags that may be present to a small degree without moving the test
    given : lags that are estimated under the null: conditional tests
    W : matrix of lags that the model of `results` does not have
    naive : the statistic that programs print, not centred, for "lag" and "error" only

    Raises
    ------
    ModelError
        No such lag, one named twice, no likelihood, or a lag in time with city effects.

    Examples
    --------
    ``lm(res, "lag")``, ``lm(res, "lag", robust="error")``, ``lm(res, ("lag", "error"))``,
    ``lm(res, "error", given=("lag", "wx"))``: is there error dependence left in the SDM?
    """
    is_results(results, "lm")
    asked = [_listed(name, value) for name, value in
             (("tested", tested), ("robust", robust), ("given", given))]  # fmt: skip
    _check_apart(*asked)
    tested, robust, given = asked
    made = naive_score if naive else score
    found = made(results, (*tested, *robust), given, W)
    null = f"{' = '.join(SYMBOLS[name] for name in tested)} = 0"
    null += f", robust to {', '.join(SYMBOLS[name] for name in robust)}" if robust else ""
    null += f", given {', '.join(SYMBOLS[name] for name in given)}" if given else ""
    joint = found.test((*tested, *robust), null)
    if robust:
        other = found.test(robust)
        statistic, df = max(joint.statistic - other.statistic, 0.0), joint.df - other.df
        joint = HypothesisTest(null, statistic, df, float(chi2.sf(statistic, df)))
    return HypothesisTest(null, joint.statistic, joint.df, joint.p, _note(results, naive))


def score(
    results: Results,
    absent: Sequence[str],
    given: Sequence[str],
    W: str | Weights | None,
) -> Score:
    """d and J of the lags `absent` at the estimate that has the lags `given`."""
    needs_likelihood(results, "an LM test")
    needs_no_incidental_bias(results, "an LM test")
    name, more = given_weights(results, W)
    less = refitted(results, relative(results.model, family_of(given), name), more)
    full = relative(results.model, family_of((*given, *absent)), name)
    weights = held(results, more)
    # What stands behind a | is no part of a formula without lags of regressors.
    data = replace(less.data, lagged=results.data.lagged)
    design = sweep_effects(full, data, {key: weights[key] for key in full.weights_names})
    needs_no_incidental_bias(less, "an LM test")
    parameters = parameter_names(design)
    known = dict(zip(less.estimate.names, less.estimate.params, strict=True))
    g, info = _score_and_information(design, np.array([known.get(k, 0.0) for k in parameters]))
    owners = _owners(design, parameters)
    tested = np.array([owner in absent for owner in owners])
    # At the boundary phi = 1 the score of phi need not be zero, and phi is not estimated.
    estimated = ~tested & ~np.array([k == "phi" and known.get(k) == 1 for k in parameters])
    share = np.linalg.solve(info[np.ix_(estimated, estimated)], info[np.ix_(estimated, tested)])
    d = g[tested] - share.T @ g[estimated]
    J = info[np.ix_(tested, tested)] - info[np.ix_(tested, estimated)] @ share
    return Score(d, J, tuple(owner for owner in owners if owner in absent))


def naive_score(
    results: Results,
    absent: Sequence[str],
    given: Sequence[str],
    W: str | Weights | None,
) -> Score:
    """d and J as Elhorst (2010) and splm have them: n T observations, no centring."""
    if "wx" in absent or set(given) - {"wx"} or results.model.random is not None:
        raise ModelError(
            'the naive form is known for "lag" and "error" in models without random effects, '
            'given "wx" at most: leave naive out.'
        )
    name, more = given_weights(results, W)
    needs_likelihood(results, "an LM test")
    needs_no_incidental_bias(results, "an LM test")
    less = refitted(results, relative(results.model, family_of(given), name), more)
    full = relative(results.model, "sac", name)
    if len(full.roles.names) > 1:
        raise ModelError("the naive form is known for one matrix: leave naive out.")
    M = held(results, more)[full.roles.names[0]].over(less.data.years)
    e, n, T = less.estimate.residuals, len(less.data.y), less.data.y.shape[1]
    sigma2 = float((e**2).mean())
    Z = less.design.Z
    signal: Array = lag(M, Z @ less.estimate.params[: Z.shape[2]]).ravel()
    flat = Z.reshape(n * T, -1)
    rest = signal - flat @ least_squares(flat, signal)
    A = dense(M)
    t = T * (mean_trace(A, A) + mean_trace(A, np.swapaxes(A, -1, -2)))
    d = np.array([np.sum(e * lag(M, v)) for v in (less.data.y, e)]) / sigma2
    J = np.array([[rest @ rest / sigma2 + t, t], [t, t]])
    keep = [k for k, owner in enumerate(("lag", "error")) if owner in absent]
    return Score(d[keep], J[np.ix_(keep, keep)], tuple(("lag", "error")[k] for k in keep))


def _score_and_information(design: Design, params: Array) -> tuple[Array, Array]:
    """Gradient of the log-likelihood and its expected information at `params`."""
    p, m = len(design.names), design.Wy.shape[2]
    delta, spatial, sigma2 = params[:p], params[p:-1], float(params[-1])
    y, Z = filtered(design, spatial)
    e = y - Z @ delta
    by_spatial = lags(design, spatial, delta).T @ e / sigma2 + jacobian_slopes(design, spatial)
    by_sigma2 = (e @ e / sigma2 - design.nobs) / (2 * sigma2)
    inverse = multiplier(design.W, spatial[:m], len(design.y))
    residuals = e.reshape(design.y.shape)
    info = information(design, inverse, delta, spatial, sigma2, residuals, "expected")
    return np.r_[Z.T @ e / sigma2, by_spatial, by_sigma2], info


def _owners(design: Design, parameters: Sequence[str]) -> tuple[str, ...]:
    """Which lag each parameter belongs to; empty where to none."""
    lagged = {column.name for column in design.columns if column.W is not None}
    error = design.error.name if design.error is not None else ""
    return tuple(
        "lag" if k in design.rho_names else "error" if k == error else "wx" if k in lagged else ""
        for k in parameters
    )


def _note(results: Results, naive: bool) -> str:
    model = results.model
    if model.fixed_effects == "none":
        return ""
    if naive:
        return NAIVE if sweeps_time(model.fixed_effects) else "n T observations, not n (T - 1)"
    if model.transforms:
        return (
            CENTRED if sweeps_time(model.fixed_effects) else "score of the transformed likelihood"
        )
    return DUMMIES


def _listed(name: str, value: str | Sequence[str]) -> tuple[str, ...]:
    listed = (value,) if isinstance(value, str) else tuple(value)
    unknown = [lag for lag in listed if lag not in LAGS]
    if unknown:
        raise ModelError(f"{name} has {named(unknown)}; what can be tested is {named(LAGS)}.")
    return listed


def _check_apart(tested: Sequence[str], robust: Sequence[str], given: Sequence[str]) -> None:
    if not tested:
        raise ModelError(f"nothing is tested: say which of {named(LAGS)}.")
    every = [*tested, *robust, *given]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise ModelError(
            f"{named(twice)} stands more than once among tested, robust and given: a lag is "
            "tested, allowed for, or estimated."
        )
