"""Estimates of many panels beside the truth they were drawn from.

    bias = mean(b_r) - b, with the Monte Carlo error sd(b_r) / sqrt(R);
    coverage c, with sqrt(c (1 - c) / R)

(Morris, White & Crowther 2019, Statistics in Medicine 38, table 6).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from spatialsyn.errors import EstimationError
from spatialsyn.models.formula import Regressors
from spatialsyn.models.simulate import Truth
from spatialsyn.numerics.lags import Array, Matrix, dense, lag, rows_of

Mask = NDArray[np.bool_]
PARAMETER, SPACES = "parameter", ("direct", "indirect", "total")
LEVEL = 0.95
NUMBER = r"-?\d[\d.]*(e[-+]?\d+)?"
# Parameters that are not zero where a model does not have them.
NOT_ZERO = ("Intercept", "phi", "share[")
# A term, and "parameter" or the effect of it.
Label = tuple[str, str]


class Fits(NamedTuple):
    """A model fitted to some panels: (b, rows), NaN where it has no estimate, and why."""

    labels: list[Label]
    estimates: Array
    se: Array
    messages: list[str]


def together(name: str, parts: Sequence[Fits]) -> Fits:
    """All panels of one model, in their order.

    Raises
    ------
    EstimationError
        No estimate in any of them.
    """
    found = in_a_row(parts)
    if not found.labels:
        raise EstimationError(
            f"{name!r} has no estimate in any of {len(found.messages)} panels. {found.messages[0]}"
        )
    return found


def in_a_row(parts: Sequence[Fits]) -> Fits:
    """The panels of all parts, of one model, in their order."""
    messages = [message for part in parts for message in part.messages]
    labels = next((part.labels for part in parts if part.labels), [])
    full = [part if part.labels else _empty(part, len(labels)) for part in parts]
    estimates, se = (np.concatenate([part[k] for part in full]) for k in (1, 2))
    return Fits(labels, estimates, se, messages)


def _empty(part: Fits, rows: int) -> Fits:
    nothing = np.full((len(part.estimates), rows), np.nan)
    return part._replace(estimates=nothing, se=nothing)


def true_effects(truth: Truth) -> dict[Label, float]:
    """Average effects of every regressor from the matrix of derivatives, S^-1 (beta I + theta W).

    Of the same year in dynamic models, of the average year where matrices change.
    """
    n, found = len(truth.signal), dict[Label, float]()
    for x in dict.fromkeys(c.x for c in truth.columns if c.x not in (None, "Intercept")):
        pairs = zip(truth.columns, truth.coefficients, strict=True)
        carried = sum(b * _carrier(truth, c.W, c.block) for c, b in pairs if c.x == x)
        inverse = truth.inverse
        B = inverse @ carried if isinstance(inverse, np.ndarray) else lag(inverse, carried)
        direct = float(np.trace(B, axis1=-2, axis2=-1).mean()) / n
        total = float(B.sum(axis=(-2, -1)).mean()) / n
        values = (direct, total - direct, total)
        found |= {(x, space): value for space, value in zip(SPACES, values, strict=True)}
    return found


def _carrier(truth: Truth, W: str | None, block: str | None) -> Array:
    """What a coefficient multiplies: I or W, or its rows of a block."""
    matrix: Matrix = np.eye(len(truth.signal)) if W is None else truth.matrices[W]
    return dense(matrix if block is None else rows_of(truth.data.blocks[block], matrix))


def true_values(
    truth: Truth, effects: Mapping[Label, float], data: Regressors, fits: Fits
) -> Array:
    """What is estimated, as it is; NaN where the model that made the panels does not say.

    A parameter that it lacks is zero for a fitted model that has all of its parameters, those of
    zero aside; the effect of a regressor is zero if it is made of other columns.
    """
    inside = {name for name, quantity in fits.labels if quantity == PARAMETER}
    nested = {name for name, value in truth.params.items() if value != 0} <= inside
    used = frozenset().union(*truth.data.sources)
    apart = {x for x, s in zip(data.names, data.sources, strict=True) if not s & used}
    values = []
    for name, quantity in fits.labels:
        if quantity == PARAMETER:
            absent = 0.0 if nested and not name.startswith(NOT_ZERO) else np.nan
            values.append(truth.params.get(name, absent))
        else:
            absent = 0.0 if name in apart else np.nan
            values.append(effects.get((name, quantity), absent))
    return np.array(values, dtype=float)


def summarised(truth: Array, fits: Fits) -> pd.DataFrame:
    """One row per quantity."""
    there = np.isfinite(fits.estimates[:, 0])
    b, se = fits.estimates[there], fits.se[there]
    R, known = len(b), np.isfinite(se)
    half = norm.ppf((1 + LEVEL) / 2) * se
    sd = b.std(axis=0, ddof=1) if R > 1 else np.full(b.shape[1], np.nan)
    coverage = _share(np.abs(b - truth) <= half, known & np.isfinite(truth))
    return pd.DataFrame(
        {
            "term": [name for name, _ in fits.labels],
            "quantity": [quantity for _, quantity in fits.labels],
            "truth": truth,
            "mean": b.mean(axis=0),
            "bias": b.mean(axis=0) - truth,
            "bias_mcse": np.where(np.isfinite(truth), sd / np.sqrt(R), np.nan),
            "rmse": np.sqrt(((b - truth) ** 2).mean(axis=0)),
            "sd": sd,
            "se_to_sd": _share(se, known) / np.where(sd > 0, sd, np.nan),
            "coverage": coverage,
            "coverage_mcse": np.sqrt(coverage * (1 - coverage) / known.sum(axis=0).clip(1)),
            "power": _share(np.abs(b) > half, known),
            "fits": R,
            "failed": len(there) - R,
        }
    )


def _share(values: Array | Mask, among: Mask) -> Array:
    """(rows,) means over the panels in `among`; NaN where there is none."""
    count = among.sum(axis=0)
    return np.where(among, values, 0.0).sum(axis=0) / np.where(count > 0, count, np.nan)


def one_by_one(fits: Fits) -> pd.DataFrame:
    """One row per panel and quantity."""
    R, size = fits.estimates.shape
    names = {
        column: np.tile(np.array([label[i] for label in fits.labels], dtype=object), R)
        for i, column in enumerate(("term", "quantity"))
    }
    values = {"estimate": fits.estimates.ravel(), "se": fits.se.ravel()}
    return pd.DataFrame({"draw": np.repeat(np.arange(R), size), **names, **values})


def counted(messages: Sequence[str]) -> pd.DataFrame:
    """How often each message came, the first of those that differ in numbers only."""
    kinds = [re.sub(NUMBER, "", message) for message in messages]
    first = dict(zip(reversed(kinds), reversed(messages), strict=True))
    rows = [(count, first[kind]) for kind, count in Counter(kinds).most_common()]
    return pd.DataFrame(rows, columns=["failed", "message"])
