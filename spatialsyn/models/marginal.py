"""How the columns of a formula move with one variable of the panel.

A variable may enter through several columns: x and x:z, x and {x ** 2}, log(x). One unit
more of it moves column c of city j in year t by dc/dx, found by a central difference of
the formula itself, so whatever a formula may say is covered.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import FormulaError, ModelError
from spatialsyn.models.data import regressors
from spatialsyn.models.formula import Regressors
from spatialsyn.models.gaps import EVERYTHING, Sample
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.lags import Array

# Step of the difference in standard deviations of the variable: exact to about 1e-9. It is no more
# than a share of a city's smallest value, which logs bend at; values below NONE count as zero.
STEP, SHARE, NONE = 1e-6, 1e-3, 1e-8
# A step so many times wider leaves a slope as it is, to this share, and divides rounding.
WIDER, KEPT = 32.0, 0.3
# What moves a column by less, in parts of its range, is rounding.
ROUNDING = 1e-13


def slopes(
    model: SpatialModel, panel: CityPanel, variable: str, sample: Sample = EVERYTHING
) -> dict[str, Array]:
    """(n, T), dc/dx for every column c that moves with `variable`, in the years of `sample`.

    One unit more in all years leaves diff(x) where it is: it is not among them.

    Raises
    ------
    ModelError
        The formula standardises or winsorises on the panel, a category, a constant, values at the
        end of what the formula is defined on.
    """
    check_repeatable(model)
    values = panel.array(variable)
    spread = float(np.nanstd(values))
    if not spread > 0:
        raise ModelError(f"{variable!r} does not vary: it has no effect to speak of.")
    # A power of two is added without rounding: lag(x) moves by as much as x, diff(x) by nothing.
    step = np.exp2(np.floor(np.log2(spread * _steps(np.abs(values) / spread))))[:, None, None]

    def moved(step: Array) -> tuple[Regressors, Array]:
        try:
            up, down = (
                regressors(model, panel.assign(**{variable: values + side * step[..., 0]}), sample)
                for side in (1, -1)
            )
        except FormulaError as error:  # at the values themselves it has been estimated
            raise ModelError(
                f"{variable!r} lies so near the end of what {model.formula!r} is defined on that "
                "its slope is not found there. effects() has those of the regressors as they stand."
            ) from error
        if up.names != down.names:
            raise ModelError(f"{variable!r} is a category: ask for the effects of its columns.")
        return up, (up.X - down.X) / (2 * step)

    (data, slope), (_, wide) = moved(step), moved(WIDER * step)
    kept = np.abs(wide).max(axis=(0, 1)) > KEPT * np.abs(slope).max(axis=(0, 1))
    kept &= moves(spread * slope, data.X)
    return {name: slope[..., j] for j, name in enumerate(data.names) if kept[j]}


def moves(shift: Array, X: Array) -> NDArray[np.bool_]:
    """(k,) whether a shift of the columns of X, both (n, T, k), is more than rounding."""
    return np.asarray(np.abs(shift).max(axis=(0, 1)) > ROUNDING * np.ptp(X, axis=(0, 1)))


def _steps(size: Array) -> Array:
    """(n,): one step for all years of a city, since lag() and diff() reach over them."""
    smallest = np.where(size > NONE, size, np.inf).min(axis=1)
    return np.asarray(np.minimum(STEP, SHARE * smallest))


def check_repeatable(model: SpatialModel) -> None:
    """Refuse formulas whose columns of one city depend on the values of all cities."""
    if re.search(r"\b(standardize|winsor)\(", model.formula):
        raise ModelError(
            "standardize() and winsor() would be computed anew on the other panel. Make the "
            "column once, panel.assign(...), and use it in the formula."
        )
