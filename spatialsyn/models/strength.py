"""Do the instruments move what they stand in for, and are they left out of the equation?

First stage, with the exogenous regressors taken out of everything: x on the L excluded
instruments,

    F = p' S^-1 p / L,   p = H'x,   S the variance of H'v,   v the residual

(v'v / (nobs - q) times the identity under a classical covariance, Kleibergen-Paap otherwise).
Where several columns are endogenous each F may be large for the same reason; the conditional
F of Sanderson & Windmeijer (2016, Journal of Econometrics 190) first takes out of x what the
others explain by two stages, and has L - k + 1 degrees of freedom.

Over-identification: Sargan (1958) e'He / sigma2 under a classical covariance, else Hansen's J
(1982) at the estimate that weights moments by the inverse of S.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc

from spatialsyn.errors import ModelError, named
from spatialsyn.models.design import Design
from spatialsyn.models.endogenous import WORDS
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.moments import clusters, columns, instruments_of, moment_variance, projector
from spatialsyn.notebook import as_html
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.regression import least_squares

# Staiger & Stock (1997): below it two stages lean towards least squares.
WEAK = 10.0


@dataclass(frozen=True, eq=False)
class FirstStage:
    """How strong instruments are, one row per endogenous column.

    Attributes
    ----------
    table : DataFrame
        Columns ``endogenous, F, df1, df2, p, partial_r2, conditional_F``; conditional on the
        other endogenous columns, equal to F where there is one.
    instruments : the excluded ones
    note : which columns have weak instruments, empty when none has
    """

    table: pd.DataFrame
    instruments: tuple[str, ...]
    note: str

    def tidy(self) -> pd.DataFrame:
        """The table, as a copy."""
        return self.table.copy()

    def __repr__(self) -> str:
        text = self.table.to_string(index=False, float_format="{:.4g}".format)
        return "\n".join([text, *self._below()])

    def _repr_html_(self) -> str:
        return as_html(self.table, *self._below())

    def _below(self) -> list[str]:
        return [f"(instruments: {', '.join(self.instruments)})", *filter(None, [self.note])]


def first_stage(design: Design, kind: str) -> FirstStage:
    """Strength of the instruments of `design`, under a covariance of this kind.

    Raises
    ------
    ModelError
        Nothing is endogenous, or fewer clusters than instruments.
    """
    _check_has(design)
    given = instruments_of(design)
    if not given.endogenous:
        raise ModelError("nothing is endogenous in this model: there is no first stage.")
    L = len(given.excluded)
    if clusters(design, kind) <= L:
        raise ModelError(
            f"cov={kind!r} has {clusters(design, kind)} clusters for {L} instruments. Ask the "
            'results with another covariance: with_cov("robust").first_stage().'
        )
    inside, H = given.basis[:, : given.included], given.basis[:, given.included :]
    x = columns(design)[1][:, list(given.endogenous.values())]
    x = x - inside @ (inside.T @ x)
    rows = []
    for j, name in enumerate(given.endogenous):
        others = np.delete(x, j, axis=1)
        rest = x[:, j]
        F = _strength(design, H, rest, kind) / L
        if others.shape[1]:
            rest = rest - others @ (projector(H, others) @ (H.T @ rest))
        conditional = _strength(design, H, rest, kind) / (L - others.shape[1])
        df2 = design.nobs - len(given.names)
        explained = float(np.sum((H.T @ x[:, j]) ** 2) / np.sum(x[:, j] ** 2))
        rows.append((name, F, L, df2, float(fdtrc(L, df2, F)), explained, conditional))
    names = ["endogenous", "F", "df1", "df2", "p", "partial_r2", "conditional_F"]
    table = pd.DataFrame(rows, columns=names)
    return FirstStage(table, given.excluded, _advice(table))


def _strength(design: Design, H: Array, x: Array, kind: str) -> float:
    """The Wald statistic that no column of H matters for x."""
    p = H.T @ x
    v = (x - H @ p).reshape(design.y.shape)
    used = len(instruments_of(design).names) if kind == "classical" else 0
    S = moment_variance(design, H, v, kind, used)
    return float(p @ np.linalg.solve(S, p))


def _advice(table: pd.DataFrame) -> str:
    weak = table.loc[table["conditional_F"] < WEAK, "endogenous"]
    if weak.empty:
        return ""
    return (
        f"F < {WEAK:.0f} for {named(weak)}: weak instruments. Estimates lean towards those of "
        "least squares and intervals are too short; more instruments make it worse, stronger "
        "ones do not."
    )


def overidentify(design: Design, estimate: Estimate, kind: str) -> HypothesisTest:
    """Whether the instruments that were not needed agree with those that were."""
    _check_has(design)
    given = instruments_of(design)
    name = "Sargan" if kind == "classical" else "Hansen J"
    null = f"the instruments are uncorrelated with the error ({name})"
    lam = float(estimate.params[-2]) if design.error is not None else 0.0
    y, Q = columns(design, lam)
    df = len(given.names) - Q.shape[1]
    reason = few_clusters(design, kind, len(given.names))
    if df == 0:
        reason = "There are as many instruments as coefficients: every estimate satisfies them."
    if reason:
        return HypothesisTest(null, np.nan, df, np.nan, reason)
    H = given.basis
    S = moment_variance(design, H, estimate.residuals, kind)
    J = distance(H.T @ y, H.T @ Q, S)
    return HypothesisTest(null, J, df, float(chdtrc(df, J)))


def few_clusters(design: Design, kind: str, count: int) -> str:
    """Why a covariance of this kind says nothing of so many moments; empty where it does."""
    if clusters(design, kind) > count:
        return ""
    return (
        f"{clusters(design, kind)} clusters for {count} instruments: the variance of the moments "
        'has no inverse. Use with_cov("robust").'
    )


def distance(moments: Array, slopes: Array, S: Array) -> float:
    """The least of (H'y - H'Q b)' S^-1 (H'y - H'Q b) over b, of moments H'y with slopes H'Q."""
    root = np.linalg.inv(np.linalg.cholesky(S))
    moments, slopes = root @ moments, root @ slopes
    left = moments - slopes @ least_squares(slopes, moments)
    return float(left @ left)


def instruments_note(design: Design, estimator: str) -> list[str]:
    """How an estimate from instruments was made, and what to beware of."""
    if design.instruments is None:
        return []
    given = design.instruments
    said = f"Estimated by {WORDS[estimator]}; "
    said += f"endogenous: {', '.join(given.endogenous) or 'nothing'}; "
    said += f"instruments: {', '.join(given.excluded) or 'the regressors'}"
    if given.dropped:
        said += f"; left out, as they depend on the others: {', '.join(given.dropped)}"
    weak = first_stage(design, "classical").note if given.endogenous else ""
    return [f"{said}.", *([weak] if weak else [])]


def _check_has(design: Design) -> None:
    if design.instruments is None:
        raise ModelError(
            'maximum likelihood has no instruments: fit the model with estimator="2sls", '
            'model.but(estimator="2sls").'
        )
