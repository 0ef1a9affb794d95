"""An estimate: names, numbers, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spatialsyn.errors import EstimationError
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.randomness import generator


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Parameters:
    """Parameters with a covariance: all that effects need.

    Attributes
    ----------
    names, params : (q,) in the order (delta, rho, lambda, sigma2)
    cov : (q, q) covariance of the parameters, or None where there are draws instead
    space : the log-determinant, which knows the parameter space of rho; None without Wy
    """

    names: tuple[str, ...]
    params: Array
    cov: Array | None
    space: LogDet | JointLogDet | None = None

    def __repr__(self) -> str:
        pairs = zip(self.names, self.params, strict=True)
        return f"{type(self).__name__}: {', '.join(f'{name} {v:.4g}' for name, v in pairs)}"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Estimate(Parameters):
    """Parameters with a covariance or with draws; everything downstream asks `sample`.

    Attributes
    ----------
    notes : what is not exact in it, in words
    draws : (size, q) posterior or bootstrap draws, or None
    loglik : maximised log-likelihood, constants included; nan without a likelihood
    nobs : independent observations
    residuals : (n, T) structural residuals, swept of the fixed effects
    multiplier : (n, n), S^-1 at the estimate; the identity without Wy, an operator for `mess`
        and for many cities (`Design.by_solves`)
    """

    loglik: float
    nobs: int
    residuals: Array
    multiplier: Array
    draws: Array | None = None
    notes: tuple[str, ...] = ()

    def sample(self, size: int, seed: int) -> Array:
        """(size, q) draws of the parameters, normal around the estimate unless `draws` exist."""
        stream = generator(seed)
        if self.draws is not None:
            return self.draws[stream.integers(len(self.draws), size=size)]
        assert self.cov is not None
        # What has no standard error (sigma2 without a likelihood) stays where it is.
        cov = np.nan_to_num(self.cov)
        # Of correlations: beside a large variance a small one would be rounding.
        unit = np.sqrt(np.where(np.diag(cov) > 0, np.diag(cov), 1.0))
        values, vectors = np.linalg.eigh(cov / unit / unit[:, None])
        if values.min() < -1e-10 * values.max():
            raise EstimationError(
                f"the covariance is not positive semi-definite (eigenvalues {values.min():.3g} .. "
                f"{values.max():.3g}), so no draws can be made from it. Use method='delta'."
            )
        root = unit[:, None] * vectors * np.sqrt(np.clip(values, 0, None))
        normal: Array = stream.standard_normal((size, len(self.params)))
        return np.asarray(self.params + normal @ root.T)
