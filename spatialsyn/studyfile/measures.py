"""The measures of a study file: columns of its panel, and tables beside them.

A section names a function of `ss.measures` by `kind` and gives its arguments. Columns are
made in the order of the file, so a measure may use those above it; tables come last and
may use all of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spatialsyn.cities.encoding import text_encoding
from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ConfigError, SpatialsynError, named

MEASURES = (
    "centrality", "coagglomeration", "collaborative_innovation", "composite", "composite_synergy",
    "coupling", "grey_relational", "herfindahl", "location_quotient", "network_externality",
    "penetration", "price_segmentation", "ratio", "small_firms", "spillover_index",
    "transaction_cost",
)  # fmt: skip
# Indices whose indicators can be drawn anew.
REDRAWN = ("composite", "composite_synergy", "coupling", "grey_relational")
# By year, or by industry and year: no columns of a panel of cities.
TABULATED = ("coagglomeration_pairs", "disparity", "ellison_glaeser", "haken", "network_density")

Options = dict[str, Any]


def measured(panel: CityPanel, sections: Mapping[str, Options], folder: Path) -> CityPanel:
    """The panel with the columns of every measure, in the order of the file."""
    for name, options in sections.items():
        if options["kind"] in TABULATED:
            continue
        made = _made(panel, f"measures.{name}", options, folder)
        columns = made.columns(name) if hasattr(made, "columns") else {name: made}
        taken = [column for column in columns if column in panel.frame]
        if taken:
            raise ConfigError(
                f"[measures.{name}] has the name of a column of the table, or makes one: "
                f"{named(taken)}. Rename it."
            )
        panel = panel.assign(**columns)
    return panel


def tabulated(
    panel: CityPanel, sections: Mapping[str, Options], folder: Path
) -> dict[str, pd.DataFrame]:
    """The tables by name; `panel` has the columns of all measures."""
    found = {}
    for name, options in sections.items():
        if options["kind"] in TABULATED:
            made = _made(panel, f"measures.{name}", options, folder)
            table = getattr(made, "table", made)
            found[name] = table.to_frame() if isinstance(table, pd.Series) else table
    return found


def indices(
    panel: CityPanel, sections: Mapping[str, Options], names: Sequence[str], folder: Path
) -> dict[str, Any]:
    """The indices of some sections, not their columns; `panel` has the columns of all measures."""
    return {name: _made(panel, f"measures.{name}", sections[name], folder) for name in names}


def in_section(
    section: str, function: Callable[..., Any], arguments: Options, parts: Sequence[Any] = ()
) -> Any:
    """Call `function`, naming the section of the study file in what it refuses."""
    try:
        return function(*parts, **arguments)
    except SpatialsynError as error:
        raise type(error)(f"[{section}] {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"[{section}] cannot be made of these options: {error}.") from error


def polygons(panel: CityPanel, section: str) -> Any:
    """The polygons of the panel, which the section needs."""
    if panel.cities is None:
        raise ConfigError(f"[{section}] needs polygons: give boundaries in [panel].")
    return panel.cities


def _made(panel: CityPanel, section: str, options: Options, folder: Path) -> Any:
    """What the function of a section returns."""
    import spatialsyn.measures as builders

    given = {key: value for key, value in options.items() if key != "kind"}
    builder = getattr(builders, options["kind"])
    arguments: Options = {"panel": panel}
    if "distances" in inspect.signature(builder).parameters:
        from spatialsyn.weights import distances

        arguments["distances"] = distances(polygons(panel, section))
    if "flows" in given:
        given["flows"] = _flows(section, folder, given["flows"])
    return in_section(section, builder, arguments | given)


def _flows(section: str, folder: Path, file: Any) -> pd.DataFrame:
    """A table of origins, destinations and flows beside the study file; ids are text."""
    path = folder / str(file)
    try:
        ids = {"origin": str, "destination": str}
        return pd.read_csv(path, dtype=ids, encoding=text_encoding(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"[{section}] cannot read flows = {file!r}: {error}.") from error
