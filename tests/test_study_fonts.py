"""A missing Chinese font is found before a study is fitted."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from spatialsyn import run
from spatialsyn.cli import app
from spatialsyn.report import theme

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
    monkeypatch.setattr(run, "fit", pytest.fail)


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
    run.open_job(path).check_fonts()


def test_without_figures_no_font_is_needed(without_font, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY + 'language = "zh"\nfigures = []', encoding="utf-8")
    run.open_job(path).check_fonts()
