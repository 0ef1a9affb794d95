"""One function over many items: here, in the processes of this machine, or on a cluster.

Studies, bootstraps and Monte Carlo run on it. Results come as they are finished, each with the
position of its item. What the function knows (a panel, matrices and their spectra) travels once
and is kept by every worker; items are names and numbers of draws. Every worker uses one BLAS
thread, so that two workers do not fight for cores, and so that a number does not depend on how
many there were.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spatialsyn.engine.progress import progress
from spatialsyn.errors import ConfigError, EngineError, is_whole, named

BACKENDS = ("joblib", "dask")
# Seconds after which the processes of a call that is over, or was killed, end.
IDLE = 60
Call = Callable[[Any], Any]
Found = tuple[int, Any]


@dataclass(frozen=True)
class Engine:
    """Where a function runs over many items.

    Attributes
    ----------
    n_jobs : processes, -1 for all cores; the size of a cluster that is started for the call
    backend : "joblib" | "dask"
    scheduler : address of a running cluster

    Raises
    ------
    ConfigError
        An unknown backend, a number of jobs that is none, an address without a cluster.
    """

    n_jobs: int = 1
    backend: str = "joblib"
    scheduler: str | None = None

    def __post_init__(self) -> None:
        n, backend, scheduler = self.n_jobs, self.backend, self.scheduler
        if backend not in BACKENDS:
            raise ConfigError(f"backend={backend!r} is not one of {named(BACKENDS)}.")
        if not is_whole(n, -1) or n == 0:
            raise ConfigError(f"n_jobs={n!r}: give a number of processes, or -1 for all cores.")
        if scheduler is not None and backend != "dask":
            raise ConfigError(
                f'scheduler={scheduler!r} is the address of a cluster: backend="dask".'
            )

    def each(self, call: Call, items: Sequence[Any]) -> Generator[Found, None, None]:
        """Pairs (position, result) in the order in which they are done.

        A result is the error instead where an item killed the workers of a cluster.

        Raises
        ------
        ConfigError
            A cluster without its extra.
        EngineError
            A process that died, a cluster that is lost or cannot be reached.
        """
        if not items:
            return _here(call, items)
        if self.backend == "dask":
            from spatialsyn.engine.cluster import on_cluster

            return on_cluster(call, items, self.n_jobs, self.scheduler)
        # A process without an item would be started for nothing, and n_jobs=1000 is soon typed.
        n_jobs = min(self.n_jobs, len(items))
        return _here(call, items) if n_jobs == 1 else _in_processes(call, items, n_jobs)

    def all(self, call: Call, items: Sequence[Any], what: str = "draws") -> list[Any]:
        """All results in the order of the items, with a bar of progress called `what`.

        Raises
        ------
        EngineError
            As `each`, and where an item killed the workers of a cluster.
        """
        results: list[Any] = [None] * len(items)
        with closing(self.each(call, items)) as found:
            for i, result in progress(len(items), what, found):
                if isinstance(result, BaseException):
                    raise EngineError(
                        f"{what}: {type(result).__name__}: {result}. Several workers died of one "
                        "of them, most often for want of memory: give them more."
                    )
                results[i] = result
        return results


HERE = Engine()


def ranges(size: int, step: int) -> list[slice]:
    """Runs of `step` out of `size`: tasks of a few items, the same wherever they are done."""
    return [slice(first, min(first + step, size)) for first in range(0, size, step)]


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
            "a process died, most often for want of memory. What a study has stored stays: run "
            "again with fewer n_jobs; n_jobs=1 stops at the model or draw that kills it."
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
