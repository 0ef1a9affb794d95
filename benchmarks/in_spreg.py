"""The panel of spreg that is nearest to ours; the benchmarks time it."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any


def durbin(y: Any, X: Any, w: Any) -> Any:
    """A Durbin model with city effects and its average effects, without their standard errors.

    Parameters
    ----------
    y, X : (T n, 1) and (T n, k), years of all cities one after the other
    w : libpysal's W
    """
    import spreg

    with warnings.catch_warnings(), contextlib.redirect_stdout(None):  # it prints its name
        warnings.simplefilter("ignore")
        return spreg.ML_LagFE(y, X, w, slx_lags=1, spat_impacts="full")
