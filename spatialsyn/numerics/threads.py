"""One BLAS thread where matrices are small: several would spend their time on each other.

A search makes thousands of products and factorisations of (n, n) matrices. At n = 100 two
threads on two idle cores take up to twenty times as long as one, on busy ones longer.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from spatialsyn.numerics.lags import FEW_CITIES


def threads_for(n: int) -> AbstractContextManager[Any]:
    """A context with one BLAS thread for matrices of order `n`, or with all where it is large."""
    return _libraries().limit(limits=1, user_api="blas") if n <= FEW_CITIES else nullcontext()


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
