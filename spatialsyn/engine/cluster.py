"""One function over many items on a Dask cluster, of this machine or of others.

A worker may die, and all of them at once: the scheduler keeps what they were told and tells
it to those that come after. Without any worker it waits, as a queue wants it to.
"""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from spatialsyn import __version__
from spatialsyn.engine.tasks import Call, Found, one
from spatialsyn.errors import ConfigError, EngineError, SpatialsynError

# Items sent together to a worker, fewer where that leaves workers idle; one that dies repeats
# so many at most.
TOGETHER, ROUNDS = 8, 4
SETTINGS = {
    # Panels and matrices travel once, and are larger than the 10 MB of which Dask warns.
    "distributed.admin.large-graph-warning-threshold": "4GB",
    # A cluster of this machine gives a worker up after 15 s, which a busy machine needs to start.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    # With Dask's own 64 kB every array of 128 cities is given back to the system, and its pages
    # are asked for again: half as much CPU again, at n = 200.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**27,
}


def on_cluster(
    call: Call, items: Sequence[Any], n_jobs: int, scheduler: str | None
) -> Generator[Found, None, None]:
    """Pairs (position, result) in the order in which they are done; see `Engine.each`."""
    try:
        from distributed import KilledWorker, as_completed
    except ImportError as error:
        raise ConfigError(
            'backend="dask" needs the extra `cluster`: pip install "spatialsyn[cluster]".'
        ) from error
    with _connected(n_jobs, scheduler) as client:
        # Not scattered: what is scattered is gone with the last worker that holds it.
        sent = client.submit(bytes, pickle.dumps(call), pure=False)
        numbered = list(enumerate(items))
        step = _together(len(items), len(client.nthreads()))
        groups = [numbered[i : i + step] for i in range(0, len(items), step)]
        sending = {client.submit(_some, sent, g, __version__, pure=False): g for g in groups}
        for future in as_completed(list(sending)):
            group = sending.pop(future)  # forgotten, so that a dying worker does not repeat it
            try:
                found = future.result()
            except KilledWorker as error:  # by one of these items, on several workers in turn
                found = [(i, error) for i, _ in group]
            except SpatialsynError:  # what was asked for is wrong, wherever it is done
                raise
            except Exception as error:
                raise EngineError(
                    f"the cluster does not go on: {type(error).__name__}: {error}. What a study "
                    "has stored stays: run again once its scheduler runs and its workers have "
                    f"spatialsyn {__version__} with the same packages."
                ) from error
            yield from found


@contextmanager
def _connected(n_jobs: int, scheduler: str | None) -> Iterator[Any]:
    """A client of the cluster at `scheduler`, or of one that is made for it and ends with it."""
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(SETTINGS):
        if scheduler is None:
            workers = None if n_jobs == -1 else n_jobs
            options = {"threads_per_worker": 1, "dashboard_address": ":0"}
            with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
                yield client
            return
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no scheduler answers at {scheduler!r}: {error}. Give the address that "
                "`dask scheduler` prints, such as tcp://host:8786, from a machine that reaches it."
            ) from error
        with client:
            yield client


def _together(items: int, workers: int) -> int:
    return max(1, min(TOGETHER, items // (ROUNDS * max(workers, 1))))


def _some(sent: bytes, group: list[tuple[int, Any]], version: str) -> list[Found]:
    from threadpoolctl import threadpool_limits

    if version != __version__:
        raise RuntimeError(f"this worker has spatialsyn {__version__}, the caller {version}")
    with threadpool_limits(limits=1):
        return [one(sent, i, item) for i, item in group]
