"""The job of a study file: panel, weights, fits, and a folder of tables and figures.

The folder is complete or absent: everything is written beside it and renamed at the end.
Two runs of the same study give the same bytes, the time in the manifest aside.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.writing import make_folder
from spatialsyn.errors import ConfigError, SpatialsynError, named
from spatialsyn.fitting import fit
from spatialsyn.measures.redraw import Redrawn
from spatialsyn.models.spec import SpatialModel
from spatialsyn.results import Results
from spatialsyn.study.index_uncertainty import IndexUncertainty
from spatialsyn.study.run import Study as Specifications
from spatialsyn.study.runs import Runs, without_estimate
from spatialsyn.studyfile.columns import check_columns
from spatialsyn.studyfile.folder import check_replaceable, put_in_place
from spatialsyn.studyfile.measures import in_section, indices, tabulated
from spatialsyn.studyfile.sections import (
    FIGURES,
    ON_REQUEST,
    TABLES,
    ModelSection,
    Study,
    build_panel,
    grid_of,
    models,
    read_study,
    section_of,
    stem,
    years_of,
)
from spatialsyn.studyfile.uncertainty import redrawn, uncertain
from spatialsyn.studyfile.weights import build_weights

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Job:
    """A study with its panel, weights and fitted models, each made when first asked for.

    `engine` is what `ss.Study.run` is told: store, n_jobs, backend, scheduler.
    """

    path: Path
    study: Study
    engine: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def source(self) -> CityPanel:
        """The panel of the file, all years, with its measures."""
        return build_panel(self.study, self.path.parent)

    @cached_property
    def panel(self) -> CityPanel:
        """The panel of the study's years."""
        years = {"panel": self.source, "span": self.study.panel.years}
        made: CityPanel = in_section("panel", years_of, years)
        return made

    @cached_property
    def weights(self) -> dict[str, Any]:
        """The matrices by name; base years may lie before the study's."""
        return build_weights(self.study, self.source, self.path.parent)

    @cached_property
    def models(self) -> dict[str, SpatialModel]:
        """Every model and every point of the sweep."""
        return models(self.study)

    @cached_property
    def results(self) -> dict[str, Results]:
        """Every model and every point of the sweep, fitted."""
        return {name: self.fit(name) for name in self.models}

    def fit(self, name: str) -> Results:
        """One model by name, fitted once."""
        if name not in self.models:
            raise ConfigError(f"the study has no model {name!r}; it has {named(self.models, 40)}.")
        if name not in self.fitted:
            panel, weights = self.panel, self.weights  # which name their own sections
            place = f"[models.{name}]" if name in self.study.models else f"[sweep] {name}:"
            try:
                made = _fitted(self.models[name], section_of(self.study, name), panel, weights)
            except SpatialsynError as error:
                raise type(error)(f"{place} {error}") from error
            self.fitted[name] = made
        return self.fitted[name]

    @cached_property
    def grid(self) -> Specifications | None:
        """The study of [grid], checked and not yet run."""
        if self.study.grid is None:
            return None
        section = self.study.models[self.study.grid.of]
        panel = years_of(self.panel, section.years)
        parts = [panel, self.weights, grid_of(self.study), section.cov]
        made: Specifications = in_section("grid", Specifications, {}, parts)
        return made

    @cached_property
    def runs(self) -> Runs:
        """What [grid] found; estimated models are read from the store."""
        if self.grid is None:
            raise ConfigError("the study has no [grid].")
        return self.grid.run(**self.engine)

    @cached_property
    def redrawn(self) -> dict[str, Redrawn]:
        """The indices of [index_uncertainty], drawn anew; nothing is estimated with them yet."""
        section = self.study.index_uncertainty
        if section is None:
            return {}
        made = indices(self.source, self.study.measures, section.names, self.path.parent)
        return redrawn(section, made)

    @cached_property
    def uncertainty(self) -> IndexUncertainty | None:
        """What [index_uncertainty] found; None without it."""
        section = self.study.index_uncertainty
        if section is None:
            return None
        base, model = self.study.models[section.of], self.models[section.of]
        engine = {key: value for key, value in self.engine.items() if key != "store"}
        how = {"rescale": section.rescale, "cov": base.cov, **engine}
        panel = years_of(self.panel, base.years)
        return uncertain(model, panel, self.weights, {"indices": self.redrawn, **how})

    @cached_property
    def fitted(self) -> dict[str, Results]:
        """The models fitted so far."""
        return {}

    @cached_property
    def measures(self) -> dict[str, pd.DataFrame]:
        """The measures that are tables, by name, on the full sample."""
        return tabulated(self.source, self.study.measures, self.path.parent)

    @property
    def tables(self) -> list[str]:
        """The tables asked for; by default those that this study can fill."""
        return self._asked("tables", self.study.report.tables, TABLES)

    @property
    def figures(self) -> list[str]:
        """The figures asked for; by default those that this study can draw."""
        return self._asked("figures", self.study.report.figures, FIGURES)

    def _asked(self, kind: str, listed: list[str] | None, known: tuple[str, ...]) -> list[str]:
        lacking = self._lacking(kind)
        if listed is None:
            return [n for n in known if not lacking.get(n) and n not in ON_REQUEST]
        for name in listed:
            if lacking.get(name):
                raise ConfigError(f'[report] {kind} has "{name}", which needs {lacking[name]}.')
        return listed

    def _lacking(self, kind: str) -> dict[str, str | None]:
        """What each table or figure would need that the study does not have."""
        blocks = None if self.panel.blocks else "a grouping: blocks = [...] in [panel]"
        weights = None if self.weights else "weights"
        embedded = None if self.study.panel.dataset else 'a codebook: dataset = "guangdong"'
        lacking: dict[str, str | None] = {
            **dict.fromkeys(("blocks", "block_matrix"), blocks),
            **dict.fromkeys(("weights", "autocorrelation", "spectra"), weights),
            "sweep": None if self.study.sweep else "a [sweep]",
            **dict.fromkeys(("grid", "specifications"), None if self.study.grid else "a [grid]"),
            "definitions": embedded,
        }
        if kind == "figures":
            from spatialsyn.studyfile.figures import crowded

            maps = None if self.panel.cities is not None else "polygons: boundaries in [panel]"
            lacking |= dict.fromkeys(("emitted", "received", "emitted_received"), maps)
            lacking |= {"weights": weights or maps, "study_area": maps or blocks}
            lacking["flows"] = maps or blocks or crowded(self.panel.blocks[self.by])
        if not self.results[self.main].regressors:
            lacking |= dict.fromkeys(
                ("effects", "blocks", "cities", "emitted", "received", "emitted_received", "grid",
                 "specifications", "block_matrix", "flows", "correlations"),
                "regressors",
            )  # fmt: skip
        return lacking

    def check(self) -> None:
        """Fit everything; what cannot be made is refused here."""
        from spatialsyn.studyfile.labels import check_labels

        check_labels(self)
        _ = self.measures, self.grid
        x = self.x if self.results[self.main].regressors else None
        base = self.study.grid.of if self.study.grid else None
        if x is not None and base is not None and x not in self.fit(base).regressors:
            raise ConfigError(
                f"[report] x = {x!r} is not in [grid] of = {base!r}; it has "
                f"{named(self.fit(base).regressors)}."
            )
        _ = self.by if "blocks" in self.tables else None, self.figures

    def check_columns(self) -> None:
        """Refuse names of columns and groupings that the panel does not have; nothing is fitted."""
        check_columns(self.study, self.source)
        _ = self.weights, self.measures, self.redrawn  # each looks up its own

    def check_fonts(self) -> None:
        """Refuse figures with Chinese text that no installed font can print."""
        if self.study.report.figures != []:
            from spatialsyn.studyfile.labels import check_fonts

            check_fonts(self)

    @property
    def main(self) -> str:
        """The model that the report is about: `main`, or the first one."""
        return self.study.report.main or next(iter(self.study.models))

    @property
    def x(self) -> str:
        """The regressor that maps and block effects are about: `x`, or the first one."""
        names = self.fit(self.main).regressors
        x = self.study.report.x or next(iter(names), "")
        if x not in names:
            raise ConfigError(f"[report] x = {x!r} is not in {self.main}; it has {named(names)}.")
        return x

    @property
    def by(self) -> str:
        """The grouping of block effects: `by`, or the panel's first one."""
        by = self.study.report.by or next(iter(self.panel.blocks), "")
        if by not in self.panel.blocks:
            groups = named(self.panel.blocks) or "none"
            raise ConfigError(f"[report] by = {by!r} is not a grouping; the panel has {groups}.")
        return by


def _fitted(
    model: SpatialModel, section: ModelSection, panel: CityPanel, weights: Mapping[str, Any]
) -> Results:
    """`model` with the years, the covariance and the missing cells of its section."""
    return fit(model, years_of(panel, section.years), weights, section.cov, section.missing)


def open_job(path: str | Path, engine: Mapping[str, Any] | None = None) -> Job:
    """Read and check a study file; nothing is computed yet."""
    return Job(Path(path), read_study(path), engine or {})


def run(
    path: str | Path,
    out: str | Path | None = None,
    say: Say = print,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> Path:
    """Do everything a study file asks for and return the folder of results.

    Parameters
    ----------
    out : folder, optional
        ``results/<name of the study>`` by default. A folder that an earlier run wrote is
        replaced if nothing in it was changed since; any other folder is refused.
    say : called with one line per step
    n_jobs, backend, scheduler : for the models of [grid], see `ss.Study.run`
        Their results are kept beside `out`, in ``<out>_grid``, one file each: a run that was
        stopped goes on where it was.

    Raises
    ------
    SpatialsynError
        Whatever the panel, the weights, the models or the folder refuse.
    """
    folder = Path(out) if out is not None else Path("results") / Path(path).stem
    if not folder.name:
        raise ConfigError(
            f"--out {str(folder)!r}: results fill a folder of their own, which the next run "
            "replaces. Name one that does not exist, such as --out results."
        )
    store = folder.with_name(f"{folder.name}_grid")
    engine = {"store": store, "n_jobs": n_jobs, "backend": backend, "scheduler": scheduler}
    job = open_job(path, engine)
    job.check_fonts()
    check_replaceable(folder)
    job.check_columns()
    make_folder(folder.parent)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(job, beside, say)
        put_in_place(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    for line in without_estimate(job.runs) if job.grid is not None else ():
        say(line)
    return folder


def _write(job: Job, folder: Path, say: Say) -> None:
    from spatialsyn.studyfile.manifest import write_manifest
    from spatialsyn.studyfile.output import write_figures, write_page, write_tables

    say(f"panel      {job.panel!r}")
    say(f"weights    {', '.join(job.weights) or 'none'}")
    say(f"models     {len(job.models)} to fit")
    for name in job.models:
        made = job.fit(name)
        found = f"log-likelihood {made.loglik:.3f}"
        how = found if made.model.estimator == "qml" else made.model.estimator
        say(f"           {name}: {how}")
    job.check()
    if job.grid is not None:
        say(f"grid       {len(job.grid.models)} models, results in {job.engine['store']}")
        for line in grid_of(job.study).said():
            say(f"           {line}")
        say(f"           {job.runs!r}")
    if job.uncertainty is not None:
        said = "; ".join(f"{name}: {how}" for name, how in job.uncertainty.indices.items())
        say(f"indices    {said}")
    _write_results(job, folder / "results")
    say(f"tables     {', '.join(job.tables)}")
    tables = write_tables(job, folder / "tables")
    say(f"figures    {', '.join(job.figures)}")
    figures = write_figures(job, folder / "figures")
    say("page       report.html")
    write_page(job, tables, figures, folder / "report.html")
    shutil.copyfile(job.path, folder / "study.toml")
    write_manifest(job, folder)


def _write_results(job: Job, folder: Path) -> None:
    """Tidy csv per model: parameters, fit and effects, at full precision."""
    folder.mkdir()
    for name, results in job.results.items():
        results.tidy().to_csv(folder / f"{stem(name)}_parameters.csv", index=False)
        results.glance().to_csv(folder / f"{stem(name)}_fit.csv", index=False)
        if results.regressors:
            results.effects().table.to_csv(folder / f"{stem(name)}_effects.csv", index=False)
    if job.grid is not None:
        job.runs.table.to_csv(folder / "grid_models.csv")
        job.runs.parameters.to_csv(folder / "grid_parameters.csv", index=False)
        if job.results[job.main].regressors:
            job.runs.effects().to_csv(folder / "grid_effects.csv", index=False)
    if job.uncertainty is not None:
        job.uncertainty.table.to_csv(folder / "index_effects.csv", index=False)
        job.uncertainty.parameters.to_csv(folder / "index_parameters.csv", index=False)
    for name, table in job.measures.items():
        table.to_csv(folder / f"measure_{stem(name)}.csv")
    job.panel.audit().to_csv(folder / "panel_audit.csv", index=False)
    job.panel.frame.to_csv(folder / "panel.csv")
