"""A study that is killed, or whose disk is full, loses nothing and repeats nothing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from maps import on_map, random_graph
from pandas.testing import assert_frame_equal
from study.small import MODEL, contents, panel_and_weights, two_hundred

import spatialsyn as ss
from spatialsyn.cities.writing import make_folder
from spatialsyn.engine.tasks import Engine
from spatialsyn.numerics import determinants
from spatialsyn.study import record as recording
from spatialsyn.study import run as running
from spatialsyn.study import store as files

TESTS = Path(__file__).parents[1]
ALONE = "import sys; from study.small import two_hundred; two_hundred().run(sys.argv[1])"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The store of 200 models that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    return two_hundred().run(folder), contents(folder)


def killed_after(count, folder):
    """Run the study in a process of its own and kill it once so many results are stored."""
    path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(folder)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while len(list(folder.glob("*.json"))) < count and time.monotonic() < until:
        assert process.poll() is None, "the study ended before it was killed"
        time.sleep(0.002)
    process.kill()
    process.wait()


def test_a_study_killed_half_way_ends_with_the_same_results(whole, tmp_path):
    killed_after(60, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.json")}
    assert 60 <= len(before) < 200
    runs = two_hundred().run(tmp_path)
    assert len(runs) == 200
    assert {p: p.stat().st_mtime_ns for p in before} == before, "a stored result was repeated"
    complete = {name: text for name, text in contents(tmp_path).items() if name.endswith(".json")}
    assert complete == whole[1]
    assert_frame_equal(runs.effects(), whole[0].effects(), check_exact=True)


def test_a_complete_study_is_read_and_not_estimated(whole, tmp_path, monkeypatch):
    for name, text in whole[1].items():
        (tmp_path / name).write_bytes(text)

    def forbidden(*_):
        raise AssertionError("estimated again")

    monkeypatch.setattr(Engine, "each", lambda self, call, items: iter_of(items, forbidden))
    monkeypatch.setattr(files, "check_writable", forbidden)
    runs = two_hundred().run(tmp_path)
    assert_frame_equal(runs.effects(), whole[0].effects(), check_exact=True)
    assert_frame_equal(runs.parameters, whole[0].parameters, check_exact=True)
    assert runs.failures.equals(whole[0].failures)


def iter_of(items, forbidden):
    for _ in items:
        forbidden()
    yield from ()


def test_some_models_are_refused_and_are_rows_like_any_other(whole):
    runs = whole[0]
    assert 0 < len(runs.failures) < 100
    assert set(runs.table["status"]) == {"estimated", "refused"}
    assert runs.table.loc[runs.failures.index, "nobs"].isna().all()
    assert "not: see .failures" in repr(runs)


@contextmanager
def files_no_larger_than(size):
    """Writing more fails, as it does on a full disk."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def started(folder):
    """A store with the results of one model, and a study of two."""
    panel, w = panel_and_weights()
    models = ss.grid(MODEL, fixed_effects=["twoways", "individual"])
    ss.Study(panel, w, {"first": models["twoways"]}).run(folder)
    return ss.Study(panel, w, models), contents(folder)


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path):
    study, before = started(tmp_path)
    with (
        files_no_larger_than(1000),
        pytest.raises(ss.StoreError, match=r"takes no files: File too large. Its 1 results stay"),
    ):
        study.run(tmp_path)
    assert contents(tmp_path) == before
    assert len(study.run(tmp_path)) == 2


def test_a_disk_that_fills_while_the_file_is_forced_out_leaves_no_part(tmp_path, monkeypatch):
    study, before = started(tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ss.StoreError, match=r"No space left on device\. .* nothing that is stored"):
        study.run(tmp_path)
    assert contents(tmp_path) == before
    assert recording._known.cache_info().currsize == 0  # the panel is let go of


def test_a_read_only_store_is_refused_before_anything_is_estimated(tmp_path, monkeypatch):
    study, before = started(tmp_path)

    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(running, "records_of", None)
    monkeypatch.setattr(files.tempfile, "mkstemp", read_only)
    with pytest.raises(ss.StoreError, match="takes no files: Read-only file system"):
        study.run(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    study, before = started(tmp_path)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(ss.StoreError, match="takes no files: Permission denied"):
            study.run(tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert contents(tmp_path) == before


def test_a_store_that_cannot_be_made_is_refused(tmp_path):
    panel, w = panel_and_weights()
    (tmp_path / "file").write_text("")
    with pytest.raises(ss.StoreError, match="cannot be made: File exists"):
        ss.Study(panel, w, {"main": MODEL}).run(tmp_path / "file")
    inside = tmp_path / "file" / "inside"
    with pytest.raises(ss.StoreError, match=r"cannot be made: .* Choose another folder") as store:
        ss.Study(panel, w, {"main": MODEL}).run(inside)
    with pytest.raises(ss.ConfigError) as other:  # one rule: what is saved elsewhere says the same
        make_folder(inside)
    assert str(store.value) == str(other.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": "other", "format": 1}', "\xff"])
def test_a_spoiled_result_is_refused_by_name(tmp_path, text):
    study, before = started(tmp_path)
    (name,) = before
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(ss.StoreError, match=f"{name[:-5]}.*(not what was written|cannot be read)"):
        study.run(tmp_path)


def test_an_unexpected_error_is_a_row_that_is_tried_again(tmp_path, monkeypatch):
    study, before = started(tmp_path)
    whole = recording.read

    def broken(*_):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(recording, "read", broken)
    monkeypatch.setattr(recording, "estimated_on", broken)
    runs = study.run(tmp_path)
    assert runs.failures.to_dict() == {"individual": "RuntimeError: out of luck"}
    assert contents(tmp_path) == before
    monkeypatch.setattr(recording, "read", whole)
    assert study.run(tmp_path).failures.empty


def test_a_result_follows_from_everything_that_makes_it():
    panel, w = panel_and_weights()

    def key(model=MODEL, panel=panel, w=w, **options):
        (made,) = ss.Study(panel, w, {"name": model}, **options).keys.values()
        return made

    moved = panel.array("v").copy()
    moved[0, 0] += 1e-12
    nudged = w.dense() * (1 + 1e-9)
    others = [
        key(MODEL.but(formula="y ~ x")),
        key(ss.grid(MODEL, drop_years=2001)["model"]),
        key(panel=panel.assign(v=moved)),
        key(w=ss.Weights.from_matrix(nudged, ids=w.ids, name="w")),
        key(w=w.with_logdet("moments")),
        key(cov="sandwich"),
        key(by="region"),
    ]
    assert len({key(), *others}) == 1 + len(others)


def test_an_approximation_that_size_suits_is_told_from_the_exact_way_on_request(monkeypatch):
    monkeypatch.setattr(determinants, "WIDEST", 50)
    panel, w = on_map(random_graph(700))
    assert w.logdet.error != "exact"
    exact = w.with_logdet("eigenvalues")
    rough, fine, same = (
        ss.Study(panel, one, {"a": ss.sar("y ~ x", W="w")}).keys["a"]
        for one in (w, exact, w.with_logdet("moments"))
    )
    assert rough != fine
    assert rough == same


def test_names_and_order_do_not_make_another_result(monkeypatch):
    panel, w = panel_and_weights()
    study = ss.Study(panel, w, {"a": MODEL, "b": MODEL})
    assert study.keys["a"] == study.keys["b"]
    frame = panel.frame.reset_index().sample(frac=1, random_state=1)
    shuffled = ss.CityPanel(frame[frame.columns[::-1]], city="city", blocks=["region"])
    moved = w.aligned(w.ids[::-1])
    assert ss.Study(shuffled, moved, {"c": MODEL}).keys["c"] == study.keys["a"]
    monkeypatch.setattr(files, "__version__", "9.9")
    assert ss.Study(panel, w, {"a": MODEL}).keys["a"] != study.keys["a"]


def test_a_model_asked_for_under_two_names_is_estimated_once(tmp_path):
    panel, w = panel_and_weights()
    runs = ss.Study(panel, w, {"a": MODEL, "b": MODEL}).run(tmp_path)
    assert len(contents(tmp_path)) == 1
    assert list(runs.table.index) == ["a", "b"]
    assert runs.records["a"] == runs.records["b"]


def test_effects_by_block_are_read_back_as_they_were(tmp_path):
    panel, w = panel_and_weights()
    study = ss.Study(panel, w, {"main": MODEL}, by="region")
    kept = study.run(tmp_path)
    assert_frame_equal(study.run(tmp_path).effects(), kept.effects(), check_exact=True)


def test_numbers_are_stored_to_the_last_bit(tmp_path):
    panel, w = panel_and_weights()
    study = ss.Study(panel, w, {"main": MODEL})
    kept, read = study.run(), (study.run(tmp_path), study.run(tmp_path))[1]
    own = ss.fit(MODEL, panel, w)
    for runs in (kept, read):
        table = runs.effects()[["effect", "estimate", "se", "low", "high", "p"]]
        assert_frame_equal(table, own.effects().table[list(table)], check_exact=True)
        assert runs.table.at["main", "loglik"] == own.loglik
    (text,) = contents(tmp_path).values()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
