"""One function over many items: here, in the processes of this machine, or on a cluster.

Results come as they are finished, each with the position of its item. What the function
knows (a panel, matrices and their spectra) travels once and is kept by every worker; items
are names and seeds. Every worker uses one BLAS thread, so that two workers do not fight for
cores, and so that a number does not depend on how many there were.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import BrokenExecutor
from functools import lru_cache
from typing import Any

from spatialsyn.errors import ConfigError, EngineError, named

BACKENDS = ("joblib", "dask")
# Seconds after which the processes of a study that is over, or was killed, end.
IDLE = 60
Call = Callable[[Any], Any]
Found = tuple[int, Any]


def each(
    call: Call, items: Sequence[Any], n_jobs: int, backend: str, scheduler: str | None
) -> Generator[Found, None, None]:
    """Pairs (position, result) in the order in which they are done.

    A result is the error instead where an item killed the workers of a cluster.

    Raises
    ------
    ConfigError
        An unknown backend, a number of jobs that is none, a cluster without its extra.
    EngineError
        A process that died, a cluster that is lost or cannot be reached.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"backend={backend!r} is not one of {named(BACKENDS)}.")
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0 or n_jobs < -1:
        raise ConfigError(f"n_jobs={n_jobs!r}: give a number of processes, or -1 for all cores.")
    if scheduler is not None and backend != "dask":
        raise ConfigError(f'scheduler={scheduler!r} is the address of a cluster: backend="dask".')
    if not items:
        return _here(call, items)
    if backend == "dask":
        from spatialsyn.study.cluster import on_cluster

        return on_cluster(call, items, n_jobs, scheduler)
    return _here(call, items) if n_jobs == 1 else _in_processes(call, items, n_jobs)


def _here(call: Call, items: Sequence[Any]) -> Generator[Found, None, None]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        for i, item in enumerate(items):
            yield i, call(item)


def _in_processes(call: Call, items: Sequence[Any], n_jobs: int) -> Generator[Found, None, None]:
    from joblib import Parallel, delayed, parallel_config

    sent = pickle.dumps(call)
    options = {"inner_max_num_threads": 1, "idle_worker_timeout": IDLE}
    with parallel_config(backend="loky", n_jobs=n_jobs, **options):
        run = Parallel(return_as="generator_unordered")
        found = run(delayed(one)(sent, i, item) for i, item in enumerate(items))
    try:
        # Not `yield from`, which would close `found` by itself, and warn.
        for pair in found:  # noqa: UP028
            yield pair
    except BrokenExecutor as error:
        raise EngineError(
            "a process of the study died, most often for want of memory. What is stored stays: "
            "run again with fewer n_jobs; n_jobs=1 stops at the model that kills it."
        ) from error
    finally:
        with warnings.catch_warnings():  # that tasks are cancelled is what closing means
            warnings.simplefilter("ignore", UserWarning)
            found.close()


def one(sent: bytes, i: int, item: Any) -> Found:
    return i, _received(sent)(item)


@lru_cache(maxsize=1)
def _received(sent: bytes) -> Call:
    """The function, unpacked once by every worker."""
    call: Call = pickle.loads(sent)
    return call
