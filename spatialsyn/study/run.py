"""The noun `Study`: many specifications on one panel, with one spectrum for each matrix.

A study can be stopped and run again: what is in its store is not estimated a second time.
A model that cannot be estimated is a row with the reason, like any other.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.request import average_columns
from spatialsyn.errors import ModelError, PanelError, SpatialsynError, WeightsError, expect, named
from spatialsyn.fitting import estimated_on
from spatialsyn.models.design import align
from spatialsyn.models.formula import Regressors, evaluate, parse
from spatialsyn.models.gaps import EVERYTHING, Sample
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.traces import EXACT
from spatialsyn.results import Results
from spatialsyn.study import store as files
from spatialsyn.study.engine import each
from spatialsyn.study.grid import MODEL, Specification
from spatialsyn.study.runs import Runs
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

# Models and cities from which on a matrix's eigenvectors save time, and where they cost too much.
MANY, FROM = 8, 50
# Refusals that would come again: they are results, and stored.
REFUSALS = (SpatialsynError, np.linalg.LinAlgError)


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Many models on one panel.

    Attributes
    ----------
    weights : one Weights, a list or a mapping, with every matrix that a model names
    models : name -> specification or model; `ss.grid` makes them
    cov : covariance of all of them, see `ss.fit`
    by : a grouping of the panel: effects between its blocks instead of averages

    Raises
    ------
    ModelError, PanelError, AlignmentError
        No models, years or groupings that the panel does not have, matrices that are missing.
    """

    panel: CityPanel
    weights: Any
    models: Mapping[str, Any]
    cov: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        expect(self.panel, CityPanel, "a study needs a panel: ss.CityPanel(...)", PanelError)
        what = "models come by name: ss.grid(...), or {'main': ss.sdm(...)}"
        expect(self.models, Mapping, what, ModelError)
        if not self.models:
            raise ModelError("a study needs one model at least; this one has none.")
        made = {str(name): _specification(model) for name, model in self.models.items()}
        object.__setattr__(self, "models", made)
        self._check_panel()
        needed = dict.fromkeys(w for spec in made.values() for w in spec.model.weights_names)
        aligned = align(self.weights, tuple(needed), self.panel)
        shared = {name: _shared(w, len(made)) for name, w in aligned.items()}
        object.__setattr__(self, "weights", shared)

    def _check_panel(self) -> None:
        years = dict.fromkeys(y for spec in self.models.values() for y in spec.drop_years)
        foreign = [year for year in years if year not in self.panel.years]
        if foreign:
            raise PanelError(
                f"drop_years names {named(foreign)}; the panel has the years "
                f"{self.panel.years[0]}-{self.panel.years[-1]}."
            )
        if self.by is not None and self.by not in self.panel.blocks:
            raise ModelError(
                f"by={self.by!r} is not a grouping of the panel; it has "
                f"{named(self.panel.blocks) or 'none'}."
            )

    @cached_property
    def keys(self) -> dict[str, str]:
        """The fingerprint of every model's result, by name."""
        panel = files.panel_hash(self.panel)
        return {
            name: files.key_of(
                {
                    "model": repr(spec.model), "drop_years": spec.drop_years, "cov": self.cov,
                    "by": self.by, "panel": panel,
                    "weights": files.weights_hash(self.weights, spec.model.weights_names),
                }
            )
            for name, spec in self.models.items()
        }  # fmt: skip

    def run(
        self,
        store: str | os.PathLike[str] | None = None,
        n_jobs: int = 1,
        backend: str = "joblib",
        scheduler: str | None = None,
    ) -> Runs:
        """Estimate what the store does not hold yet, and return everything.

        Parameters
        ----------
        store : folder of results, made where it does not exist; None keeps them in memory
        n_jobs : processes; -1 for all cores. The numbers do not depend on it
        backend : "joblib" | "dask"
            Processes of this machine, or a Dask cluster (extra `cluster`). A script that
            starts a local one needs ``if __name__ == "__main__":``, as Dask says.
        scheduler : address of a running cluster, ``"tcp://host:8786"``; a local one without

        Raises
        ------
        StoreError
            The store cannot be read or written. What it holds stays.
        ConfigError
            A backend that does not exist or is not installed, a wrong number of jobs.
        """
        folder = None if store is None else files.opened(store)
        records = {} if folder is None else _stored(folder, self.keys)
        todo = {key: name for name, key in self._ordered() if key not in records}
        if todo and folder is not None:
            files.check_writable(folder)
        if todo:
            self._warm()
        specs = [self.models[name] for name in todo.values()]
        call = partial(record_of, self.panel, self.weights, self.cov, self.by)
        done, keys = len(records), list(todo)
        with closing(each(call, specs, n_jobs, backend, scheduler)) as found:
            for i, record in tqdm(
                found, total=done + len(keys), initial=done, desc="models", unit="model",
                delay=2, leave=False,
            ):  # fmt: skip
                known = _failure(record, "failed") if isinstance(record, Exception) else record
                records[keys[i]] = known
                if folder is not None and known["status"] != "failed":
                    files.write(folder, keys[i], known)
        return Runs(self.models, {name: records[key] for name, key in self.keys.items()})

    def _ordered(self) -> list[tuple[str, str]]:
        """Names and keys, models of one formula side by side: it is evaluated once for them."""
        return sorted(self.keys.items(), key=lambda pair: self.models[pair[0]].model.formula)

    def _warm(self) -> None:
        """Find the spectra once, here; workers get them with the matrices."""
        for spec in self.models.values():
            given = spec.model.roles
            lags = [*(given.wy if len(given.wy) == 1 else ()), *([given.wu] if given.wu else ())]
            for name in lags if not spec.model.exponential else ():
                with suppress(WeightsError):  # each model that needs it says so itself
                    self.weights[name].logdet_over(self.panel.years)

    def __repr__(self) -> str:
        return f"Study of {len(self.models)} models on {self.panel!r}"


def _specification(model: Any) -> Specification:
    expect(model, (SpatialModel, Specification), MODEL, ModelError)
    return model if isinstance(model, Specification) else Specification(model)


def _shared(w: Links, models: int) -> Links:
    """`w` with the eigenvectors that many models of one matrix share, where they save time."""
    if not isinstance(w, Weights) or w.determinant != "auto" or models < MANY:
        return w
    return w.with_logdet("eigenvectors") if FROM <= w.n <= EXACT else w


def _stored(folder: Path, keys: Mapping[str, str]) -> dict[str, files.Record]:
    """The results that are there, by key."""
    found = {key: files.read(folder, key) for key in keys.values()}
    return {key: record for key, record in found.items() if record is not None}


def record_of(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: str | None,
    by: str | None,
    spec: Specification,
) -> files.Record:
    """What is kept of one model: its numbers, or why there are none."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            record = described(fitted(panel, weights, cov, spec), by)
        except REFUSALS as error:
            record = _failure(error, "refused")
        except Exception as error:  # a study does not die of one model
            record = _failure(error, "failed")
    told = dict.fromkeys(str(w.message) for w in said if issubclass(w.category, UserWarning))
    return {"equation": str(spec), **record, "warnings": list(told)}


def fitted(
    panel: CityPanel, weights: Mapping[str, Links], cov: str | None, spec: Specification
) -> Results:
    """The model on the years it keeps; `weights` are aligned with the panel."""
    model = spec.model
    chosen = {name: weights[name] for name in model.weights_names}
    return estimated_on(model, panel, chosen, sample_of(panel, spec), cov, evaluated)


@lru_cache(maxsize=4)
def evaluated(
    formula: str, panel: CityPanel, intercept: bool, dynamic: bool, holes: bool
) -> Regressors:
    """A formula on the panel, remembered for the models that differ in something else."""
    made = evaluate(formula, panel, intercept, dynamic, holes)
    for values in (made.y, made.X):
        values.setflags(write=False)
    return made


def sample_of(panel: CityPanel, spec: Specification) -> Sample:
    """The years that are kept: those that the lags of the formula leave, less the dropped ones."""
    if not spec.drop_years:
        return EVERYTHING
    model = spec.model
    lost = parse(model.formula).years_lost + model.dynamic
    if model.instruments:
        outside = f"{model.formula.split('~')[0]} ~ {' + '.join(model.instruments)}"
        lost = max(lost, parse(outside).years_lost)
    kept = tuple(year for year in panel.years[lost:] if year not in spec.drop_years)
    if not kept:
        raise ModelError(f"drop_years leaves no year of {named(panel.years[lost:], 40)}.")
    if model.dynamic and kept[-1] - kept[0] >= len(kept):
        raise ModelError(
            f"a lag in time needs years that follow each other; drop_years leaves {named(kept, 40)}"
            ". Drop years at either end, or use a model without lag_y and lag_wy."
        )
    return Sample(years=kept)


def described(results: Results, by: str | None) -> files.Record:
    """The numbers of a fit as plain columns."""
    effects, note = _effects(results, by) if results.regressors else ({}, "")
    fit = {
        "cities": results.panel.n, "years": len(results.data.years),
        "first": results.data.years[0], "last": results.data.years[-1],
        **{name: getattr(results, name) for name in ("nobs", "loglik", "aic", "bic", "sigma2")},
    }  # fmt: skip
    return {
        "status": "estimated",
        "message": "",
        "fit": fit,
        "parameters": {
            "term": list(results.estimate.names),
            "estimate": results.estimate.params.tolist(),
            "se": results.se.tolist(),
        },
        "effects": effects,
        "note": note,
    }


def _effects(results: Results, by: str | None) -> tuple[dict[str, list[Any]], str]:
    """The columns of their table, with the term that each regressor belongs to, and the note."""
    if by is None:
        found, note = average_columns(results.design, results.estimate, results.regressors)
    else:
        made = results.effects(by=by)
        found, note = {str(name): values for name, values in made.table.items()}, made.note
    term = dict(zip(results.data.names, results.data.terms, strict=True))
    effects = {name: np.asarray(values).tolist() for name, values in found.items()}
    return effects | {"term": [term[x] for x in effects["x"]]}, note


def _failure(error: BaseException, status: str) -> files.Record:
    kind = "" if isinstance(error, SpatialsynError) else f"{type(error).__name__}: "
    return {"status": status, "message": f"{kind}{error}", "fit": {}, "parameters": {},
            "effects": {}, "note": ""}  # fmt: skip
