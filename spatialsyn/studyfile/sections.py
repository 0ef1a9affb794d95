"""A study file: the whole job as data, from the panel to the tables.

    [panel]         where the cities and their numbers come from
    [measures.x]    columns or tables made from columns: kind is a function of ss.measures
    [weights.w]     matrices: kind is a function of ss.weights
    [models.m]      specifications: the fields of SpatialModel, family among them
    [sweep]         one model under every combination of some of its fields, side by side
    [grid]          one model under every combination of the choices a reader may question
    [index_uncertainty]  one model with its indices made of other indicators, or by other weights
    [report]        which tables and figures, and in which language

Years: ``years = [2011, 2019]`` in [panel] and [models.m] is a range, the first year and the
last. Everywhere else years are a list of single ones: ``base_years = [2011, 2015]`` of
weights are two years, ``drop_years`` of a grid and ``over`` of a measure too.

A key that a function does not have is an error that lists the ones it has. Formulas are
checked on their syntax tree when the file is read; nothing in a study file can run code.
"""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ConfigError, SpatialsynError, named
from spatialsyn.models.choice import Covariance
from spatialsyn.models.spec import SpatialModel
from spatialsyn.study.grid import Grid
from spatialsyn.study.rewrite import columns_read
from spatialsyn.studyfile.covariance import check_covariance
from spatialsyn.studyfile.faults import faults
from spatialsyn.studyfile.grid import GridSection, specifications
from spatialsyn.studyfile.measures import (
    MEASURES,
    REDRAWN,
    TABULATED,
    Options,
    in_section,
    measured,
)
from spatialsyn.studyfile.sweep import swept
from spatialsyn.studyfile.uncertainty import IndexSection

# Parameters of the builders that stand for data: a study file names the column, or the file.
COLUMNS = {
    "gap": "values", "gravity": "mass", "similarity": "profile", "predicted_flows": "mass",
}  # fmt: skip
FILES = {"flows": "table", "comembership": "incidence", "travel_time": "table", "read": "path"}
COMPOSITES = (
    "product", "convex", "union", "intersection", "conditional", "sparsify", "series",
    "predicted_flows",
)  # fmt: skip
WEIGHTS = (
    "contiguity", "knn", "distance_band", "rings", "inverse_distance", "kernel",
    *dict.fromkeys((*COLUMNS, *FILES, *COMPOSITES)),
)  # fmt: skip
# Parameters that the panel and the keys of a section fill by themselves.
FILLED = {"panel", "cities", "distances", "name", "ids", "weights", "by_year"}
TABLES = (
    "blocks", "effects", "main", "models", "diagnostics", "sweep", "grid", "cities", "weights",
    "descriptives", "correlations", "definitions",
)  # fmt: skip
FIGURES = (
    "blocks", "emitted_received", "effects", "specifications", "study_area", "weights",
    "block_matrix", "flows", "emitted", "received", "autocorrelation", "spectra",
)  # fmt: skip
# Written where a study names them; a study without a list gets all others that it can fill.
ON_REQUEST = (
    "correlations", "definitions", "block_matrix", "flows", "emitted", "received",
    "autocorrelation", "spectra",
)  # fmt: skip


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PanelSection(_Section):
    """Either `dataset`, or `boundaries` and `table` (paths beside the study file).

    ``years = [2011, 2019]`` is a range: the first year, the last, and all between them.
    """

    dataset: Literal["guangdong"] | None = None
    boundaries: str | None = None
    table: str | None = None
    city: str = "adcode"
    year: str = "year"
    blocks: list[str] = []
    years: list[int] | None = Field(default=None, min_length=2, max_length=2)
    missing: list[str] = []
    thousands: str | None = None
    repair: Literal["snap"] | None = None
    absent: Literal["refuse", "keep"] = "refuse"


class ModelSection(_Section):
    """The fields of `SpatialModel`, what `fit` is told, and the years if not all.

    ``years = [2013, 2019]`` is a range as in [panel].
    """

    family: str
    formula: str
    W: str | list[str] | dict[str, Any] | None = None
    fixed_effects: str = "none"
    correction: str = "lee-yu"
    random: str | None = None
    lag_y: bool = False
    lag_wy: bool | str | list[str] = False
    regimes: str | dict[str, Any] | None = None
    estimator: str = "qml"
    endogenous: str | list[str] = []
    instruments: str | list[str] = []
    instrument_W: str | dict[str, str] = {}
    cov: Covariance = None
    missing: Literal["refuse", "balance", "likelihood"] = "refuse"
    years: list[int] | None = Field(default=None, min_length=2, max_length=2)


class ReportSection(_Section):
    """What is written, and around which model and variable."""

    title: str = "Spatial Durbin study"
    main: str | None = None
    x: str | None = None
    by: str | None = None
    tables: list[Literal[TABLES]] | None = None  # type: ignore[valid-type]
    figures: list[Literal[FIGURES]] | None = None  # type: ignore[valid-type]
    language: Literal["en", "zh"] = "en"
    labels: dict[str, str] = {}


class Study(_Section):
    """A study file as read: sections checked, nothing computed."""

    panel: PanelSection
    measures: dict[str, Options] = {}
    weights: dict[str, Options] = {}
    models: dict[str, ModelSection] = Field(min_length=1)
    sweep: Options = {}
    grid: GridSection | None = None
    index_uncertainty: IndexSection | None = None
    report: ReportSection = ReportSection()


def read_study(path: str | Path) -> Study:
    """Read and check a study file; all faults are reported together.

    Raises
    ------
    ConfigError
        The file is absent, not TOML, or has unknown or wrong keys.
    FormulaError, ModelError
        A formula or specification that is not allowed.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the study file {str(path)!r} is not UTF-8 ({error}). Save it as UTF-8 in your editor."
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot read the study file {str(path)!r}: {error}.") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        paths = r" Paths take / or single quotes: 'C:\data\panel.csv'." if "\\" in text else ""
        raise ConfigError(f"{path.name} is not valid TOML: {error}.{paths}") from error
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise ConfigError(faults(path.name, error, Study, SECTIONS)) from error
    for name, options in study.measures.items():
        _check_options("measures", name, options, (*MEASURES, *TABULATED), also=())
    _check_names(study)
    for name, options in study.weights.items():
        also = ("standardize", *(["of"] if options.get("kind") in COMPOSITES else []))
        _check_options("weights", name, options, WEIGHTS, also)
    _check_report(study)
    _check_grid(study)
    _check_indices(study)
    return study


def build_panel(study: Study, folder: Path) -> CityPanel:
    """The panel of the study with its measures as further columns, in all years of its file.

    An index is computed once, on the full sample; what is estimated on fewer years reuses
    it, and weights may take base years before the sample of the estimation.
    """
    return measured(_source(study.panel, folder), study.measures, folder)


def section_of(study: Study, name: str) -> ModelSection:
    """The section of a model; a point of the sweep has that of the model it varies."""
    return study.models.get(name) or study.models[str(study.sweep["of"])]


def years_of(panel: CityPanel, span: list[int] | None) -> CityPanel:
    """The panel from the first to the last year of `span`."""
    if span is None:
        return panel
    if span[0] > span[1]:
        raise ConfigError(
            f"years = {span} run backwards: years is a range, the first year and the last."
        )
    return panel.subset(years=range(span[0], span[1] + 1))


def weights_names(study: Study) -> list[str]:
    """The names of all matrices; a section of rings makes one per ring."""
    from spatialsyn.weights.distance import ring_names

    names: list[str] = []
    for name, options in study.weights.items():
        if options.get("kind") == "rings":
            edges = {"name": name, "edges": options.get("edges", ())}
            names += in_section(f"weights.{name}", ring_names, edges)
        else:
            names.append(name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two matrices of the study would be called {named(twice)}.")
    return names


def models(study: Study) -> dict[str, SpatialModel]:
    """The specifications by name, with those of the sweep."""
    made, known = {}, weights_names(study)
    for name, section in study.models.items():
        check_covariance(f"models.{name}", section.cov)
        try:
            made[name] = SpatialModel(**section.model_dump(exclude={"years", "cov", "missing"}))
        except SpatialsynError as error:
            raise type(error)(f"[models.{name}] {error}") from error
        absent = [w for w in made[name].weights_names if w not in known]
        if absent:
            raise ConfigError(
                f"[models.{name}] uses W = {named(absent)}; the study has the weights "
                f"{named(known) or 'none'}."
            )
    return made | swept(study.sweep, made, known)


def grid_of(study: Study) -> Grid:
    """The points of [grid], by name; none without it."""
    if study.grid is None:
        return Grid()
    own = {name: model for name, model in models(study).items() if name in study.models}
    return specifications(study.grid, own, weights_names(study))


def _source(section: PanelSection, folder: Path) -> CityPanel:
    if section.dataset is not None:
        if section.table is not None or section.boundaries is not None:
            raise ConfigError("[panel] takes either dataset, or boundaries and table, not both.")
        from spatialsyn.cities import datasets

        return datasets.guangdong()
    if section.table is None:
        raise ConfigError('[panel] needs dataset = "guangdong", or table = "your.csv".')
    from spatialsyn.cities.reader import read_panel

    return read_panel(
        None if section.boundaries is None else folder / section.boundaries,
        folder / section.table,
        city=section.city,
        year=section.year,
        blocks=section.blocks,
        missing=section.missing,
        thousands=section.thousands,
        repair=section.repair,
        absent=section.absent,
    )


def _check_options(
    part: str, name: str, options: Options, kinds: tuple[str, ...], also: tuple[str, ...]
) -> None:
    """The kind exists, has every key that is given, and is given every key that it needs."""
    kind = options.get("kind")
    if kind not in kinds:
        given = f"kind = {kind!r} is not" if "kind" in options else "needs kind ="
        raise ConfigError(f"[{part}.{name}] {given} one of {named(kinds, 30)}.")
    module = __import__(f"spatialsyn.{part}", fromlist=[kind])
    takes = inspect.signature(getattr(module, kind)).parameters
    has = set(takes) - FILLED | {"kind", *also}
    unknown = sorted(set(options) - has)
    # Columns, files and matrices that are not there are told where they are looked up.
    told = {*takes} if kind in COMPOSITES else FILLED | {COLUMNS.get(kind), FILES.get(kind)}
    needed = {key for key, one in takes.items() if one.default is one.empty} - told
    absent = sorted(needed - set(options))
    if unknown or absent:
        fault = f"has no {named(unknown)}" if unknown else f"needs {named(absent)}"
        raise ConfigError(f"[{part}.{name}] {kind} {fault}; it has {named(sorted(has), 20)}.")


def _check_report(study: Study) -> None:
    known = models(study)
    main = study.report.main
    if main is not None and main not in known:
        raise ConfigError(f"[report] main = {main!r} is not a model; there are {named(known)}.")


def _check_grid(study: Study) -> None:
    grid_of(study)
    if study.grid is not None:
        _check_repeated(study, "grid", study.grid.of)


def _check_repeated(study: Study, part: str, of: str) -> None:
    """A model that `part` estimates many times has a complete panel."""
    model = study.models[of]
    if model.missing != "refuse":
        raise ConfigError(
            f"[{part}] of = {of!r}, which has missing = {model.missing!r}: it is estimated on "
            "complete panels. Fill the cells, or leave cities or years out."
        )


def _check_indices(study: Study) -> None:
    """The model is one of the file, complete, and reads indices that can be drawn anew."""
    section = study.index_uncertainty
    if section is None:
        return
    if section.of not in study.models:
        raise ConfigError(
            f"[index_uncertainty] needs of = one of {named(study.models)}; got {section.of!r}."
        )
    _check_repeated(study, "index_uncertainty", section.of)
    read = columns_read(models(study)[section.of])
    known = [n for n, made in study.measures.items() if made["kind"] in REDRAWN and n in read]
    foreign = [name for name in section.names if name not in known]
    if foreign or not section.names:
        raise ConfigError(
            f"[index_uncertainty] indices = {named(foreign) or 'none'}: these are measures that "
            f"{section.of} reads, of the kinds {named(REDRAWN)}; it reads {named(known) or 'none'}."
        )


def _check_names(study: Study) -> None:
    """Every model, matrix, and measure that is a table, writes files of its own."""
    tables = [name for name, options in study.measures.items() if options["kind"] in TABULATED]
    writing: dict[str, list[str]] = {
        "models": list(models(study)), "weights": list(study.weights), "measures": tables,
    }  # fmt: skip
    for what, names in writing.items():
        stems: dict[str, str] = {}
        for name in names:
            other = stems.setdefault(stem(name), name)
            if other != name:
                raise ConfigError(f"the {what} {other!r} and {name!r} would write the same files.")


def stem(name: str) -> str:
    """The name of a model or matrix as part of a file name."""
    return "".join(c if c.isalnum() else "_" for c in name).strip("_")


SECTIONS: dict[str, type[BaseModel]] = {
    "panel": PanelSection,
    "models": ModelSection,
    "grid": GridSection,
    "index_uncertainty": IndexSection,
    "report": ReportSection,
}
