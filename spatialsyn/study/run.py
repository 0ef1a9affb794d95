"""The noun `Study`: many specifications on one panel, with one spectrum for each matrix.

A study can be stopped and run again: what is in its store is not estimated a second time.
A model that cannot be estimated is a row with the reason, like any other.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from spatialsyn.cities.panel import CityPanel
from spatialsyn.engine.progress import progress
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, PanelError, WeightsError, expect, named
from spatialsyn.models.choice import Covariance, check_chosen
from spatialsyn.models.design import align
from spatialsyn.models.many import joined
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.stack import alike
from spatialsyn.numerics.determinants import shared
from spatialsyn.numerics.lags import FEW_CITIES
from spatialsyn.numerics.threads import threads_for
from spatialsyn.study import store as files
from spatialsyn.study.grid import MODEL, Specification
from spatialsyn.study.record import failure, forget, records_of
from spatialsyn.study.runs import Runs
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

# Models of a matrix and its cities from which on each way to take it apart saves time.
WORTH = {"eigenvectors": (4, 50), "schur": (40, 100)}
# Models handed out together, rounds for every worker, and numbers of arrays that a batch holds.
AT_ONCE, ROUNDS, ROOM = 200, 4, 5_000_000


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
        No models, two of one name, a covariance that no model has, years or groupings that the
        panel does not have, matrices that are missing.
    """

    panel: CityPanel
    weights: Any
    models: Mapping[str, Any]
    cov: Covariance = None
    by: str | None = None

    def __post_init__(self) -> None:
        expect(self.panel, CityPanel, "a study needs a panel: ss.CityPanel(...)", PanelError)
        what = "models come by name: ss.grid(...), or {'main': ss.sdm(...)}"
        expect(self.models, Mapping, what, ModelError)
        if not self.models:
            raise ModelError("a study needs one model at least; this one has none.")
        made = {str(name): _specification(model) for name, model in self.models.items()}
        if len(made) < len(self.models):
            twice = [name for name, times in Counter(map(str, self.models)).items() if times > 1]
            raise ModelError(f"models differ by name, as text; more than one is {named(twice)}.")
        object.__setattr__(self, "models", made)
        self._check_panel()
        check_chosen(self.cov, self.panel)
        if isinstance(self.cov, Mapping):  # a copy: the dictionary of a caller may change
            object.__setattr__(self, "cov", dict(self.cov))
        needed = Counter(w for spec in made.values() for w in spec.model.weights_names)
        aligned = align(self.weights, tuple(needed), self.panel)
        weights = {name: _shared(w, needed[name]) for name, w in aligned.items()}
        object.__setattr__(self, "weights", weights)

    def _check_panel(self) -> None:
        years = dict.fromkeys(y for spec in self.models.values() for y in spec.drop_years)
        foreign = [year for year in years if year not in self.panel.years]
        if foreign:
            raise PanelError(
                f"drop_years names {named(foreign)}; the panel has the years "
                f"{self.panel.years[0]}-{self.panel.years[-1]}."
            )
        if self.by is not None and self.by not in list(self.panel.blocks):
            raise ModelError(
                f"by={self.by!r} is not a grouping of the panel; it has "
                f"{named(self.panel.blocks) or 'none'}."
            )

    @cached_property
    def keys(self) -> dict[str, str]:
        """The fingerprint of every model's result, by name."""
        panel, cov = files.panel_hash(self.panel), files.cov_parts(self.cov, self.panel)
        return {
            name: files.key_of(
                {
                    "model": repr(spec.model), "drop_years": spec.drop_years, "cov": cov,
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
        engine = Engine(n_jobs, backend, scheduler)
        folder = None if store is None else files.opened(store)
        # In memory a name says as much as a fingerprint.
        key_of = {name: name for name in self.models} if folder is None else self.keys
        records = {} if folder is None else _stored(folder, key_of)
        todo = {key_of[name]: name for name in self._ordered() if key_of[name] not in records}
        if todo and folder is not None:
            files.check_writable(folder)
        if todo:
            self._warm()
        try:
            self._estimate(todo, records, folder, engine)
        finally:
            forget()
        return Runs(self.models, {name: records[key] for name, key in key_of.items()})

    def _estimate(
        self,
        todo: Mapping[str, str],
        records: dict[str, files.Record],
        folder: Path | None,
        engine: Engine,
    ) -> None:
        """Add the results of the models `todo`, names by key, to `records` and to the store."""
        batches = self._batches(todo, engine.n_jobs)
        specs = [[self.models[todo[key]] for key in keys] for keys in batches]
        call = partial(records_of, self.panel, self.weights, self.cov, self.by)
        with (
            closing(engine.each(call, specs)) as found,
            progress(len(records) + len(todo), "models", initial=len(records), unit="model") as bar,
        ):
            for i, made in found:
                keys = batches[i]
                lost = [failure(made, "failed")] * len(keys) if isinstance(made, Exception) else []
                for key, record in zip(keys, lost or made, strict=True):
                    records[key] = record
                    if folder is not None and record["status"] != "failed":
                        files.write(folder, key, record)
                    bar.update()

    def _batches(self, todo: Mapping[str, str], n_jobs: int) -> list[list[str]]:
        """Keys of small static models many at a time, of others one by one."""
        n = self.panel.n
        small = {k: joined(self.models[name].model, n, self.cov) for k, name in todo.items()}
        together = [key for key in todo if small[key]]
        workers = n_jobs if n_jobs > 0 else os.cpu_count() or 1
        # Columns and their lags; what S^-1 takes is time, and results are stored by batch.
        room = ROOM // max(8 * n * self.panel.T, n * n // 5)
        step = max(1, min(AT_ONCE, room, len(together) // (ROUNDS * workers)))
        batches = [together[i : i + step] for i in range(0, len(together), step)]
        return batches + [[key] for key in todo if not small[key]]

    def _ordered(self) -> list[str]:
        """Names, models of one sample that differ in their formulas only side by side."""
        group: dict[Hashable, int] = {}

        def place(name: str) -> tuple[tuple[int, ...], int, str]:
            spec = self.models[name]
            first = group.setdefault(alike(spec.model), len(group))
            return spec.drop_years, first, spec.model.formula

        return sorted(self.models, key=place)

    def _warm(self) -> None:
        """Find the spectra once, here; workers get them with the matrices."""
        names: dict[str, None] = {}
        for model in [spec.model for spec in self.models.values() if not spec.model.exponential]:
            given = model.roles
            names |= dict.fromkeys(given.wy if len(given.wy) == 1 else ())
            names |= dict.fromkeys([given.wu] if given.wu else ())
        with threads_for(self.panel.n):  # the bits of `fit`
            for name in names:
                with suppress(WeightsError):  # each model that needs it says so itself
                    self.weights[name].logdet_over(self.panel.years)

    def __repr__(self) -> str:
        return f"Study of {len(self.models)} models on {self.panel!r}"


def _specification(model: Any) -> Specification:
    expect(model, (SpatialModel, Specification), MODEL, ModelError)
    return model if isinstance(model, Specification) else Specification(model)


def _shared(w: Links, models: int) -> Links:
    """`w` taken apart into what many models of one matrix share, where that saves time."""
    if not isinstance(w, Weights) or w.determinant != "auto" or w.n > FEW_CITIES:
        return w
    how = shared(w.matrix)
    many, large = WORTH[how]
    return w.with_logdet(how) if models >= many and w.n >= large else w


def _stored(folder: Path, keys: Mapping[str, str]) -> dict[str, files.Record]:
    """The results that are there, by key."""
    found = {key: files.read(folder, key) for key in keys.values()}
    return {key: record for key, record in found.items() if record is not None}
