"""What city dummies do to a model with y(t-1), and its removal.

    y(t) = tau y(t-1) + sum rho_j W_j y(t) + sum eta_j W_j y(t-1) + Z delta + mu + alpha_t + u
    A = S^-1 (tau I + sum eta_j W_j),   M = (I - A)^-1 S^-1 R^-1

By dummies the score has the mean -b, of order 1/T relative to the information I:

    b_tau = tr R M      b_eta = tr R W M      b_rho = tr R W (A M + S^-1 R^-1)
    b_lambda = tr M R^-1      b_s2 = n / (2 s2)      theta_c = theta + I^-1 b

Yu, de Jong & Lee (2008, Journal of Econometrics 146, theorem 3); with year effects every
matrix is F'WF of the transformed cities, which also takes the root of the common direction
away (Lee & Yu 2010, Econometric Theory 26); the spatial error: ours, by the same argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import null_space

from spatialsyn.errors import EstimationError, digits
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.line import wider
from spatialsyn.models.qml import describe
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.numerics.lags import Array, dense
from spatialsyn.numerics.multiplier import multiplied_out

# 1 - |root| below this is no longer a process with a mean.
UNIT = 1e-8


@dataclass(frozen=True, eq=False)
class Process:
    """The matrices of a dynamic model at given parameters.

    Attributes
    ----------
    tau, eta, rho : coefficients of y(t-1), of W y(t-1) and of W y
    V, W : the matrices of eta and of rho
    """

    tau: float
    eta: Array
    rho: Array
    V: tuple[Array, ...]
    W: tuple[Array, ...]
    n: int

    @cached_property
    def S(self) -> Array:
        """I - sum_j rho_j W_j."""
        return multiplied_out(self.W, self.rho, self.n)

    @cached_property
    def before(self) -> Array:
        """tau I + sum_j eta_j W_j, what the year before brings."""
        return (1 + self.tau) * np.eye(self.n) - multiplied_out(self.V, self.eta, self.n)

    @cached_property
    def A(self) -> Array:
        """S^-1 (tau I + sum_j eta_j W_j): how one year becomes the next."""
        return np.linalg.solve(self.S, self.before)

    @cached_property
    def roots(self) -> Array:
        """Moduli of the eigenvalues of A, the largest first."""
        return np.sort(np.abs(np.linalg.eigvals(self.A)))[::-1]


def process(design: Design, params: Array, names: tuple[str, ...]) -> Process:
    """The dynamics of `design` at `params`, named `names`."""
    value = dict(zip(names, params, strict=True))
    etas = [name[4:-1] for name in names if name.startswith("eta[")]
    matrices = {k: dense(W) for k, W in design.matrices.items()}
    return Process(
        tau=float(value.get("tau", 0.0)),
        eta=np.array([value[f"eta[{name}]"] for name in etas]),
        rho=np.array([value[name] for name in design.rho_names]),
        V=tuple(matrices[name] for name in etas),
        W=tuple(dense(W) for W in design.W),
        n=len(design.y),
    )


def stability(design: Design, estimate: Estimate) -> tuple[float, HypothesisTest]:
    """The largest root of the process, and the test that tau + sum eta + sum rho is one.

    The sum is one where a shock common to all cities never dies out (row-standardised W):
    with roots below one elsewhere, the cities are spatially cointegrated (Yu, de Jong & Lee
    2012); above one, differences of the panel should be modelled.
    """
    assert estimate.cov is not None
    at = np.array(
        [name == "tau" or name.startswith(("eta[", "rho[")) for name in estimate.names], dtype=float
    )
    total, variance = float(at @ estimate.params), float(at @ estimate.cov @ at)
    test = wald(
        f"tau + rho + eta = {total:.4f} is one", np.array([total - 1]), np.array([[variance]])
    )
    return float(process(design, estimate.params, estimate.names).roots[0]), test


def remove_dummy_bias(design: Design, estimate: Estimate) -> Estimate:
    """`estimate` less the bias of its city dummies; covariance at the new parameters.

    The log-likelihood stays that of the uncorrected maximum.

    Raises
    ------
    EstimationError
        A root of exactly one, or a correction that leaves the parameter space.
    """
    expected = describe(design, estimate.params).cov
    assert expected is not None
    params = estimate.params + expected @ _score_bias(design, estimate)
    p, m = len(design.names), design.Wy.shape[2]
    if design.logdet is not None and not design.logdet.contains(params[p : p + m]):
        raise EstimationError(
            f"the bias correction moves rho to [{digits(params[p : p + m])}], "
            "outside its parameter space: the panel is too short for this model. Use fewer lags, "
            'or look at the uncorrected estimate, correction="direct".'
            f"{wider(design.logdet, float(params[p]))}"
        )
    return replace(describe(design, params), loglik=estimate.loglik)


def _score_bias(design: Design, estimate: Estimate) -> Array:
    """b of the module docstring, in the order of the parameters."""
    at = process(design, estimate.params, estimate.names)
    value = dict(zip(estimate.names, estimate.params, strict=True))
    n = design.units
    F = null_space(np.ones((1, at.n))) if design.projects_cities else np.eye(at.n)
    V, W = (tuple(F.T @ w @ F for w in matrices) for matrices in (at.V, at.W))
    moved = replace(at, V=V, W=W, n=n)
    M_error = F.T @ dense(design.error.M) @ F if design.error is not None else np.zeros((n, n))
    R = np.eye(n) - value.get(design.error.name if design.error else "", 0.0) * M_error
    base = np.linalg.inv(R @ moved.S)
    if np.abs(np.linalg.eigvals(moved.A) - 1).min() < UNIT:
        raise EstimationError("the process has a root of one: no bias correction exists.")
    M = np.linalg.solve(np.eye(n) - moved.A, base)
    found = {"tau": np.trace(R @ M), "sigma2": n / (2 * value["sigma2"])}
    etas = [name for name in estimate.names if name.startswith("eta[")]
    found |= {name: np.sum((R @ w).T * M) for name, w in zip(etas, V, strict=True)}
    response = moved.A @ M + base
    found |= {r: np.sum((R @ w).T * response) for r, w in zip(design.rho_names, W, strict=True)}
    if design.error is not None:
        found[design.error.name] = np.trace(np.linalg.solve(R, M_error))
    return np.array([found.get(name, 0.0) for name in estimate.names])
