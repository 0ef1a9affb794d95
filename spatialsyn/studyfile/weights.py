"""The weights of a study file: every section [weights.name] calls one function of ss.weights.

    kind         which function; the other keys are its parameters
    standardize  how the result is scaled: "row", or one way after another, ["column", "row"]
    base_years   of the columns or the table that the weights are made from: a list of single
                 years, [2011, 2015] are two, unlike years in [panel], which is a range
    of           the matrices, named further up, that a composite one is made of

A parameter that stands for data names a column of the panel (`mass`, `values`), several
columns (`profile`), a grouping (`across`, `within`) or a file beside the study (`table`,
`incidence`, `path`). Cities and polygons are the panel's.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from spatialsyn.cities.encoding import text_encoding
from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ConfigError, named
from spatialsyn.studyfile.measures import Options, in_section, polygons
from spatialsyn.studyfile.sections import COLUMNS, COMPOSITES, FILES, Study
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import WeightsSeries

Made: TypeAlias = Weights | WeightsSeries


def build_weights(study: Study, panel: CityPanel, folder: Path) -> dict[str, Made]:
    """The matrices of the study by name, in the order of the file."""
    import spatialsyn.weights as builders

    made: dict[str, Made] = {}
    for name, given in study.weights.items():
        section, options = f"weights.{name}", dict(given)
        kind, how = options.pop("kind"), options.pop("standardize", "none")
        function = getattr(builders, kind)
        arguments = {"name": name} | _data(panel, section, kind, options, folder)
        takes = inspect.signature(function).parameters
        if "ids" in takes:
            arguments["ids"] = panel.ids
        cities = takes.get("cities")
        if cities and (cities.default is inspect.Parameter.empty or "beyond" in options):
            arguments["cities"] = polygons(panel, section)
        parts = _parts(section, kind, options, made)
        built = in_section(section, function, arguments | options, parts)
        for each, w in built.items() if isinstance(built, dict) else [(name, built)]:
            made[each] = in_section(section, w.standardize, {"how": how})
    return made


def _data(
    panel: CityPanel, section: str, kind: str, options: Options, folder: Path
) -> dict[str, Any]:
    """What the parameters that stand for data name, taken out of `options`."""
    data: dict[str, Any] = {}
    if kind in COLUMNS:
        data[COLUMNS[kind]] = _base(panel, section, COLUMNS[kind], options)
    if kind in FILES:
        data[FILES[kind]] = _file(panel, section, kind, options, folder)
    for condition in ("across", "within"):
        if kind in COMPOSITES and condition in options:
            data[condition] = _blocks(panel, section, options.pop(condition))
    return data


def _base(panel: CityPanel, section: str, parameter: str, options: Options) -> Any:
    """The base-year means of the column, or columns, that a builder's parameter names."""
    columns = options.pop(parameter, None)
    several = isinstance(columns, list) and parameter == "profile"
    if not columns or not (isinstance(columns, str) or several):
        raise ConfigError(f"[{section}] needs {parameter} = the name of a column.")
    years = options.pop("base_years", None)
    if years is None:
        raise ConfigError(
            f"[{section}] needs base_years, for example [{panel.years[0]}, {panel.years[1]}] "
            "(these two years; a list, no range): "
            "weights made from data of the whole sample are a function of what drives y, and the "
            'estimates are biased (Qu & Lee 2015). base_years = "all" is possible and is marked '
            "in every table."
        )
    if isinstance(columns, str):
        return in_section(section, panel.mean, {"column": columns, "years": years})
    means = [in_section(section, panel.mean, {"column": name, "years": years}) for name in columns]
    profile = pd.concat(means, axis=1)
    profile.attrs |= means[0].attrs
    return profile


def _file(panel: CityPanel, section: str, kind: str, options: Options, folder: Path) -> Any:
    """The path of a file of weights, or a table of cities, beside the study file."""
    parameter = FILES[kind]
    given = options.pop(parameter, None)
    if not isinstance(given, str):
        raise ConfigError(f"[{section}] needs {parameter} = the name of a file.")
    path = folder / given
    if not path.is_file():
        raise ConfigError(f"[{section}] {parameter} = {given!r}: there is no such file.")
    return path if kind == "read" else in_section(section, city_table, {}, [path, panel.ids])


def city_table(path: Path, ids: Sequence[Any]) -> pd.DataFrame:
    """A table of pairs of cities, or with a row per city, whose ids are those of the panel."""
    try:
        table = pd.read_csv(path, dtype=str, encoding=text_encoding(path))
    except (ValueError, OSError) as error:
        raise ConfigError(f"cannot read the table {path.name!r}: {error}.") from error
    known = {str(city): city for city in ids}
    if {"origin", "destination"} <= set(table.columns):
        ends = {end: [known.get(i, i) for i in table[end]] for end in ("origin", "destination")}
        return table.assign(**ends)
    first, *others = table.columns
    labelled = table.set_index(first).rename(index=known, columns=known)
    return labelled.apply(pd.to_numeric, errors="coerce") if others else labelled


def _blocks(panel: CityPanel, section: str, name: Any) -> pd.Series:
    if name not in panel.blocks:
        raise ConfigError(
            f"[{section}] {name!r} is no grouping; the panel has {named(panel.blocks) or 'none'}."
        )
    return panel.blocks[name]


def _parts(section: str, kind: str, options: Options, made: Mapping[str, Made]) -> list[Any]:
    """The matrices that a composite one is made of, taken out of `options`."""
    if kind not in COMPOSITES:
        return []
    of = options.pop("of", None)
    listed = (
        of if isinstance(of, dict) else dict(enumerate([of] if isinstance(of, str) else of or []))
    )
    absent = [w for w in listed.values() if w not in made]
    if absent or not listed:
        raise ConfigError(
            f"[{section}] needs of = weights named further up in the file. It has "
            f"{named(absent) or 'none'}; further up there are {named(made) or 'none'}."
        )
    if kind == "series":
        return [{_year(section, year): made[w] for year, w in listed.items()}]
    return [made[w] for w in listed.values()]


def _year(section: str, year: object) -> int:
    if not str(year).isdigit() or isinstance(year, int):
        raise ConfigError(f'[{section}] needs of = {{ 2011 = "w2011", 2012 = "w2012" }}.')
    return int(str(year))
