"""Two-stage least squares for spatial panels, with a spatial error by moments.

    Y = rho W Y + Z delta + U,    E[H'U] = 0,    H the instruments of the design
    (delta, rho) = (Q'PQ)^-1 Q'P Y,    Q = [Z, WY],    P = H (H'H)^-1 H'

on arrays lagged first and swept second. Sweeping leaves no incidental parameters behind, W
need not be row-standardised, and there is no likelihood: rho stays consistent where variances
differ between cities in an unknown way (Kelejian & Prucha 1998, Journal of Real Estate Finance
and Economics 17). With a spatial error U = lambda M U + E the equation is estimated again in
R(lambda) Y and R(lambda) Q, with the same H. sigma2 is E'E / nobs throughout; spreg divides by
n T, splm by n T less the slopes, and neither counts the fixed effects.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import solve_triangular

from spatialsyn.errors import EstimationError, ModelError, digits
from spatialsyn.models.clusters import CLUSTER, groups_of
from spatialsyn.models.design import Design
from spatialsyn.models.error_moments import error_by_moments, joint_covariance
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.instruments import Instruments, independent_columns
from spatialsyn.models.line import wider
from spatialsyn.models.moments import (
    KINDS,
    clusters,
    columns,
    instruments_of,
    moment_variance,
    projector,
)
from spatialsyn.models.own_lag import check_own_lag
from spatialsyn.models.qml import multiplier_at, parameter_names, regress, variance
from spatialsyn.models.random_moments import phi_of, phi_of_residuals, quasi_demeaned
from spatialsyn.models.strength import first_stage
from spatialsyn.numerics.lags import Array, lag

# A singular value of [unit columns of Q explained by H] below this is rounding.
IDENTIFIED = 1e-9


def estimate_2sls(design: Design) -> Estimate:
    """Two-stage least squares of `design`.

    Returns
    -------
    Estimate
        In the order (delta, rho, sigma2); no likelihood, and no standard error of sigma2.

    Raises
    ------
    ModelError
        Collinear regressors, or as many instruments as observations.
    EstimationError
        Instruments that leave a column unexplained, or rho outside its parameter space.
    """
    return describe(design, two_stages(design), np.empty(0))


def estimate_random(design: Design) -> tuple[Design, Estimate]:
    """Two stages of quasi-demeaned data, and those data; see `random_moments`.

    Returns
    -------
    Design, Estimate
        In the order (delta, rho, phi, sigma2); phi and sigma2 have no standard errors.

    Raises
    ------
    EstimationError
        Too few cities for a regression between them; see `estimate_2sls` for the others.
    """
    phi = phi_of_residuals(design)
    design = quasi_demeaned(design, phi)
    return design, describe(design, two_stages(design), np.array([phi]))


def estimate_gmm(design: Design) -> tuple[Design, Estimate]:
    """Two stages, lambda from the moments of their residuals, two stages of filtered data.

    Returns
    -------
    Estimate
        In the order (delta, rho, lambda, sigma2), phi before sigma2; see `estimate_random`.
    """
    assert design.error is not None
    two_stages(design)  # refuses what the first step cannot be made from
    lam, variances = error_by_moments(design, design.error)
    rest = [lam]
    if design.random:
        phi = phi_of(*variances)
        design, rest = quasi_demeaned(design, phi), [lam, phi]
    return design, describe(design, two_stages(design, lam), np.array(rest))


def best_instruments(design: Design) -> Design:
    """`design` with W S^-1 Z delta, at its two-stage estimate, as the instrument of Wy.

    Lee (2003, Econometric Reviews 22): what E[Wy] is, the best instrument there is for errors
    of one variance.
    """
    first = estimate_2sls(design)
    expected = lag(first.multiplier, design.Z @ first.params[: design.Z.shape[2]])
    best = dict(zip(design.names, np.moveaxis(design.Z, 2, 0), strict=True))
    endogenous = instruments_of(design).endogenous
    for name, W in zip(endogenous, design.W, strict=True):
        best[f"E({name})"] = lag(W, expected)
    basis, kept = independent_columns(best, design.fixed_effects)
    made = Instruments(basis, kept, design.Z.shape[2], (), endogenous)
    return replace(design, instruments=made)


def two_stages(design: Design, lam: float = 0.0) -> Array:
    """(delta, rho) of the equation filtered by lambda, (p + m,)."""
    from spreg.twosls import BaseTSLS

    given = instruments_of(design)
    check_own_lag(design)
    y, Q = columns(design, lam)
    names = (*design.names, *design.rho_names)
    regress(y[:, None], Q, names)  # refuses collinear columns by name
    if len(given.names) >= design.nobs:
        raise ModelError(
            f"{len(given.names)} instruments for {design.nobs} independent observations: two "
            "stages would be least squares. Use fewer regressors, or more years or cities."
        )
    _check_apart(given, Q)
    size = np.linalg.norm(Q, axis=0)
    R = np.linalg.qr(given.basis.T @ (Q / size))[1]
    _check_identified(R, names)
    # spreg inverts H'H and Q'PQ: in coordinates in which both are the identity no digit is lost.
    turned = solve_triangular(R.T, (Q / size).T, lower=True).T
    fit = BaseTSLS(y[:, None], turned[:, :0], turned, h=given.basis)
    return np.asarray(solve_triangular(R, fit.betas[:, 0]) / size)


def describe(design: Design, coefficients: Array, rest: Array) -> Estimate:
    """The estimate with these (delta, rho) and this lambda or phi, and its covariance."""
    y, Q = columns(design, 0.0 if design.error is None else float(rest[0]))
    residuals = (y - Q @ coefficients).reshape(design.y.shape)
    sigma2 = variance(design, residuals.ravel())
    rho = coefficients[design.Z.shape[2] :]
    if design.logdet is not None and not design.logdet.contains(rho):
        F = first_stage(design, "classical").table["conditional_F"].min()
        raise EstimationError(
            f"two stages put rho at {digits(rho)}, outside its parameter "
            f"space. The smallest F of the first stage is {F:.1f}: weak where below 10; if it is "
            "not, a common trend is left in the data. Add time effects, leave regressors out of "
            'W*x, find stronger instruments, or use estimator="qml".'
            f"{wider(design.logdet, float(rho[0]))}"
        )
    estimate = Estimate(
        names=parameter_names(design),
        params=np.r_[coefficients, rest, sigma2],
        cov=None,
        loglik=np.nan,
        nobs=design.nobs,
        residuals=residuals,
        multiplier=multiplier_at(design, rho),
        space=design.space,
    )
    return covered_by_moments(design, estimate, "classical")


def covered_by_moments(design: Design, estimate: Estimate, kind: str) -> Estimate:
    """The same estimate with a covariance of this kind; phi and sigma2 have none.

    Raises
    ------
    ModelError
        A kind that needs a likelihood, or that contradicts the moments lambda was made from.
    EstimationError
        Fewer clusters than coefficients.
    """
    check_moments(design, kind)
    p = design.Z.shape[2] + design.Wy.shape[2]
    if design.error is not None:
        lam, phi = float(estimate.params[p]), float(estimate.params[-2]) if design.random else 1.0
        found = joint_covariance(design, design.error, lam, phi, estimate.params[:p])
    else:
        if p >= clusters(design, kind):
            raise EstimationError(
                f"cov={kind!r} estimates the variance of {p} coefficients from "
                f'{clusters(design, kind)} clusters: it needs more of them. Use cov="robust".'
            )
        basis = instruments_of(design).basis
        B = projector(basis, columns(design)[1])
        S = moment_variance(design, basis, estimate.residuals, kind)
        found = B @ S @ B.T
    known = len(found)
    cov = np.full((len(estimate.params), len(estimate.params)), np.nan)
    cov[:known, :known] = (found + found.T) / 2
    return replace(estimate, cov=cov)


def check_moments(design: Design, kind: str) -> None:
    """Refuse what is no covariance of estimates from instruments, or not of those with lambda."""
    if kind not in KINDS:
        raise ModelError(
            f"cov={kind!r} does not exist without a likelihood; estimates from instruments have "
            f"{', '.join(map(repr, KINDS))}."
        )
    if kind == CLUSTER:
        groups_of(design)
    if design.error is not None and kind != "classical":
        raise ModelError(
            f"cov={kind!r} allows errors that the moments of lambda do not: they take them as "
            'independent and of one variance. Use cov="classical", or 2sls without the '
            "spatial error, which needs neither."
        )


def _check_apart(given: Instruments, Q: Array) -> None:
    """An endogenous column that instruments explain to the last digit is its own instrument."""
    for name, j in given.endogenous.items():
        rest = Q[:, j] - given.basis @ (given.basis.T @ Q[:, j])
        if np.linalg.norm(rest) <= IDENTIFIED * np.linalg.norm(Q[:, j]):
            raise ModelError(
                f"the instruments explain {name!r} exactly, so that it would stand in for itself. "
                "Is one of them made from it? Give instruments that are not."
            )


def _check_identified(R: Array, names: tuple[str, ...]) -> None:
    """The instruments must explain a part of every column that the others have not."""
    values, directions = np.linalg.svd(R)[1:]
    if values[-1] < IDENTIFIED:
        worst = names[int(np.abs(directions[-1]).argmax())]
        raise EstimationError(
            f"the instruments explain nothing of {worst!r} beyond the other regressors: its "
            "coefficient is not identified. Give instruments that move it on its own."
        )
