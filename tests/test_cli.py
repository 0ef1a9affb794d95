"""What people do with a command line: ask for its version, name folders, save files on Windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_file import written
from typer.testing import CliRunner

import spatialsyn as ss
from spatialsyn.cli import app
from spatialsyn.studyfile.job import open_job, run
from spatialsyn.studyfile.sections import read_study


@pytest.fixture
def study(tmp_path) -> Path:
    return written(tmp_path)


def test_the_command_line_says_its_version():
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.stdout) == (0, f"spatialsyn {ss.__version__}\n")


def test_check_prints_some_of_many_findings_and_says_how_many_there_are(study):
    """An audit of 285 cities filled the screen with 1,712 lines, the weights far above."""
    table = study.parent / "panel.csv"
    frame = pd.read_csv(table)
    wild = np.exp(np.random.default_rng(0).normal(0, 3, len(frame)))
    frame.assign(size=wild).to_csv(table, index=False)
    found = len(open_job(study).panel.audit())
    assert found > 40
    said = CliRunner().invoke(app, ["check", str(study)]).stdout
    assert sum("jump" in line for line in said.splitlines()) <= 20
    assert f"... {found} findings, 10 of a kind and variable shown" in said


def test_an_empty_folder_may_be_filled_and_the_folder_itself_may_not(study, tmp_path):
    (tmp_path / "out").mkdir()
    assert (run(study, tmp_path / "out") / "report.html").is_file()
    with pytest.raises(ss.ConfigError, match=r"--out '\.': results fill a folder of their own"):
        run(study, ".")


def test_a_study_saved_by_an_editor_of_windows_is_read(study):
    """Notepad puts a mark before the first letter; TOML calls it an invalid statement."""
    plain = read_study(study)
    study.write_text(study.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert read_study(study) == plain
    study.write_bytes("# 广东\n".encode("gbk"))
    with pytest.raises(ss.ConfigError, match=r"is not UTF-8 .* Save it as UTF-8"):
        read_study(study)


@pytest.mark.parametrize("option", [("--backend", "spark"), ("--jobs", "0")])
def test_where_to_run_is_checked_at_once_also_without_a_grid(study, tmp_path, option):
    done = CliRunner().invoke(app, ["run", str(study), "--out", str(tmp_path / "out"), *option])
    assert isinstance(done.exception, ss.ConfigError)
    assert done.stdout == ""  # not a model was fitted
    assert not (tmp_path / "out").exists()
