"""How much of an estimate hangs on how an index was made?

A model takes an index for what it measures. Here the index is replaced by others that could have
been made of the same measurements (`Composite.redrawn`, `Composite.sensitivity`), and the model
is estimated with each. By the law of total variance

    variance = mean of the squared standard errors + variance of the estimates over the indices

The first part is uncertainty of sampling, the second that of construction. Their sum looks like
Rubin's (1987) for imputations and is read otherwise: no index is drawn from the distribution of
a missing truth, more data do not make the second part smaller, and intervals of the sum have no
proven coverage. It is no correction for a generated regressor either (Pagan 1984, International
Economic Review 25(1); Murphy & Topel 1985, Journal of Business & Economic Statistics 3(4)), whose
weights are parameters estimated with an error that falls with the sample.

An index of fewer different indicators holds more of their noise, so the mean of the coefficients
tends to lie nearer to zero than the coefficient: attenuation, of which neither is freed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, PanelError, expect, named
from spatialsyn.measures.overlap import overlap
from spatialsyn.measures.redraw import Redrawn
from spatialsyn.measures.sensitivity import AS_IT_IS, Sensitivity
from spatialsyn.models.choice import Covariance
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import names_in, parse
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array
from spatialsyn.study.curve import ALPHA, Curve
from spatialsyn.study.grid import Specification, axis_of
from spatialsyn.study.rewrite import columns_read, reading
from spatialsyn.study.run import Study
from spatialsyn.study.runs import Runs

# The part of the estimates between `low` and `high`.
INSIDE = 0.95
CRITICAL = -ndtri(ALPHA / 2)
NUMBERS = ("estimate", "se", "low", "high", "p")
# An index and its column of the panel are the same up to what a table keeps of a number.
SAME = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class IndexUncertainty:
    """Estimates with an index as it is beside those with indices made otherwise.

    Attributes
    ----------
    table : DataFrame, one row per effect
        ``x, effect`` [``to, from``], ``estimate, se`` with the index as it is; over the others
        ``mean, sd``; ``se_total``, the root of the mean squared standard error plus sd^2, and
        ``share``, of sd^2 in it; ``low, high``, between which 95 % of the estimates lie;
        ``same_sign``, the share of them that has the sign of the estimate, and ``significant``,
        the share that has it with p < 0.05.
    parameters : DataFrame, the same of every parameter, by ``term``
    runs : every estimate, "as it is" first
    failures : index -> why it does not exist or gives no estimate
    indices : column -> what its indices are, in words
    """

    table: pd.DataFrame
    parameters: pd.DataFrame
    runs: Runs
    failures: Mapping[str, str]
    indices: Mapping[str, str]

    def curve(self, x: str, effect: str | Mapping[str, str] = "total") -> Curve:
        """One effect over all indices, in ascending order, see `ss.Runs.curve`."""
        return self.runs.curve(x, effect)

    def __repr__(self) -> str:
        shown = self.table.to_string(index=False, float_format="{:.4g}".format)
        return f"{shown}\n({self._note})"

    def _repr_html_(self) -> str:
        return as_html(self.table, f"({self._note})")

    @property
    def _note(self) -> str:
        count = len(self.runs.models) - 1 - len(self.runs.failures)
        lost = f", {len(self.failures)} without an estimate" if self.failures else ""
        how = "; ".join(f"{name}: {said}" for name, said in self.indices.items())
        return f"{how}; {count} estimates{lost}. sd is uncertainty of construction, not sampling"


def index_uncertainty(
    model: SpatialModel,
    panel: CityPanel,
    weights: Any,
    indices: Mapping[str, Redrawn | Sensitivity],
    rescale: bool = True,
    cov: Covariance = None,
    by: str | None = None,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> IndexUncertainty:
    """Estimate `model` with an index made otherwise, again and again.

    Parameters
    ----------
    indices : column of the panel -> ``va.redrawn(...)`` of the index that it holds
        Regressors, the outcome, or both; several are redrawn together, draw by draw. One
        ``va.sensitivity()`` tries its variants instead, which are no draws: sd and shares count
        each once.
    rescale : give every index the mean and the standard deviation of the index as it is, over all
        city-years, so that one unit stays as large; False where units do not matter, ``log(va)``
    cov, by : as in `ss.Study`
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Raises
    ------
    PanelError
        A column that is not the index, or that the index does not cover.
    ModelError
        Indices that the model does not read, draws that differ in number, no estimate at all.
    """
    expect(model, SpatialModel, "index_uncertainty needs a model such as ss.sdm(...)", ModelError)
    expect(panel, CityPanel, "index_uncertainty needs a panel: ss.CityPanel(...)", PanelError)
    scores = _scores(model, panel, indices)
    _warn_of_overlap(model, indices)
    if rescale:
        scores = {name: _rescaled(made) for name, made in scores.items()}
    here = {name: made.reindex(panel.frame.index) for name, made in scores.items()}
    drawn, models = _with_drawn(model, panel, here, indices)
    study = Study(drawn, weights, models, cov, by)
    runs = study.run(n_jobs=n_jobs, backend=backend, scheduler=scheduler)
    return _summarised(runs, indices)


def _scores(
    model: SpatialModel, panel: CityPanel, indices: Mapping[str, Redrawn | Sensitivity]
) -> dict[str, pd.DataFrame]:
    """The indices of every column, checked against model and panel."""
    what = 'indices are given by column: {"va": va.redrawn("indicators")}'
    expect(indices, Mapping, what, ModelError)
    for name, made in indices.items():
        expect(made, (Redrawn, Sensitivity), f"{name!r}: {what}, or va.sensitivity()", ModelError)
    read = columns_read(model)
    idle = [name for name in indices if name not in read]
    if idle or not indices:
        raise ModelError(
            f"the model reads {named(sorted(read), 40)}; of these columns indices can be redrawn, "
            f"not {named(idle) or 'none at all'}."
        )
    if len(indices) > 1 and any(isinstance(made, Sensitivity) for made in indices.values()):
        raise ModelError(
            "the variants of sensitivity() are tried for one index at a time: call "
            "index_uncertainty once for each, or redraw both."
        )
    counts = {name: _count(made) for name, made in indices.items()}
    if len(set(counts.values())) > 1:
        raise ModelError(f"indices are redrawn together: draws={counts} must be the same number.")
    for name, made in indices.items():
        _check_holds(panel, name, made.scores)
    return {name: made.scores for name, made in indices.items()}


def _count(made: Redrawn | Sensitivity) -> int:
    failed = made.failures if isinstance(made, Redrawn) else ()
    return made.scores.shape[1] - 1 + len(failed)


def _check_holds(panel: CityPanel, name: str, scores: pd.DataFrame) -> None:
    """Refuse a column of the panel that is not the index as it is."""
    index = panel.frame.index
    absent = index.difference(scores.index)
    if len(absent):
        raise PanelError(
            f"the index for {name!r} lacks {len(absent)} city-years of the panel, "
            f"{named(absent)}: make it on the full panel, and take subsets afterwards."
        )
    own, held = scores[AS_IT_IS].reindex(index).to_numpy(), panel.array(name).ravel()
    if not np.allclose(own, held, rtol=SAME, atol=SAME * np.nanstd(own), equal_nan=True):
        raise PanelError(
            f"the column {name!r} of the panel is not the index that was redrawn: assign it, "
            f"panel.assign({name}=index.score), or name the column that holds the index."
        )


def _warn_of_overlap(model: SpatialModel, indices: Mapping[str, Redrawn | Sensitivity]) -> None:
    """Warn where outcome and regressor count the same indicators."""
    outcome = names_in(parse(model.formula).outcome)
    given = {name: made.index for name, made in indices.items() if isinstance(made, Redrawn)}
    for a, b in combinations(given, 2):
        y, x = (a, b) if a in outcome else (b, a)
        if y in outcome and x not in outcome:
            overlap(given[y], given[x])


def _with_drawn(
    model: SpatialModel,
    panel: CityPanel,
    scores: Mapping[str, pd.DataFrame],
    indices: Mapping[str, Redrawn | Sensitivity],
) -> tuple[CityPanel, dict[str, Specification]]:
    """The panel with a column for every index, and the models that read them."""
    columns: dict[str, pd.Series] = {}
    models = {AS_IT_IS: Specification(model, choices=_choices(indices, AS_IT_IS))}
    first, *others = scores.values()
    common = [str(draw) for draw in first if all(draw in made for made in others)]
    for i, draw in enumerate(common[1:], start=1):  # before them the index as it is
        names = {name: f"{name}_redrawn_{i}" for name in scores}
        columns |= {names[name]: made[draw] for name, made in scores.items()}
        read, terms = reading(model, names)
        models[draw] = Specification(read, (), _choices(indices, draw), tuple(terms.items()))
    taken = [name for name in columns if name in panel.columns]
    if taken:
        raise PanelError(
            f"the panel has columns {named(taken)}, which redrawn indices need: rename them."
        )
    return panel.assign(**columns), models


def _rescaled(scores: pd.DataFrame) -> pd.DataFrame:
    """Every index with the mean and the standard deviation of the first."""
    mean, spread = scores.mean(), scores.std()
    factor = (spread[AS_IT_IS] / spread.where(spread > 0)).fillna(1.0)  # a constant stays one
    return mean[AS_IT_IS] + (scores - mean) * factor


def _choices(
    indices: Mapping[str, Redrawn | Sensitivity], draw: str
) -> tuple[tuple[str, str], ...]:
    """What a curve tells apart: variants, and not draws."""
    tried = [name for name, made in indices.items() if isinstance(made, Sensitivity)]
    return tuple((axis_of(name), draw) for name in tried)


def _summarised(runs: Runs, indices: Mapping[str, Redrawn | Sensitivity]) -> IndexUncertainty:
    own = runs.records[AS_IT_IS]
    if own["status"] != "estimated":
        raise ModelError(f"there is no estimate with the index as it is: {own['message']}")
    made = [r for name, r in runs.records.items() if name != AS_IT_IS and r["parameters"]]
    if not made:
        raise ModelError(f"no other index gives an estimate: {runs.failures.iloc[0]}")
    failures: dict[str, str] = {}
    for given in indices.values():
        failures |= given.failures if isinstance(given, Redrawn) else _undefined(given)
    failures |= dict(runs.failures)
    effects = _spread(own["effects"], [record["effects"] for record in made])
    parameters = _spread(own["parameters"], [record["parameters"] for record in made])
    said = {name: _said(given) for name, given in indices.items()}
    return IndexUncertainty(effects, parameters, runs, failures, said)


def _said(made: Redrawn | Sensitivity) -> str:
    if isinstance(made, Sensitivity):
        return f"{_count(made)} variants"
    return f"{made.redraw} drawn anew, {_count(made)} draws, seed {made.seed}"


def _undefined(made: Sensitivity) -> dict[str, str]:
    """The variants that do not exist, and why."""
    lost = made.table[made.table["note"] != ""]
    return {f"{row['part']}: {row['variant']}": row["note"] for row in lost.to_dict("records")}


def _spread(own: Mapping[str, Any], others: list[Mapping[str, Any]]) -> pd.DataFrame:
    """Numbers of a model beside those of others that differ in the names of columns only."""
    if not own:
        return pd.DataFrame()
    table = pd.DataFrame(own)
    keys = [name for name in table if name not in NUMBERS and (name != "term" or "x" not in table)]
    value, se = (np.array([made[name] for made in others]) for name in ("estimate", "se"))
    return pd.concat(
        [table[[*keys, "estimate", "se"]], _over(table["estimate"], value, se)], axis=1
    )


def _over(own: pd.Series, value: Array, se: Array) -> pd.DataFrame:
    """What (draws, rows) estimates and their standard errors say of each row."""
    sampling, construction = (se**2).mean(axis=0), value.var(axis=0, ddof=1)
    total = sampling + construction
    share = np.divide(construction, total, out=np.full_like(total, np.nan), where=total > 0)
    low, high = np.quantile(value, [(1 - INSIDE) / 2, (1 + INSIDE) / 2], axis=0)
    same = np.sign(value) == np.sign(own.to_numpy())
    return pd.DataFrame(
        {
            "mean": value.mean(axis=0), "sd": np.sqrt(construction), "se_total": np.sqrt(total),
            "share": share, "low": low, "high": high, "same_sign": same.mean(axis=0),
            "significant": (same & (np.abs(value) > CRITICAL * se)).mean(axis=0),
        }
    )  # fmt: skip
