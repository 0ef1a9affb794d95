"""A test of a hypothesis: what was asked, the statistic, and why it says nothing when it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from spatialsyn.numerics.lags import Array


@dataclass(frozen=True, repr=False)
class HypothesisTest:
    """Statistic and p-value of a null hypothesis.

    Attributes
    ----------
    null : the hypothesis in words
    statistic, df, p : not a number where the test does not apply
    note : the distribution where it is not chi-squared, or why the test does not apply
    """

    null: str
    statistic: float
    df: float
    p: float
    note: str = ""

    def __repr__(self) -> str:
        if np.isnan(self.p):
            return f"H0: {self.null}: does not apply. {self.note}".strip()
        value = f"statistic {self.statistic:.4g}, df {self.df:g}, p = {self.p:.4g}"
        return f"H0: {self.null}: {value}. {self.note}".strip()


def wald(null: str, value: Array, cov: Array) -> HypothesisTest:
    """The Wald test that the vector `value`, with covariance `cov`, is zero.

    The covariance may be of lower rank than its size, as that of effects that sum to one
    another is: degrees of freedom are its rank.
    """
    scale = np.sqrt(np.clip(np.diag(cov), 0, None))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    kept = values > 1e-9 * max(float(values.max(initial=0.0)), 1e-300)
    z = vectors[:, kept].T @ (value / scale) / np.sqrt(values[kept])
    df = int(kept.sum())
    if df == 0:
        return HypothesisTest(null, np.nan, 0, np.nan, "what is tested has no variance")
    statistic = float(z @ z)
    return HypothesisTest(null, statistic, df, float(chdtrc(df, statistic)))
