"""Studies, bootstraps and Monte Carlo on a real Dask cluster of two workers: the same bits.

Those of a study stay the same whichever worker dies.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from study.small import MODEL, contents, panel_and_weights, two_hundred

import spatialsyn as ss
from spatialsyn.diagnostics import j_test, j_tests
from spatialsyn.engine.tasks import Engine

# Closing loops and sockets of a cluster warn, now and then, of what is being closed.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    import dask

    from spatialsyn.engine.cluster import SETTINGS

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with dask.config.set(SETTINGS), distributed.LocalCluster(**options) as made:
        yield made


def small():
    panel, w = panel_and_weights()
    return ss.Study(panel, w, ss.grid(MODEL, fixed_effects=["individual", "twoways"]))


def test_workers_with_another_version_are_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("spatialsyn.engine.cluster.__version__", "9.9")
    text = (
        r"this worker has spatialsyn \S+, the caller 9.9. What a study has stored stays: run again"
    )
    with pytest.raises(ss.EngineError, match=text):
        small().run(tmp_path, backend="dask", scheduler=cluster.scheduler_address)
    assert contents(tmp_path) == {}


PANEL, GEO = panel_and_weights()
FAR = ss.Weights.from_matrix(np.roll(np.eye(12), 3, axis=1), ids=GEO.ids, name="far")
BOTH = [GEO, FAR]
SAC = ss.fit(ss.sac("y ~ x + z", W="w", fixed_effects="individual"), PANEL, GEO)
SAR = ss.fit(ss.sar("y ~ x", W="w", fixed_effects="individual"), PANEL, GEO)
RIVAL = ss.fit(SAR.model.but(W="far"), PANEL, FAR)
MIXED = ss.fit(ss.sdm("y ~ x", W=ss.convex("w", "far"), fixed_effects="individual"), PANEL, BOTH)
PARAMS = {"x": 1.0, "z": -0.5, "W[w]*x": 0.5, "W[w]*z": 0.2, "rho[w]": 0.4, "sigma2": 0.1}


def decayed():
    apart = np.abs(np.subtract.outer(np.arange(12.0), np.arange(12.0))) + 1
    km = pd.DataFrame(apart, index=PANEL.ids, columns=PANEL.ids)
    slx = ss.slx("y ~ x", W="km", fixed_effects="twoways")
    return ss.decay(slx, PANEL, distance={"km": km})


# Every call that may leave this process, and what is compared of it.
CALLS = {
    "wild_bootstrap": lambda **e: ss.wild_bootstrap(SAC, draws=100, **e).estimate.draws,
    "wild_bootstrap, one rho": lambda **e: ss.wild_bootstrap(SAR, draws=100, **e).estimate.draws,
    "wild_test": lambda **e: ss.wild_test(SAC, ["x", "rho[w]"], draws=100, **e),
    "j_test": lambda **e: j_test(SAR, RIVAL, draws=99, **e),
    "j_tests": lambda **e: j_tests(SAR.model, PANEL, BOTH, draws=99, **e),
    "share_test": lambda **e: MIXED.share_test("far", bootstrap=15, **e),
    "decay": lambda **e: decayed().bootstrap(draws=99, **e),
    "threshold": lambda **e: ss.threshold(MODEL, PANEL, GEO, x="x", q="z", draws=99, **e).profile,
    "mediation": lambda **e: ss.mediation(
        MODEL.but(formula="z ~ x"), MODEL, "x", "z", PANEL, GEO, draws=100, **e
    ).effects.draws,
    "placebo": lambda **e: ss.placebo(MODEL, PANEL, GEO, shuffle="links", draws=19, **e).draws,
    "jackknife": lambda **e: ss.jackknife(MODEL, PANEL, GEO, **e).table,
    "monte_carlo": lambda **e: ss.monte_carlo(
        MODEL, PANEL, BOTH, PARAMS, 50, fitted={"own": MODEL, "SAC": SAC.model}, **e
    ).draws,
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_processes_and_a_cluster_give_the_bits_of_one_process(cluster, name):
    call = CALLS[name]
    here = call()
    for elsewhere in (call(n_jobs=2), call(backend="dask", scheduler=cluster.scheduler_address)):
        if isinstance(here, pd.DataFrame):
            assert_frame_equal(elsewhere, here, check_exact=True)
        elif isinstance(here, np.ndarray):
            assert np.array_equal(elsewhere, here, equal_nan=True)
        else:
            assert elsewhere == here


@pytest.mark.parametrize("name", CALLS)
def test_every_call_refuses_a_wrong_engine(name):
    with pytest.raises(ss.ConfigError, match="backend='ray' is not one of 'joblib', 'dask'"):
        CALLS[name](backend="ray")
    with pytest.raises(ss.ConfigError, match='is the address of a cluster: backend="dask"'):
        CALLS[name](scheduler="tcp://host:1")


def test_what_is_wrong_with_a_model_is_said_by_a_cluster_too(cluster):
    """Cut so near the end that x hardly varies beyond: refused by a worker, as it is here."""
    few = {"x": "x", "q": "z", "trim": 0.001, "draws": 99}
    text = r"with regimes cut at z = .* there is no estimate.*Or use a larger trim"
    for engine in ({}, {"backend": "dask", "scheduler": cluster.scheduler_address}):
        with pytest.raises(ss.ModelError, match=text):
            ss.threshold(MODEL, PANEL, GEO, **few, **engine)


def test_workers_keep_their_memory_between_products(cluster):
    """Dask's own setting gives every larger array back to the system, page by page."""
    from distributed import Client

    with Client(cluster) as client:
        found = client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
    assert set(found.values()) == {str(2**27)}


def test_a_draw_that_kills_its_workers_is_an_error_that_says_so(monkeypatch):
    """What `on_cluster` gives for an item that its scheduler has given up."""
    lost = RuntimeError("attempted to run task on 4 different workers")
    monkeypatch.setattr(Engine, "each", lambda *_: iter_of([(1, "done"), (0, lost)]))
    with pytest.raises(ss.EngineError, match=r"draws: RuntimeError: attempted.*give them more"):
        Engine().all(str, [0, 1])


def iter_of(pairs):
    yield from pairs


def killed(workers, folder, stored):
    """Kill processes once a few results are stored, and note how many there were."""
    while len(list(folder.glob("*.json"))) < 20:
        time.sleep(0.005)
    stored.append(len(list(folder.glob("*.json"))))
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        stored.append(pid)


@pytest.mark.parametrize("dead", [1, 2])
def test_a_cluster_that_loses_workers_half_way_gives_the_same_results(cluster, tmp_path, dead):
    study = two_hundred()
    alone = study.run(tmp_path / "alone")
    folder, happened = tmp_path / "cluster", []
    folder.mkdir()
    pids = [worker.process.pid for worker in cluster.workers.values()][:dead]
    thread = threading.Thread(target=killed, args=(pids, folder, happened), daemon=True)
    thread.start()
    runs = study.run(folder, backend="dask", scheduler=cluster.scheduler_address)
    thread.join(timeout=10)
    assert 20 <= happened[0] < 200
    assert happened[1:] == pids
    assert_frame_equal(runs.effects(), alone.effects(), check_exact=True)
    assert contents(folder) == contents(tmp_path / "alone")


def test_a_cluster_can_be_started_for_one_study():
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    here, there = small().run(), small().run(backend="dask", n_jobs=1)
    assert_frame_equal(here.effects(), there.effects(), check_exact=True)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "rubbish"])
def test_an_address_where_no_scheduler_answers_is_refused(address):
    # Imported first: settings made before it are forgotten together with its defaults.
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "500ms"}),
        pytest.raises(
            ss.EngineError, match=f"no scheduler answers at '{address}': .*dask scheduler"
        ),
    ):
        small().run(backend="dask", scheduler=address)


def test_dask_without_its_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ss.ConfigError, match=r"pip install \"spatialsyn\[cluster\]\""):
        small().run(backend="dask")
