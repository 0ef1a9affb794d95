"""What a study writes: its tables, its figures, one page, and the answer in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spatialsyn.cities import datasets
from spatialsyn.cities.panel import CityPanel
from spatialsyn.report import (
    Sections,
    Table,
    correlations,
    definitions,
    descriptives,
    diagnostics_table,
    effects_table,
    page,
    specification_table,
    table,
    weights_table,
)
from spatialsyn.report.explorer.answers import answers
from spatialsyn.report.explorer.words import phrase
from spatialsyn.report.tables.sars import sars
from spatialsyn.report.theme import close, figure_of, rendered, save, style
from spatialsyn.studyfile.figures import FIGURES, SEED, outcome
from spatialsyn.studyfile.folder import digest
from spatialsyn.studyfile.labels import labels_of

if TYPE_CHECKING:
    from spatialsyn.studyfile.job import Job

PAGE_DPI = 130
# Options of measures that name the columns they count, and those they divide by.
COUNTED = (
    "indicators", "part", "parts", "numerator", "a", "b", "column", "reference", "others",
    "costs", "goods", "users", "joint", "small", "flows",
)  # fmt: skip
DIVISORS = ("whole", "denominator", "population", "per")
FORMATS = ("csv", "tex", "docx", "html", "md")
SENTENCES = {
    "en": {
        "few": "{n} cities and {T} years. With few cities p-values rest on a normal approximation "
        "that is rough: read sizes and intervals, and compare the models that were declared.",
        "shared": "Outcome and regressors share indicators ({}): part of the relation is an "
        "identity.",
        "disjoint": "Outcome and regressors count no indicator in common.",
        "scales": "Both sides hold {}, at least one as a divisor: part of their correlation may "
        "come from it.",
        "cause": "Effects are associations; weights and regressors are taken as given, and nothing "
        "here identifies a cause by itself.",
        "context": "Polygons without data are drawn on the maps and left out of the models.",
    },
    "zh": {
        "few": "共 {n} 个城市、{T} 年。城市较少时 p 值所依据的正态近似较粗略："
        "请关注效应大小与区间，并比较各模型。",
        "shared": "被解释变量与解释变量含有共同指标（{}），两者的关系部分是恒等关系。",
        "disjoint": "被解释变量与解释变量没有共同指标。",
        "scales": "两侧都含有 {}，且至少一侧以其为分母，部分相关可能由此产生。",
        "cause": "效应是相关关系；权重与解释变量视为给定，结果本身不能说明因果。",
        "context": "没有数据的区域仅在地图中绘出，不进入模型。",
    },
}


def write_tables(job: Job, folder: Path) -> dict[str, Table]:
    """Every table that the study asks for, in all formats."""
    folder.mkdir()
    made = {name: TABLES[name](job) for name in job.tables}
    for name, one in made.items():
        for form in FORMATS:
            one.save(folder / f"{name}.{form}")
    return made


def write_figures(job: Job, folder: Path) -> dict[str, bytes]:
    """Every figure that the study asks for, as pdf and png; returns smaller png for the page."""
    folder.mkdir()
    made = {}
    for name in job.figures:
        for part, drawing in FIGURES[name](job).items():
            save(drawing, folder / part)
            with style(job.study.report.language):
                made[part] = rendered(figure_of(drawing), "png", PAGE_DPI)
            close(drawing)
    return made


def write_page(job: Job, tables: dict[str, Table], figures: dict[str, bytes], path: Path) -> None:
    """One self-contained page: the answer, a map to explore, the figures and the tables."""
    chosen = job.study.report
    page(
        {job.main: job.results[job.main], **job.results},
        job.panel,
        path,
        x=job.x if job.results[job.main].regressors else None,
        by=job.by if job.panel.blocks else None,
        title=chosen.title,
        labels=labels_of(job),
        language=chosen.language,
        sections=Sections(answer(job), cautions(job), tables, figures, facts(job)),
    )


def answer(job: Job) -> list[str]:
    """What the main model says about x: own, received and emitted, per block or on average."""
    results, chosen = job.results[job.main], job.study.report
    if not results.regressors:
        return []
    by = job.by if job.panel.blocks else None
    return answers(results, job.x, by, chosen.labels, chosen.language)


def facts(job: Job) -> dict[str, str]:
    """How to make the page again."""
    language = job.study.report.language
    seed = phrase("Seed of the permutations", language)
    return {
        **({seed: str(SEED)} if "autocorrelation" in job.figures else {}),
        phrase("To reproduce", language): f"spatialsyn run {job.path.name}",
        phrase("Study file, SHA-256", language): digest(job.path),
    }


def cautions(job: Job) -> list[str]:
    """What a careful reader should know before quoting the answer."""
    words, results = SENTENCES[job.study.report.language], job.results[job.main]
    shared, scales = shared_indicators(job)
    return [
        words["few"].format(n=results.panel.n, T=len(results.data.years)),
        words["shared"].format(", ".join(shared)) if shared else words["disjoint"],
        *([words["scales"].format(", ".join(scales))] if scales else []),
        words["cause"],
        sars(results.panel, job.study.report.language) or words["context"],
    ]


def shared_indicators(job: Job) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that the main outcome and a regressor both count, and both are divided by."""
    data = job.results[job.main].data
    of_x = [column for sources in data.sources for column in sources]
    sides = []
    for columns in (data.outcome_sources, of_x):
        counted, scaled = set[str](), set[str]()
        for column in columns:
            made = raw_columns(job, column)
            counted, scaled = counted | made[0], scaled | made[1]
        sides.append((counted, scaled))
    (y, y_scale), (x, x_scale) = sides
    scaled = (y_scale & x_scale) | (y & x_scale) | (y_scale & x)
    return tuple(sorted(y & x)), tuple(sorted(scaled - (y & x)))


def raw_columns(job: Job, column: str) -> tuple[set[str], set[str]]:
    """The columns of the data that a measure counts, and those it is divided by."""
    base, _, part = column.rpartition("_")
    name = base if part in ("C", "T") and base in job.study.measures else column
    options = job.study.measures.get(name)
    if options is None:
        return {column}, set()
    given = [options[key] for key in COUNTED if key in options]
    given += dict(options.get("subsystems", {})).values()
    listed = [name for names in given for name in ([names] if isinstance(names, str) else names)]
    counted: set[str] = set()
    scaled = {options[key] for key in DIVISORS if key in options}
    for inner in listed:
        made = raw_columns(job, inner)
        counted, scaled = counted | made[0], scaled | made[1]
    return counted, scaled


def _named(job: Job, names: list[str]) -> dict[str, Any]:
    return {name: job.results[name] for name in names}


def _words(job: Job, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Labels and language of every table."""
    return {"labels": labels_of(job, more), "language": job.study.report.language}


def _models(job: Job) -> Table:
    return table(_named(job, list(job.study.models)), **_words(job))


def _main(job: Job) -> Table:
    return table(_named(job, [job.main]), **_words(job), below="interval")


def _sweep(job: Job) -> Table:
    points = [name for name in job.models if name not in job.study.models]
    return table(_named(job, points), show=("effects", "rho", "fit"), **_words(job))


def _grid(job: Job) -> Table:
    return specification_table(job.runs, job.x, **_words(job))


def _diagnostics(job: Job) -> Table:
    results, known = job.results[job.main], list(job.weights.values())
    W = known[0] if len(known) == 1 and not results.weights else None
    return diagnostics_table(results.diagnostics(W), **_words(job))


def _effects(job: Job, x: str | None = None, by: str | None = None) -> Table:
    """The effects of the main model, all by default; cities by the names that polygons have."""

    results, names = job.results[job.main], _city_names(job) if by == "city" else {}
    return effects_table(results.effects(x, by=by), **_words(job, names), of=results)


def _city_names(job: Job) -> dict[str, str]:
    column = f"name_{job.study.report.language}"
    cities = job.panel.cities
    if cities is None or column not in cities.columns:
        return {}
    return {str(city): str(name) for city, name in cities[column].items()}


def _descriptives(job: Job) -> Table:
    return descriptives(_sample(job), _variables(job), **_words(job))


def _correlations(job: Job) -> Table:
    return correlations(_sample(job), _variables(job), above="within", **_words(job))


def _definitions(job: Job) -> Table:
    """The raw columns behind the main model, as the codebook of the embedded panel has them."""
    book, raw, chosen = datasets.codebook(), set[str](), job.study.report
    for name in _variables(job):
        raw |= set().union(*raw_columns(job, name))
    columns = [name for name in book.index if name in raw]
    labels = labels_of(job, {**book[f"label_{chosen.language}"], **chosen.labels})
    return definitions(book, columns, labels, language=chosen.language)


def _variables(job: Job) -> list[str]:
    """The columns of the panel behind the outcome and the regressors of the main model."""
    data = job.results[job.main].data
    columns = dict.fromkeys([data.outcome, *(c for s in data.sources for c in sorted(s))])
    return [name for name in columns if name in job.panel.variables]


def _sample(job: Job) -> CityPanel:
    """The cities and years of the main model."""
    main = job.results[job.main]
    return main.panel.subset(years=range(main.data.years[0], main.data.years[-1] + 1))


def _weights(job: Job) -> Table:
    blocks = job.panel.blocks[job.by] if job.panel.blocks else None
    return weights_table(*job.weights.values(), y=outcome(job), blocks=blocks, **_words(job))


TABLES: dict[str, Callable[[Job], Table]] = {
    "descriptives": _descriptives,
    "weights": _weights,
    "main": _main,
    "models": _models,
    "diagnostics": _diagnostics,
    "effects": _effects,
    "blocks": lambda job: _effects(job, job.x, job.by),
    "cities": lambda job: _effects(job, job.x, "city"),
    "sweep": _sweep,
    "grid": _grid,
    "correlations": _correlations,
    "definitions": _definitions,
}
