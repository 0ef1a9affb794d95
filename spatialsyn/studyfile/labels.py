"""The labels of a study file, checked once against all that it prints, and fonts for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from spatialsyn.errors import ConfigError, named
from spatialsyn.models.syntax import parse
from spatialsyn.report.labels import Checked, names_of, terms_of
from spatialsyn.report.tables.recipes import BLOCKS
from spatialsyn.report.theme import NEEDS_CJK, require_cjk

if TYPE_CHECKING:
    from spatialsyn.studyfile.job import Job

# Figures of blocks.
BY_BLOCK = {"study_area", "flows", "blocks", "block_matrix"}


def labels_of(job: Job, more: Mapping[str, str] | None = None) -> Checked:
    """The labels of the study, and `more`, for any of its tables and figures."""
    return Checked({**job.study.report.labels, **(more or {})})


def check_labels(job: Job) -> None:
    """Refuse labels that match nothing in the whole study."""
    labels = job.study.report.labels
    known = list(dict.fromkeys(map(str, _names(job)))) if labels else []
    strange = [name for name in labels if name not in known]
    if strange:
        raise ConfigError(
            f"[report.labels] names {named(strange)}, which nothing in this study is called. "
            f"Labels go by names as they stand in the data and in formulas: {named(known, 60)}."
        )


def check_fonts(job: Job) -> None:
    """Refuse Chinese text that figures print where no installed font has its glyphs."""
    study, labels = job.study, job.study.report.labels
    if study.report.language == "zh":
        require_cjk('[report] language = "zh"')
    for name, label in labels.items():
        if NEEDS_CJK.search(label):
            require_cjk(f"[report.labels] {name} = {label!r}")
    for section, model in study.models.items():
        parsed = parse(model.formula)
        for term in map(str, (parsed.outcome, *parsed.terms)):
            if term not in labels and NEEDS_CJK.search(term):
                require_cjk(f"{term!r} in [models.{section}], without a label in [report.labels],")
    for name in _drawn_blocks(job):
        if NEEDS_CJK.search(name):
            require_cjk(f"{name!r}, a block in the figures of [report],")


def _drawn_blocks(job: Job) -> Iterable[str]:
    """Names of blocks as figures print them."""
    report, panel = job.study.report, job.panel
    listed = set(report.figures or BY_BLOCK) & BY_BLOCK
    by = report.by or next(iter(panel.blocks), "")
    for name in dict.fromkeys(panel.blocks[by]) if listed and by in panel.blocks else ():
        yield report.labels.get(str(name), str(name))


def _names(job: Job) -> Iterable[object]:
    """Terms and matrices, axes and choices of the grid, blocks and columns, cities."""
    for fit in job.results.values():
        yield from terms_of(fit)
    yield from job.weights
    for point in job.grid.models.values() if job.grid is not None else ():
        yield from (name for choice in point.choices for name in choice)
        yield from (name for swapped in point.terms for name in swapped)
    yield from names_of(job.panel)
    yield from BLOCKS
    if job.panel.context is not None:
        yield from job.panel.context.index
