"""Checks of the numbers and ids that builders of weights are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.errors import WeightsError, is_whole, named
from spatialsyn.numerics.lags import Matrix


def real(value: object) -> float:
    """The value as a number, NaN if it is none, so that no comparison with it holds."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return float(value) if number else float("nan")  # type: ignore[arg-type]


# Half of a meridian's circle, in full kilometres: the geodesic between the poles.
FARTHEST_KM = 20_004


def check_km(value: object, what: str) -> None:
    """Refuse what is no positive number of kilometres."""
    if not 0 < real(value) < np.inf:
        raise WeightsError(f"{what}={value!r}: a positive number of kilometres is needed.")
    if real(value) > FARTHEST_KM:
        raise WeightsError(
            f"{what}={value!r} kilometres: no two places on Earth are more than {FARTHEST_KM:,} km "
            f"apart, so that all cities would be linked. If these are metres, "
            f"{what}={real(value) / 1000:g}."
        )


def check_power(power: object) -> None:
    """Refuse a decay that does not fall with distance or time."""
    if not 0 < real(power) < np.inf:
        raise WeightsError(f"power={power!r}: decay needs a positive power.")


def check_count(k: object, n: int, what: str) -> None:
    """Refuse what is no number of neighbours among `n` cities."""
    if not is_whole(k, 1) or k >= n:
        raise WeightsError(f"{what}={k!r}: of {n} cities, each can have 1 to {n - 1} neighbours.")


def of_another_kind(foreign: Sequence[Any], known: Iterable[Any]) -> str:
    """What to do about ids that are `foreign` by their kind alone; nothing where they are not."""
    if foreign and {str(i) for i in foreign} <= {str(i) for i in known}:
        return " The ids differ in kind only (text against integers): convert one of them."
    return ""


def check_matrix(matrix: Matrix, ids: tuple[Any, ...], name: str) -> None:
    """Refuse a matrix whose ids, weights or diagonal are not those of a W."""
    n = len(ids)
    if matrix.shape != (n, n):
        raise WeightsError(f"W[{name}] is {matrix.shape}, but {n} ids are given: it must be n x n.")
    odd = () if {*map(type, ids)} <= {str, int} else enumerate(ids, start=1)
    nameless = [i for i, city in odd if pd.api.types.is_scalar(city) and pd.isna(city)]
    if nameless:
        raise WeightsError(
            f"W[{name}] has no city id in the rows {named(nameless)}, counted from 1."
        )
    if len(set(ids)) < n:
        counts = Counter(ids)
        twice = sorted((i for i in counts if counts[i] > 1), key=str)
        raise WeightsError(f"W[{name}] lists the cities {named(twice)} more than once.")
    values = matrix.data if sparse.issparse(matrix) else matrix
    if not np.isfinite(values).all():
        raise WeightsError(
            f"W[{name}] has {int((~np.isfinite(values)).sum())} weights that are missing or "
            "infinite. A distance or gap of zero, or a hole in the data, makes such weights."
        )
    if (np.asarray(values) < 0).any():
        raise WeightsError(
            f"W[{name}] has {int((np.asarray(values) < 0).sum())} negative weights. Weights "
            "measure strength of connection: use a similarity, or a distance turned into one."
        )
    own = np.flatnonzero(matrix.diagonal())
    if len(own):
        raise WeightsError(
            f"W[{name}] links {named(ids[i] for i in own)} to themselves. A city is not its own "
            "neighbour: set the diagonal to zero."
        )
    if not np.any(values):
        raise WeightsError(f"W[{name}] has no links at all.")
