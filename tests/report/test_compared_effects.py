"""Effects of several models in one table: every number is that of its model, in its row."""

from __future__ import annotations

import docx
import pytest
from drawing import two_matrices
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn import report


@pytest.fixture(scope="module")
def fits():
    panel, model, weights = two_matrices()
    own = model.but(regimes="region")
    return {
        name: ss.fit(one, panel, weights)
        for name, one in {"borders": model, "distance": model.but(W="km"), "own": own}.items()
    }


def by_region(fits, **options):
    return {n: fit.effects("urbanization", by="region", **options) for n, fit in fits.items()}


def cells(table, label):
    """The cells of a row, and those below it."""
    at = next(k for k, row in enumerate(table.rows) if row.label == label)
    return table.rows[at].cells, table.rows[at + 1].cells


def test_every_cell_is_the_effect_of_its_model(fits):
    effects = by_region(fits)
    table = report.effects_table(effects, digits=6)
    assert table.columns == tuple(fits)
    for to in ("GBA", "periphery"):
        for sender, kind, label in (
            (to, "direct", "Own"), ("GBA", "indirect", "From GBA"),
            ("periphery", "indirect", "From periphery"), ("all", "total", "Total"),
        ):  # fmt: skip
            printed, below = cells(table, f"{to}: {label}")
            for name, cell, error in zip(fits, printed, below, strict=True):
                t = effects[name].table
                row = t[(t["to"] == to) & (t["from"] == sender) & (t["effect"] == kind)].iloc[0]
                assert float(cell.replace("−", "-")) == pytest.approx(row["estimate"], abs=1e-6)
                assert float(error.strip("()")) == pytest.approx(row["se"], abs=1e-6)
    mine = table.frame[table.frame["model"] == "distance"].drop(columns="model")
    assert_allclose(mine["estimate"], effects["distance"].table["estimate"])


def test_notes_tell_the_columns_and_every_matrix(fits, tmp_path):
    table = report.effects_table(by_region(fits), of=fits, labels={"urbanization": "Urban share"})
    assert table.notes[0].startswith("Rows say who receives and from whom, columns are models.")
    assert sum(note.startswith("W[") for note in table.notes) == 2
    assert table.rows[0].label == "Urban share"
    table.save(tmp_path / "t.docx")
    first = docx.Document(str(tmp_path / "t.docx")).tables[0].rows[0]
    assert [cell.text for cell in first.cells][1:] == list(fits)
    chinese = report.effects_table(by_region(fits, per="source"), language="zh")
    assert chinese.notes[0].startswith("行为接收方与来源，列为模型")


def test_bands_and_averages_are_compared_too_and_what_a_model_lacks_is_blank(fits):
    bands = ss.weights.bands(fits["own"].panel.cities, [100, 900])
    near = {n: fit.effects("urbanization", by=bands) for n, fit in fits.items()}
    table = report.effects_table(near, below=None)
    assert [row.label for row in table.rows[1:]] == [
        "Direct, own", "Indirect, 0-100 km", "Indirect, 100-900 km", "Total, all",
    ]  # fmt: skip
    one, all_of_them = fits["borders"].effects("urbanization"), fits["distance"].effects()
    averages = report.effects_table({"one": one, "all": all_of_them})
    groups = [row.label for row in averages.rows if row.kind == "group"]
    assert groups == ["urbanization", "log(loans)"]
    assert averages.rows[-2].cells[0] == ""


def test_effects_of_different_kinds_are_not_put_side_by_side(fits):
    one, other = fits["borders"], fits["distance"]
    region = by_region(fits)

    def refused(message, effects, **options):
        with pytest.raises(ss.ConfigError, match=message):
            report.effects_table(effects, **options)

    refused("one, or several by the name", {})
    refused("got int", {"a": 1})
    refused("not of one kind", {"a": one.effects("urbanization"), "b": region["own"]})
    source = other.effects("urbanization", by="region", per="source")
    refused("per receiver, and .*per source", {"a": region["borders"], "b": source})
    refused("levels: 0.9, 0.95", {"a": one.effects(level=0.9), "b": other.effects()})
    refused("fits by the same names", region, of=one)
    refused("nothing to label by 'urban'", region, labels={"urban": "x"})
