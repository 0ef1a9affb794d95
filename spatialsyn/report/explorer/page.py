"""One self-contained page: the answer, a map to explore, the tables; it opens without a network.

Everything is in the file: paths of the map, numbers as one JSON block, our own style sheet and
script. Its Content-Security-Policy allows no connection and no script but this one, so a name
in the data can at worst be text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cmcrameri import cm
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.colors import to_hex
from scipy.stats import norm

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.writing import destination, written
from spatialsyn.errors import AlignmentError, ConfigError, expect, named
from spatialsyn.report.atlas.labels import SUFFIX
from spatialsyn.report.atlas.layers import hatch_ink
from spatialsyn.report.explorer import provenance
from spatialsyn.report.explorer.answers import answers
from spatialsyn.report.explorer.map import PageMap, page_map
from spatialsyn.report.explorer.models import LEVEL, explored
from spatialsyn.report.explorer.words import SPOKEN, heading, phrase
from spatialsyn.report.labels import Checked, check_labels, names_of, terms_of
from spatialsyn.report.tables.display import Labels
from spatialsyn.report.tables.effects import effects_table
from spatialsyn.report.tables.regression import Table, by_name, table
from spatialsyn.report.words import check_language, word
from spatialsyn.results import Results

# Classes of the map's scale, mirrored about zero; the outer tenths of the colour map are dark.
CLASSES, ENDS = 9, (0.1, 0.9)
SHOWS = (
    ("emitted", "emitted"), ("received", "received"), ("direct", "own effect"),
    ("net", "emitted minus received"),
)  # fmt: skip
SCRIPTS = ("page.js", "page_map.js", "page_start.js")
# What a JSON block may not hold raw inside a page.
RAW = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


@dataclass(frozen=True, eq=False)
class Sections:
    """What a page holds beside the map; what is empty is left out.

    Attributes
    ----------
    answer, cautions : sentences
    tables : by name, e.g. from `ss.report.table`
    pictures : by name, png
    facts : further lines of the provenance, by label
    """

    answer: Sequence[str] = ()
    cautions: Sequence[str] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def page(
    results: Results | Iterable[Results] | Mapping[str, Results],
    panel: CityPanel | None = None,
    path: str | os.PathLike[str] = "report.html",
    x: str | None = None,
    by: str | None = None,
    title: str | None = None,
    labels: Labels = None,
    language: str = "en",
    sections: Sections | None = None,
) -> Path:
    """Write one page to explore the effects of `x`: a map to click, a switch of W, tables.

    Parameters
    ----------
    results : one Results, a list, or a mapping from names to Results
        The first is shown first; all of them are offered and drawn in the specification curve.
    panel : whose polygons are drawn, with all cities of the models; that of the first by default
        Without polygons the page has no map, and cities are chosen from the list.
    path : the file, which is replaced
    x : regressor of all effects by city, pair and block; the first one by default
    by : grouping of the panel for effects by block; its first one by default
    labels : print labels of variables, blocks and city ids; cities are named by the column
        ``name_en`` or ``name_zh`` of the polygons where there is one
    language : "en" | "zh"
    sections : answer, tables, pictures and provenance to print instead of the usual ones

    Returns
    -------
    Path
        The file, complete. Intervals are 95%, by the delta method.

    Raises
    ------
    ConfigError
        No results, a path that leads through a file, an `x`, `by` or language that does not exist,
        or a label that matches nothing.
    AlignmentError
        A model has cities that `panel` lacks.

    Notes
    -----
    Effects of pairs grow with the square of the cities; models beyond six million characters of
    them show effects by city alone (`models.MOST_BYTES`).
    """
    check_language(language)
    path = destination(path)
    fits = by_name(results, "page")
    first = next(iter(fits.values()))
    panel = first.panel if panel is None else panel
    expect(panel, CityPanel, "the panel comes second, page(results, panel)", ConfigError)
    _check_cities(fits, panel)
    x, by = _regressor(fits, x), _grouping(panel, by)
    check_labels(labels, "page", _names_on(fits, panel), fits.values())
    labels = Checked(labels or {})
    given = _usual(fits, x, by, labels, language) if sections is None else sections
    text = _rendered(
        fits=fits, panel=panel, x=x, by=by, labels=labels, language=language, given=given,
        title=title,
    )  # fmt: skip
    return written(path, text.encode("utf-8"))


def _check_cities(fits: Mapping[str, Results], panel: CityPanel) -> None:
    for name, fit in fits.items():
        absent = [city for city in fit.panel.ids if city not in set(panel.ids)]
        if absent:
            raise AlignmentError(
                f"the panel of the page lacks the cities {named(absent)} of the model {name!r}. "
                "Give the panel that has them all: page(results, panel)."
            )


def _regressor(fits: Mapping[str, Results], x: str | None) -> str | None:
    known = list(dict.fromkeys(name for fit in fits.values() for name in fit.regressors))
    if x is None:
        return known[0] if known else None
    if x not in known:
        raise ConfigError(f"x={x!r} is in none of the models; they have {named(known) or 'none'}.")
    return x


def _grouping(panel: CityPanel, by: str | None) -> str | None:
    if by is None:
        return next(iter(panel.blocks), None)
    if by not in panel.blocks:
        groups = named(panel.blocks) or "none"
        raise ConfigError(f"by={by!r} is not a grouping; the panel has {groups}.")
    return by


def _names_on(fits: Mapping[str, Results], panel: CityPanel) -> list[object]:
    """What labels may replace: terms of the models, columns, blocks, cities and other polygons."""
    terms = [name for fit in fits.values() for name in terms_of(fit)]
    around = [] if panel.context is None else list(panel.context.index)
    return [*terms, *names_of(panel), *around]


def _usual(
    fits: Mapping[str, Results], x: str | None, by: str | None, labels: Labels, language: str
) -> Sections:
    """The answer of the first model, its effects, and the models side by side."""
    first = next(iter(fits.values()))
    by = by if by in first.panel.blocks else None
    if x is None or x not in first.regressors:
        return Sections(tables={"models": table(fits, labels=labels)})
    made = {
        "effects": effects_table(first.effects(), labels=labels, of=first),
        "models": table(fits, labels=labels),
    }
    return Sections(answer=answers(first, x, by, labels, language), tables=made)


def _rendered(
    fits: Mapping[str, Results],
    panel: CityPanel,
    x: str | None,
    by: str | None,
    labels: Mapping[str, str],
    language: str,
    given: Sections,
    title: str | None,
) -> str:
    """The page as text."""
    y = next(iter(fits.values())).data.outcome
    shown = {"x": labels.get(x or "", x or ""), "y": labels.get(y, y)}
    units = None if panel.cities is None else panel.cities.loc[list(panel.ids)]
    drawn = None if units is None else page_map(units, panel.context, by)
    cities = _cities(panel, drawn, by, labels, language)
    models = [] if x is None else explored(fits, x, by, panel.ids, language)
    for model in models:
        for sums in model["blocks"]:
            sums["block"] = labels.get(sums["block"], word(sums["block"], language))
    script = _script()
    return (
        Environment(autoescape=True, trim_blocks=False)
        .from_string(_file("page.html"))
        .render(
            title=title or "{y} ~ {x}".format(**shown),
            language=language,
            policy=_policy(script),
            css=Markup(_file("page.css")),
            script=Markup(script),
            say=lambda text: phrase(text, language),
            heading=lambda key: heading(key, language),
            unit=phrase("Change in {y} per unit of {x}", language).format(**shown),
            answer=given.answer,
            cautions=given.cautions,
            models=models,
            blocks=bool(by and models),
            cities=cities,
            context=[] if drawn is None else _names(panel.context, labels, language),
            map=drawn,
            shows=SHOWS,
            colours=_colours(),
            tables={name: Markup(made.to_html()) for name, made in given.tables.items()},
            pictures={name: _base64(png) for name, png in given.pictures.items()},
            facts={**given.facts, **provenance.facts(panel, language)},
            matrices=provenance.matrices(fits.values(), language),
            equations={name: fit.equation for name, fit in fits.items()},
            data=_data(cities, models, language),
        )
    )


def _data(cities: list[dict[str, Any]], models: list[dict[str, Any]], language: str) -> Markup:
    """The JSON block; what could end it is written as an escape."""
    text = json.dumps(
        {
            "cities": cities,
            "models": models,
            "colours": [colour for colour, _ in _colours()],
            "words": {text: phrase(text, language) for text in SPOKEN},
            "level": round(100 * LEVEL),
            "z": float(norm.ppf((1 + LEVEL) / 2)),
        },
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    )
    for raw, escaped in RAW.items():
        text = text.replace(raw, escaped)
    return Markup(text)


def _cities(
    panel: CityPanel,
    drawn: PageMap | None,
    by: str | None,
    labels: Mapping[str, str],
    language: str,
) -> list[dict[str, Any]]:
    """Name, block and place of each city, in the order of the panel's ids."""
    ids = list(panel.ids)
    units = pd.DataFrame(index=ids) if panel.cities is None else panel.cities.loc[ids]
    blocks = [""] * panel.n if by is None else [str(b) for b in panel.blocks[by].loc[ids]]
    points: Sequence[Any] = [None] * panel.n if drawn is None else drawn.points
    return [
        {"name": name, "block": labels.get(block, word(block, language)), "at": at}
        for name, block, at in zip(_names(units, labels, language), blocks, points, strict=False)
    ]


def _names(units: pd.DataFrame, labels: Mapping[str, str], language: str) -> list[str]:
    """What each unit is called: its label, its name in the polygons, or its id."""
    column = f"name_{language}"
    names = units[column] if column in units else pd.Series(units.index, units.index)
    texts = [str(city) if pd.isna(name) else str(name) for city, name in names.items()]
    if language == "zh":
        texts = [re.sub(SUFFIX, "", text) for text in texts]
    return [labels.get(str(city), text) for city, text in zip(units.index, texts, strict=True)]


def _colours() -> list[tuple[str, str]]:
    """The classes' colours, told apart under colour blindness, and the ink of hatches on them."""
    hexes = [to_hex(colour) for colour in cm.vik(np.linspace(*ENDS, CLASSES))]
    return [(c, hatch_ink(c)) for c in hexes]


def _script() -> str:
    """The page's script, in a scope of its own."""
    parts = "".join(map(_file, SCRIPTS))
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _policy(script: str) -> str:
    """No connections, and no script but this one; tables carry styles of their own."""
    digest = _base64(hashlib.sha256(script.encode()).digest())
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _file(name: str) -> str:
    """A file of the page's style, beside this module."""
    path = resources.files("spatialsyn.report.explorer") / "styles" / name
    return path.read_text(encoding="utf-8")
