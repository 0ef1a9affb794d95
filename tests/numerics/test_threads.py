"""Small matrices are worked on by one thread, and what was set before comes back."""

from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from spatialsyn.numerics.lags import FEW_CITIES
from spatialsyn.numerics.threads import threads_for


def blas() -> set[int]:
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def test_small_matrices_have_one_thread_and_large_ones_all():
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas()
        for n in (100, FEW_CITIES):  # as far as models are estimated side by side
            with threads_for(n):
                assert blas() == {1}
            assert blas() == before
        with threads_for(FEW_CITIES + 1):
            assert blas() == before
