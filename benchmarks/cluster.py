"""How studies, bootstraps and Monte Carlo scale on a Dask cluster of this machine.

    python benchmarks/cluster.py [--write docs/clusters.md]

Every task is done in one process, in two, and on a running cluster of one and of two workers;
the numbers must be the same bits everywhere. The clock depends on what else the machine does;
the CPU seconds of the busiest process hardly do, and are what the clock would show on cores of
its own, less what travels.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import dask  # noqa: E402
import pandas as pd  # noqa: E402
import psutil  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402
from fit_speed import data  # noqa: E402

import spatialsyn as ss  # noqa: E402
from spatialsyn.engine.cluster import SETTINGS  # noqa: E402

START, END = "<!-- benchmarks/cluster.py -->", "<!-- end -->"
TABLE = """
| task | where | clock | CPU, all processes | CPU, the busiest |
|---|---|---|---|---|
{rows}

Seconds, written by `python benchmarks/cluster.py --write docs/clusters.md` on {machine}, {cores}
cores, one BLAS thread each; the load was {load}, the benchmark itself included. Processes and
clusters run already: starting two of them takes about {start:.0f} s more. All rows of a task have
the same bits.
"""
Task = Callable[..., Any]


def tasks() -> dict[str, Task]:
    """Names and calls, that take the three arguments of an engine."""
    panel, w = data(100, 10, k=4)
    wide, v = data(200, 6, k=4)
    random = ss.sac("y ~ x0 + x1", W="w", random="baltagi")
    models = ss.grid(random, drop_years=[None, *wide.years], x=ss.swap("x1", ["x2", "x3"]))
    sac = ss.sac("y ~ x0 + x1", W="w", fixed_effects="individual")
    fit = ss.fit(sac, panel, w)
    sdm = ss.sdm("y ~ x0 + x1", W="w", fixed_effects="twoways")
    params = {"x0": 1.0, "x1": 0.5, "W[w]*x0": 0.5, "W[w]*x1": 0.2, "rho[w]": 0.4, "sigma2": 1.0}
    return {
        f"study of {len(models)} SAC models with random effects, n = 200": (
            lambda **e: ss.Study(wide, v, models).run(**e).effects()
        ),
        "wild bootstrap of a SAC, n = 100, 999 draws": (
            lambda **e: pd.DataFrame(ss.wild_bootstrap(fit, draws=999, **e).estimate.draws)
        ),
        "Monte Carlo of a SAC, n = 100, 200 panels": (
            lambda **e: ss.monte_carlo(sac, panel, w, fit.params, 200, **e).draws
        ),
        "Monte Carlo of an SDM, n = 100, 1000 panels": (
            lambda **e: ss.monte_carlo(sdm, panel, w, params, 1000, **e).draws
        ),
    }  # fmt: skip


def spent() -> dict[int, float]:
    """CPU seconds of this process and of those it started, by process."""
    me = psutil.Process()
    found = {}
    for process in (me, *me.children(recursive=True)):
        times = process.cpu_times()
        found[process.pid] = times.user + times.system
    return found


def measured(call: Task, engine: dict[str, Any]) -> tuple[Any, list[float]]:
    """What a call gives, and seconds: clock, CPU of all, CPU of the busiest process."""
    before, start = spent(), time.perf_counter()
    made = call(**engine)
    clock = time.perf_counter() - start
    took = [seconds - before.get(pid, 0.0) for pid, seconds in spent().items()]
    return made, [clock, sum(took), max(took)]


def warm(call: Task, engine: dict[str, Any]) -> float:
    """Let every worker import the package; seconds of the clock."""
    start = time.perf_counter()
    call(**engine)
    return time.perf_counter() - start


def rows() -> tuple[list[str], float]:
    """The lines of the table, and seconds to start two workers."""
    found: dict[str, dict[str, list[float]]] = {}
    first: dict[str, Any] = {}
    places = {"one process": {}, "two processes": {"n_jobs": 2}}
    calls = tasks()
    short = list(calls.values())[-1]
    start = warm(short, {"n_jobs": 2})
    with dask.config.set(SETTINGS):
        for workers in (1, 2):
            options = {"threads_per_worker": 1, "dashboard_address": ":0"}
            with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster):
                engine = {"backend": "dask", "scheduler": cluster.scheduler_address}
                warm(short, engine)
                name = f"Dask, {workers} worker{'s' if workers > 1 else ''}"
                for place, how in {**(places if workers == 1 else {}), name: engine}.items():
                    for task, call in calls.items():
                        made, seconds = measured(call, how)
                        pd.testing.assert_frame_equal(made, first.setdefault(task, made),
                                                      check_exact=True)  # fmt: skip
                        found.setdefault(task, {})[place] = seconds
                        print(task, place, *(f"{s:.1f}" for s in seconds), sep=" | ", flush=True)
    lines = []
    for task, by_place in found.items():
        for place, seconds in by_place.items():
            shown = task if place == "one process" else ""
            lines.append(f"| {shown} | {place} | " + " | ".join(f"{s:.1f}" for s in seconds) + " |")
    return lines, start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    before = os.getloadavg()[0]
    lines, start = rows()
    text = TABLE.format(
        rows="\n".join(lines), machine=platform.machine(), cores=os.cpu_count(), start=start,
        load=f"{before:.1f} before and {os.getloadavg()[0]:.1f} at the end",
    )  # fmt: skip
    if asked.write is None:
        print(text)
        return
    page = asked.write.read_text(encoding="utf-8")
    head, rest = page.split(START)
    asked.write.write_text(f"{head}{START}{text}{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
