"""The functions that a formula may call, bound to the shape of a panel.

`lag` and `diff` move within a city: formulaic's own `lag` shifts rows and would carry one
city's last year into the next city's first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import FormulaError
from spatialsyn.numerics.lags import Array

Mask = NDArray[np.bool_]
FUNCTIONS = ("log", "exp", "sqrt", "lag", "diff", "standardize", "winsor", "C")
# What formulas of other programs call, and how the same is written here.
ELSEWHERE = {
    "ln": "log(x)",
    "log10": "{log(x) / log(10)}",
    "log2": "{log(x) / log(2)}",
    "log1p": "log(1 + x)",
    "I": "{x ** 2}",
    "factor": "C(x)",
    "scale": "standardize(x)",
    "L": "lag(x)",
    "D": "diff(x)",
    "W": "ss.sdm(...), which lags every regressor in space, or those after a '|'",
}


def functions(panel: CityPanel) -> tuple[dict[str, Any], Mask]:
    """The functions by name, and a mask, (n T,), of the cells that `C` finds empty.

    The mask fills while a formula is evaluated: dummies do not tell a missing category
    from the reference level.
    """
    empty = np.zeros(panel.n * panel.T, dtype=bool)

    def category(x: Any) -> Any:
        from formulaic.transforms import C

        np.logical_or(empty, pd.isna(x), out=empty)
        return C(x)

    def flat(x: Any) -> Array:
        return np.broadcast_to(np.asarray(x, dtype=float), empty.shape)

    def lag(x: Any, k: int = 1) -> Array:
        """x of k years before, within the city."""
        if not (isinstance(k, int) and 1 <= k < panel.T):
            over = k if np.ndim(k) == 0 else "a column of"
            raise FormulaError(
                f"lag or diff over {over} years: it takes a whole number from 1 to {panel.T - 1}, "
                f"as the panel has {panel.T} years."
            )
        moved = np.full((panel.n, panel.T), np.nan)
        moved[:, k:] = flat(x).reshape(panel.n, panel.T)[:, :-k]
        return moved.ravel()

    def diff(x: Any, k: int = 1) -> Array:
        """Change of x over k years, within the city."""
        return flat(x) - lag(x, k)

    def standardize(x: Any) -> Array:
        """Mean 0 and standard deviation 1 over all cities and years."""
        values = flat(x)
        if np.isnan(values).all():
            return values
        return (values - np.nanmean(values)) / np.nanstd(values)

    def winsor(x: Any, share: float = 0.01) -> Array:
        """x with both tails cut to its quantiles `share` and 1 - `share`."""
        if not (np.ndim(share) == 0 and 0 <= share < 0.5):
            got = f"{share:g}" if np.ndim(share) == 0 else "a column"
            raise FormulaError(
                f"winsor cuts a share of either tail, from 0 to below 0.5 (0.01 is one percent); "
                f"got {got}."
            )
        values = flat(x)
        if np.isnan(values).all():
            return values
        return np.clip(values, *np.nanquantile(values, [share, 1 - share]))

    def quiet(function: Any) -> Any:
        # NumPy's warning names no cell; the check of what was evaluated does.
        def called(x: Any) -> Array:
            with np.errstate(all="ignore"):
                return np.asarray(function(flat(x)))

        return called

    made = {
        "log": quiet(np.log), "exp": quiet(np.exp), "sqrt": quiet(np.sqrt), "C": category,
        "lag": lag, "diff": diff, "standardize": standardize, "winsor": winsor,
    }  # fmt: skip
    for name, function in made.items():  # as errors of Python call them
        function.__qualname__ = name
    return made, empty
