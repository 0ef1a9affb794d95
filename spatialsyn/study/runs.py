"""The noun `Runs`: what a study found, model by model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spatialsyn.errors import ModelError, expect, named, near
from spatialsyn.study.curve import Curve, curve
from spatialsyn.study.grid import Specification

# Whole numbers, which a model without an estimate does not have.
COUNTS = ("cities", "years", "first", "last", "nobs")
# Reasons for models without an estimate that a run tells; the table of models has them all.
TOLD = 5


@dataclass(frozen=True, eq=False, repr=False)
class Runs:
    """A result, or the reason why there is none, for every model of a study.

    Iterating gives the names, as of a grid; ``runs[name]`` is what was found of that model alone.

    Attributes
    ----------
    models : name -> specification
    records : name -> what is known of it, as it is stored
    """

    models: Mapping[str, Specification]
    records: Mapping[str, Mapping[str, Any]]

    @property
    def table(self) -> pd.DataFrame:
        """One row per model: what was chosen, whether it was estimated, and how it fits."""
        rows = []
        for name, record in self.records.items():
            told = " ".join(filter(None, [record["message"], *record["warnings"]]))
            said = {"status": record["status"], **record["fit"], "message": told}
            rows.append({"model": name, **dict(self.models[name].choices), **said})
        table = pd.DataFrame(rows).set_index("model")
        counts = [name for name in COUNTS if name in table]
        return table.astype(dict.fromkeys(counts, "Int64"))

    @property
    def failures(self) -> pd.Series:
        """Why models were not estimated, by name; those that failed are tried again by a run."""
        refused = {n: r["message"] for n, r in self.records.items() if r["status"] != "estimated"}
        return pd.Series(refused, dtype=object, name="message").rename_axis("model")

    @property
    def reasons(self) -> pd.Series:
        """How many models were not estimated for each reason, the most frequent first."""
        counts = Counter(self.failures)
        made = pd.Series(dict(counts.most_common()), dtype="int64", name="models")
        return made.rename_axis("message")

    @property
    def parameters(self) -> pd.DataFrame:
        """Every parameter of every model: model, term, estimate, se."""
        return self._stacked("parameters")

    def effects(self, x: str | None = None) -> pd.DataFrame:
        """Effects over all models, tidy.

        Parameters
        ----------
        x : a term of the first model, whatever stands in its place, or a regressor; all of
            them by default

        Returns
        -------
        DataFrame
            ``model``, a column per axis of the grid, ``x`` (the term of the first model),
            ``regressor`` (what it is in this model), ``effect`` [``to, from``], ``estimate,
            se, low, high, p``.

        Raises
        ------
        ModelError
            No model was estimated, or none has `x`.
        """
        found = self._stacked("effects")
        if found.empty:
            raise ModelError(f"no model has effects. {_why(self.failures)}")
        first = [dict(self.models[m].terms) for m in found["model"]]
        terms = found.pop("term")
        stands_for = [now.get(term, term) for now, term in zip(first, terms, strict=True)]
        found.insert(1, "regressor", found.pop("x"))
        found.insert(1, "x", stands_for)
        for axis in reversed(self._axes):
            chosen = [dict(self.models[m].choices).get(axis, "") for m in found["model"]]
            found.insert(1, axis, chosen)
        if x is None:
            return found
        expect(x, str, f"x is one of {named(found['x'].unique(), 40)}", ModelError)
        mine = found[(found["x"] == x) | (found["regressor"] == x)].reset_index(drop=True)
        if mine.empty:
            raise ModelError(
                f"no model has effects of {x!r}; there are {named(found['x'].unique(), 40)}."
            )
        return mine

    def curve(self, x: str, effect: str | Mapping[str, str] = "total") -> Curve:
        """The specification curve of one effect of x: every model's, in ascending order.

        Parameters
        ----------
        effect : "direct" | "indirect" | "total", or a selection of rows
            ``{"effect": "indirect", "to": "periphery", "from": "GBA"}``

        Raises
        ------
        ModelError
            An effect that there is not, or several of them per model.
        """
        what = "effect is 'total', 'direct', 'indirect', or {'effect': ..., 'to': ..., 'from': ...}"
        expect(effect, (str, Mapping), what, ModelError)
        chosen = {"effect": effect} if isinstance(effect, str) else dict(effect)
        return curve(self.effects(x), x, chosen, self._axes, dict(self.failures))

    @property
    def _axes(self) -> list[str]:
        """The axes of the grid, in their order."""
        return list(dict.fromkeys(a for spec in self.models.values() for a, _ in spec.choices))

    def _stacked(self, part: str) -> pd.DataFrame:
        tables = []
        for name, record in self.records.items():
            if record[part]:
                made = pd.DataFrame(record[part])
                made.insert(0, "model", name)
                tables.append(made)
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def __getitem__(self, name: str) -> Runs:
        """What was found of one model: its `table`, `parameters`, `effects`, `failures`.

        The model itself is in `models`, and ``ss.fit(runs.models[name].model, ...)`` fits it.
        """
        if name not in list(self):
            raise ModelError(
                f"there is no model {name!r} here{near(name, self)}; there are {named(self, 40)}."
            )
        return Runs({name: self.models[name]}, {name: self.records[name]})

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        lost = len(self.failures)
        without = f", {lost} not: see .failures" if lost else ""
        models = f"{len(self)} model{'s' * (len(self) != 1)}"
        return f"Runs: {models}, {len(self) - lost} estimated{without}"


def without_estimate(runs: Runs) -> list[str]:
    """How many models of a grid have no estimate, why, and where to look, line by line."""
    lost, reasons = len(runs.failures), runs.reasons
    if not lost:
        return []
    lines = [f"{lost} of {len(runs)} models of [grid] were not estimated:"]
    lines += [f"  {count} x {reason}" for reason, count in reasons.iloc[:TOLD].items()]
    if len(reasons) > TOLD:
        lines.append(f"  {reasons.iloc[TOLD:].sum()} x {len(reasons) - TOLD} other reasons")
    return [*lines, "Which ones, and why: status and message in results/grid_models.csv"]


def _why(failures: pd.Series) -> str:
    if failures.empty:
        return "The models have no regressors."
    return f"{failures.index[0]}: {failures.iloc[0]}"
