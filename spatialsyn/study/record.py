"""What is kept of the models of a study: numbers as plain columns, or why there are none."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.beside import Found, average_columns
from spatialsyn.errors import ModelError, SpatialsynError, named
from spatialsyn.fitting import estimated_on
from spatialsyn.models.data import read
from spatialsyn.models.design import Design
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.gaps import EVERYTHING, Sample
from spatialsyn.models.many import estimate_beside, joined
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.stack import alike, stacked
from spatialsyn.models.syntax import parse
from spatialsyn.models.terms import Terms
from spatialsyn.results import Results
from spatialsyn.study import store as files
from spatialsyn.study.grid import Specification
from spatialsyn.weights.series import Links

# Refusals that would come again: they are results, and stored.
REFUSALS = (SpatialsynError, np.linalg.LinAlgError)


@dataclass(frozen=True, eq=False)
class Ready:
    """A model whose formula is evaluated, and what was said on the way."""

    data: Regressors
    sample: Sample
    said: list[str]


def records_of(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: str | None,
    by: str | None,
    specs: Sequence[Specification],
) -> list[files.Record]:
    """What is kept of several models; those of one kin are estimated side by side."""
    ready = _ready(panel, cov, specs)
    designs = _designs(specs, ready, weights)
    results: list[Results | None] = [None] * len(specs)
    for i, estimate in enumerate(estimate_beside(designs)):
        made, design, model = ready[i], designs[i], specs[i].model
        if made is not None and design is not None and estimate is not None:
            chosen = {name: weights[name] for name in model.weights_names}
            results[i] = Results(
                model, panel, chosen, made.data, design, estimate, "expected", made.sample
            )
    effects = _effects_of(results) if by is None else [None] * len(specs)
    return [
        record_of(panel, weights, cov, by, spec, results[i], effects[i], made.said if made else [])
        for i, (spec, made) in enumerate(zip(specs, ready, strict=True))
    ]


def _ready(panel: CityPanel, cov: str | None, specs: Sequence[Specification]) -> list[Ready | None]:
    """The evaluated formulas; None of a model that is estimated alone, or cannot be."""
    beside = [spec if joined(spec.model, panel.n, cov) else None for spec in specs]
    found: dict[Hashable, Ready | None] = {None: None}
    keys = [None if spec is None else _read_as(spec) for spec in beside]
    for key, spec in zip(keys, beside, strict=True):
        if spec is not None and key not in found:
            found[key] = _read(panel, spec)
    return [found[key] for key in keys]


def _read_as(spec: Specification) -> Hashable:
    """What models share that read the same numbers."""
    model = spec.model
    return model.formula, model.intercept, model.regimes, spec.drop_years


def _read(panel: CityPanel, spec: Specification) -> Ready | None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            sample = sample_of(panel, spec)
            data, _ = read(spec.model, panel, sample, evaluated)
        except Exception:  # `record_of` comes upon it again, and says what it is
            return None
    return Ready(data, sample, _told(said))


def _designs(
    specs: Sequence[Specification], ready: Sequence[Ready | None], weights: Mapping[str, Links]
) -> list[Design | None]:
    """The arrays of models; those that differ in their formulas only are made together."""
    groups: dict[Hashable, list[tuple[int, SpatialModel, Regressors]]] = {}
    for i, (spec, made) in enumerate(zip(specs, ready, strict=True)):
        if made is not None:
            key = alike(spec.model), made.data.years
            groups.setdefault(key, []).append((i, spec.model, made.data))
    found: list[Design | None] = [None] * len(specs)
    for group in groups.values():
        at, models, data = zip(*group, strict=True)
        chosen = {name: weights[name] for name in models[0].weights_names}
        try:
            designs = stacked(models, data, chosen)
        except Exception:  # `record_of` comes upon it again, and says what it is
            continue
        for i, design in zip(at, designs, strict=True):
            found[i] = design
    return found


def _effects_of(results: Sequence[Results | None]) -> list[Found | None]:
    """Average effects of those that there are."""
    there = [one for one in results if one is not None]
    try:
        made = iter(average_columns([r.design for r in there], [r.estimate for r in there]))
    except Exception:  # `record_of` comes upon it again, and says what it is
        return [None] * len(results)
    return [None if one is None else next(made) for one in results]


def record_of(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: str | None,
    by: str | None,
    spec: Specification,
    results: Results | None = None,
    effects: Found | None = None,
    told: Sequence[str] = (),
) -> files.Record:
    """What is kept of one model: its numbers, or why there are none.

    Parameters
    ----------
    results, effects : where these were found beside others'
    told : what was said on the way to them
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            made = results or fitted(panel, weights, cov, spec)
            record = described(made, effects or _effects(made, by))
        except REFUSALS as error:
            record = failure(error, "refused")
        except Exception as error:  # a study does not die of one model
            record = failure(error, "failed")
    words = list(dict.fromkeys([*told, *_told(said)]))
    return {**record, "equation": str(spec), "warnings": words}


def _told(said: Sequence[warnings.WarningMessage]) -> list[str]:
    return [str(w.message) for w in said if issubclass(w.category, UserWarning)]


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
    made = evaluate(formula, panel, intercept, dynamic, holes, _known(panel))
    for values in (made.y, made.X):
        values.setflags(write=False)
    return made


def forget() -> None:
    """Let go of the panel that formulas were evaluated on."""
    evaluated.cache_clear()
    _known.cache_clear()


@lru_cache(maxsize=1)
def _known(panel: CityPanel) -> Terms:
    """Terms that formulas share."""
    return Terms(panel)


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


def described(results: Results, effects: Found) -> files.Record:
    """The numbers of a fit as plain columns."""
    found, note = effects
    V = results.estimate.cov
    assert V is not None
    se = np.sqrt(np.diag(V)) if results.design.mixture is None else results.se
    fit = {
        "cities": results.panel.n, "years": len(results.data.years),
        "first": results.data.years[0], "last": results.data.years[-1],
        **{name: getattr(results, name) for name in ("nobs", "loglik", "aic", "bic", "sigma2")},
    }  # fmt: skip
    term = dict(zip(results.data.names, results.data.terms, strict=True))
    return {
        "status": "estimated",
        "message": "",
        "fit": fit,
        "parameters": {
            "term": list(results.estimate.names),
            "estimate": results.estimate.params.tolist(),
            "se": se.tolist(),
        },
        # With the term that each regressor belongs to.
        "effects": found | {"term": [term[x] for x in found["x"]]} if found else {},
        "note": note,
    }


def _effects(results: Results, by: str | None) -> Found:
    """The columns of their table, and the note."""
    if by is None:
        return average_columns([results.design], [results.estimate])[0]
    if not results.regressors:
        return {}, ""
    made = results.effects(by=by)
    return {str(name): values.tolist() for name, values in made.table.items()}, made.note


def failure(error: BaseException, status: str) -> files.Record:
    """What is kept of a model without numbers: `status` and the reason."""
    kind = "" if isinstance(error, SpatialsynError) else f"{type(error).__name__}: "
    return {"equation": "", "status": status, "message": f"{kind}{error}", "fit": {},
            "parameters": {}, "effects": {}, "note": "", "warnings": []}  # fmt: skip
