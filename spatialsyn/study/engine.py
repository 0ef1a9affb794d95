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
from functools import lru_cache
from typing import Any

from spatialsyn.errors import ConfigError, named

BACKENDS = ("joblib", "dask")
# Items sent together to a worker of a cluster; one that dies repeats so many at most.
TOGETHER = 8
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
        return _on_cluster(call, items, n_jobs, scheduler)
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
        found = run(delayed(_one)(sent, i, item) for i, item in enumerate(items))
    try:
        # Not `yield from`, which would close `found` by itself, and warn.
        for pair in found:  # noqa: UP028
            yield pair
    finally:
        with warnings.catch_warnings():  # that tasks are cancelled is what closing means
            warnings.simplefilter("ignore", UserWarning)
            found.close()


def _on_cluster(
    call: Call, items: Sequence[Any], n_jobs: int, scheduler: str | None
) -> Generator[Found, None, None]:
    try:
        from distributed import Client, KilledWorker, LocalCluster, as_completed
    except ImportError as error:
        raise ConfigError(
            'backend="dask" needs the extra `cluster`: pip install "spatialsyn[cluster]".'
        ) from error
    if scheduler is None:
        workers = None if n_jobs == -1 else n_jobs
        with LocalCluster(n_workers=workers, threads_per_worker=1) as cluster:
            yield from _on_cluster(call, items, n_jobs, cluster.scheduler_address)
        return
    with Client(scheduler) as client:
        sent = client.scatter(pickle.dumps(call), broadcast=True, hash=False)
        numbered = list(enumerate(items))
        groups = [numbered[i : i + TOGETHER] for i in range(0, len(items), TOGETHER)]
        sending = {client.submit(_some, sent, group, pure=False): group for group in groups}
        for future in as_completed(list(sending)):
            group = sending.pop(future)  # forgotten, so that a dying worker does not repeat it
            try:
                yield from future.result()
            except KilledWorker as error:  # by one of these items, on several workers in turn
                yield from ((i, error) for i, _ in group)


def _one(sent: bytes, i: int, item: Any) -> Found:
    return i, _received(sent)(item)


def _some(sent: bytes, group: list[tuple[int, Any]]) -> list[Found]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return [_one(sent, i, item) for i, item in group]


@lru_cache(maxsize=1)
def _received(sent: bytes) -> Call:
    """The function, unpacked once by every worker."""
    call: Call = pickle.loads(sent)
    return call
