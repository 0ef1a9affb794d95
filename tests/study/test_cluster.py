"""A study on a real Dask cluster of two workers: the same bits, whichever of them dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest
from pandas.testing import assert_frame_equal
from study.small import MODEL, contents, panel_and_weights, two_hundred

import spatialsyn as ss

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
