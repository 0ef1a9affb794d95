"""Checks of the numbers and ids that builders of weights are given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from spatialsyn.errors import WeightsError, is_whole


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
