"""Models of a study file beyond the static Durbin family."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_file import MAIN

import spatialsyn as ss
from spatialsyn.studyfile.sections import models, read_study

FORMULA = "synergy ~ va + fiscal_share"


def written(folder: Path, lines: str) -> Path:
    """The main study with one more model."""
    path = folder / "study.toml"
    more = (
        f'\n[models.more]\nfamily = "sdm"\nformula = "{FORMULA}"\nW = "geo"\n{lines}\n\n[sweep]\n'
    )
    path.write_text(MAIN.read_text("utf-8").replace("\n[sweep]\n", more), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("lines", "model"),
    [
        (
            'fixed_effects = "twoways"\nlag_y = true\nlag_wy = true',
            ss.sdm(FORMULA, W="geo", fixed_effects="twoways", lag_y=True, lag_wy=True),
        ),
        ('lag_wy = ["dig"]', ss.sdm(FORMULA, W="geo", lag_wy="dig")),
        ('regimes = "region"', ss.sdm(FORMULA, W="geo", regimes="region")),
        (
            'regimes = { grouping = "region", x = ["va"], rho = true }',
            ss.sdm(FORMULA, W="geo", regimes=ss.regimes("region", ["va"], rho=True)),
        ),
    ],
)
def test_a_model_has_the_fields_of_a_specification(tmp_path, lines, model):
    assert models(read_study(written(tmp_path, lines)))["more"] == model


MIXED = '\n[models.more]\nfamily = "sdm"\nformula = "' + FORMULA + '"\nW = {W}\n\n[sweep]\n'


@pytest.mark.parametrize(
    ("W", "mixed"),
    [
        ('{ convex = ["geo", "dig"] }', ss.convex("geo", "dig")),
        ('{ convex = ["geo", "dig"], wx = "combined" }', ss.convex("geo", "dig", wx="combined")),
        (
            '{ wy = { convex = ["geo", "dig"] }, wx = "geo" }',
            {"wy": ss.convex("geo", "dig"), "wx": "geo"},
        ),
    ],
)
def test_a_mixture_of_matrices_is_written_as_a_table(tmp_path, W, mixed):
    path = tmp_path / "study.toml"
    text = MAIN.read_text("utf-8").replace("\n[sweep]\n", MIXED.replace("{W}", W))
    path.write_text(text, encoding="utf-8")
    assert models(read_study(path))["more"] == ss.sdm(FORMULA, W=mixed)


@pytest.mark.parametrize("W", ['{ convex = "geo" }', '{ convex = ["geo", "dig"], share = 0.5 }'])
def test_a_mixture_with_other_keys_is_refused(tmp_path, W):
    path = tmp_path / "study.toml"
    text = MAIN.read_text("utf-8").replace("\n[sweep]\n", MIXED.replace("{W}", W))
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ss.ModelError, match=r"is no mixture: it has convex, a list of names"):
        read_study(path)


def test_a_wrong_key_of_regimes_is_named(tmp_path):
    path = written(tmp_path, 'regimes = { grouping = "region", terms = ["va"] }')
    with pytest.raises(ss.ModelError, match=r"\[models.more\] regimes has the keys grouping, x"):
        read_study(path)
