"""Captions say which of Hong Kong and Macao are behind the numbers."""

from __future__ import annotations

import pandas as pd
import pytest

import spatialsyn as ss
from spatialsyn.report import descriptives, table

MODEL = ss.ols("log(gdp) ~ urbanization", fixed_effects="individual")
SAID = {
    "en": ("not among the cities: Hong Kong, Macao (", "Hong Kong", "Macao"),
    "zh": ("不在样本中：香港、澳门（", "香港", "澳门"),
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_captions_say_what_became_of_hong_kong_and_macao(language):
    """Both on the maps and not in the table; then Hong Kong in the table; then no maps."""
    both_absent, *names = SAID[language]
    guangdong = ss.datasets.guangdong()
    layer = pd.concat([guangdong.cities, guangdong.context])
    plain = guangdong.frame.reset_index().drop(columns="region")
    added = plain[plain["city"] == "440300"].assign(city="810000")
    for frame in (plain, pd.concat([plain, added])):
        panel = ss.CityPanel(frame, "city", "year", layer)
        fit = ss.fit(MODEL, panel)
        for made in (
            table(fit, language=language),
            descriptives(panel, ["gdp"], language=language),
        ):
            notes = " ".join(made.notes)
            assert (both_absent in notes) == (panel.n == 21)
            assert [notes.count(name) for name in names] == [1, 1]
    bare = ss.CityPanel(plain, "city", "year")
    notes = " ".join(table(ss.fit(MODEL, bare), language=language).notes)
    assert not any(name in notes for name in names)
