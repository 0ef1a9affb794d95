"""A missing Chinese font is found before a study is fitted."""

from __future__ import annotations

import pytest
from study_file import written
from typer.testing import CliRunner

from spatialsyn.cli import app
from spatialsyn.report import theme
from spatialsyn.studyfile import job

STUDY = """
[panel]
dataset = "guangdong"
years = [2011, 2019]

[models.main]
family = "ols"
formula = "log(gdp) ~ digital_finance"

[report]
"""


@pytest.fixture
def without_font(monkeypatch):
    monkeypatch.setattr(theme, "cjk_family", lambda: None)
    monkeypatch.setattr(job, "fit", pytest.fail)


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('language = "zh"', '[report] language = "zh" needs a font with Chinese glyphs'),
        ('labels = { gdp = "产值" }', "[report.labels] gdp = '产值' needs a font with Chinese"),
    ],
)
def test_the_font_is_asked_for_before_anything_is_fitted(
    without_font, tmp_path, command, lines, said
):
    path = tmp_path / "study.toml"
    path.write_text(STUDY + lines, encoding="utf-8")
    refused = CliRunner().invoke(app, [command, str(path)])
    assert said in str(refused.exception)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("command", ["run", "check"])
def test_columns_in_chinese_need_a_font_or_a_label(without_font, tmp_path, command):
    path = tmp_path / "study.toml"
    study = STUDY.replace("digital_finance", "log(数字金融)")
    path.write_text(study, encoding="utf-8")
    refused = CliRunner().invoke(app, [command, str(path)])
    assert "'log(数字金融)' in [models.main], without a label" in str(refused.exception)
    path.write_text(study + 'labels = { "log(数字金融)" = "finance" }', encoding="utf-8")
    job.open_job(path).check_fonts()


@pytest.fixture
def in_chinese(tmp_path):
    """A study whose blocks are called 东 and 西, with the figures asked for."""

    def write(figures: str, labels: str = "{}"):
        path = written(tmp_path)
        for file in (path, tmp_path / "cities.geojson"):
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace("west", "西").replace("east", "东"), encoding="utf-8")
        study, _ = path.read_text(encoding="utf-8").split("figures = ")
        path.write_text(f"{study}figures = {figures}\nlabels = {labels}", encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("figures", ['["study_area"]', '["effects", "blocks"]'])
def test_blocks_in_chinese_need_a_font_where_figures_print_them(
    without_font, in_chinese, command, figures
):
    refused = CliRunner().invoke(app, [command, str(in_chinese(figures))])
    assert "'西', a block in the figures of [report], needs a font" in str(refused.exception)


def test_blocks_in_chinese_that_no_figure_prints_need_none(without_font, in_chinese):
    job.open_job(in_chinese('["effects"]')).check_fonts()
    labels = '{ "西" = "west", "东" = "east" }'
    job.open_job(in_chinese('["block_matrix", "study_area"]', labels)).check_fonts()


def test_without_figures_no_font_is_needed(without_font, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY + 'language = "zh"\nfigures = []', encoding="utf-8")
    job.open_job(path).check_fonts()
