"""Every error of the package: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from numbers import Integral
from typing import Any, TypeGuard

__all__ = [  # the errors; what follows them is for the package itself
    "AlignmentError",
    "BoundaryError",
    "ConfigError",
    "EngineError",
    "EstimationError",
    "FormulaError",
    "ModelError",
    "PanelError",
    "SpatialsynError",
    "StoreError",
    "WeightsError",
]


class SpatialsynError(ValueError):
    """Base of all errors raised on purpose by spatialsyn."""


class PanelError(SpatialsynError):
    """The table of cities and years cannot be used as it is."""


class BoundaryError(SpatialsynError):
    """The polygons cannot be used as they are."""


class WeightsError(SpatialsynError):
    """A weights matrix cannot be built or cannot do what was asked of it."""


class AlignmentError(SpatialsynError):
    """Two objects name different cities or years."""


class FormulaError(SpatialsynError):
    """A formula cannot be read, or asks for something that is not allowed."""


class ModelError(SpatialsynError):
    """A specification that does not exist or is not identified."""


class EstimationError(SpatialsynError):
    """The numbers do not allow an estimate."""


class ConfigError(SpatialsynError):
    """A study file, or a call that mirrors one, is wrong."""


class StoreError(SpatialsynError):
    """The results of a study cannot be written, or not be read back."""


class EngineError(SpatialsynError):
    """The processes or the cluster that a call runs on are lost, or cannot be reached."""


def expect(
    value: object, kind: type | tuple[type, ...], what: str, error: type[SpatialsynError]
) -> None:
    """Refuse `value` unless it is of `kind`; `what` says what is needed, and how to get it."""
    if not isinstance(value, kind):
        raise error(f"{what}; got {type(value).__name__}: {str(value)[:60]!r}.")


def listed(values: object, what: str, error: type[SpatialsynError]) -> list[Any]:
    """`values`, such as ids or years, one by one; `what` says what is needed.

    No text, which would be taken letter by letter, and no table, taken row by row.
    """
    expect(values, Iterable, what, error)
    found = [] if isinstance(values, str) else list(values)  # type: ignore[call-overload]
    kinds = set(map(type, found))  # a few, whatever the number of values
    if isinstance(values, str) or not all(issubclass(kind, Hashable) for kind in kinds):
        shape = getattr(values, "shape", "")
        raise error(f"{what}, one by one; got {type(values).__name__} {shape or values!r}.")
    return found


def is_whole(value: object, least: int = 0) -> TypeGuard[int]:
    """Whether `value` is a whole number, Python's or NumPy's, of at least `least`; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse the argument `name` unless it is a whole number of at least `least`."""
    if not is_whole(value, least):
        raise ModelError(f"{name}={value!r}: give a whole number of at least {least}.")


def check_flag(name: str, value: object, error: type[SpatialsynError]) -> None:
    """Refuse what is neither True nor False: a text such as "false" counts as true elsewhere."""
    import numpy as np

    expect(value, (bool, np.bool_), f"{name} is True or False", error)


def named(items: Iterable[object], most: int = 6) -> str:
    """The first few of `items`, readable in a sentence: ``'440100', '440200', ... (21 in all)``."""
    listed = list(items)
    shown = ", ".join(map(_plain, listed[:most]))
    return shown if len(listed) <= most else f"{shown}, ... ({len(listed)} in all)"


def percent(share: float) -> str:
    """A level in percent with the digits it has: 0.995 is no 100%."""
    return f"{round(100 * share, 10):g}%"


def digits(values: Iterable[float]) -> str:
    """Numbers to four digits: rho of a W that is not standardised may be a thousandth."""
    return ", ".join(f"{value:.4g}" for value in values)


def near(name: object, known: Iterable[object]) -> str:
    """What `name` may be a misspelling of, said behind it: ``(near: 'va_equal')``, or nothing."""
    from difflib import get_close_matches

    spelt = {str(one).lower(): one for one in known}
    found = get_close_matches(str(name).lower(), spelt, n=3)
    return f" (near: {named(spelt[one] for one in found)})" if found else ""


def _plain(item: object) -> str:
    """The value as a person would write it: ``2011.5``, not ``np.float64(2011.5)``."""
    if type(item) is tuple and len(item) > 1:
        return f"({', '.join(map(_plain, item))})"
    return str(item) if type(item).__module__ == "numpy" else repr(item)
