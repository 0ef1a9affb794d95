"""What is kept of the models of a study: numbers as plain columns, or why there are none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.request import average_columns
from spatialsyn.errors import ModelError, SpatialsynError, named
from spatialsyn.fitting import designed, estimated_on
from spatialsyn.models.design import Design
from spatialsyn.models.formula import Known, Regressors, evaluate, learn
from spatialsyn.models.gaps import EVERYTHING, Sample
from spatialsyn.models.many import estimate_beside, joined
from spatialsyn.models.syntax import parse
from spatialsyn.results import Results
from spatialsyn.study import store as files
from spatialsyn.study.grid import Specification
from spatialsyn.weights.series import Links

# Refusals that would come again: they are results, and stored.
REFUSALS = (SpatialsynError, np.linalg.LinAlgError)


@dataclass(frozen=True, eq=False)
class Ready:
    """A model whose arrays are made, and what was said on the way."""

    data: Regressors
    design: Design
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
    if len(specs) > 1:
        parsed = map(parse, dict.fromkeys(spec.model.formula for spec in specs))
        learn(_known(panel), [t for p in parsed for t in (p.outcome, *p.terms)], panel)
    ready = [_ready(panel, weights, cov, spec) for spec in specs]
    found: dict[int, Results] = {}
    for i, estimate in enumerate(
        estimate_beside([made.design if made else None for made in ready])
    ):
        made, model = ready[i], specs[i].model
        if made is not None and estimate is not None:
            chosen = {name: weights[name] for name in model.weights_names}
            found[i] = Results(
                model, panel, chosen, made.data, made.design, estimate, "expected", made.sample
            )
    return [
        record_of(panel, weights, cov, by, spec, found.get(i), made.said if made else [])
        for i, (spec, made) in enumerate(zip(specs, ready, strict=True))
    ]


def _ready(
    panel: CityPanel, weights: Mapping[str, Links], cov: str | None, spec: Specification
) -> Ready | None:
    """The arrays of a model; None of one that is estimated alone, or cannot be."""
    model = spec.model
    if not joined(model, panel.n, cov):
        return None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            sample = sample_of(panel, spec)
            chosen = {name: weights[name] for name in model.weights_names}
            data, design = designed(model, panel, chosen, sample, evaluated)
        except Exception:  # `record_of` comes upon it again, and says what it is
            return None
    return Ready(data, design, sample, _told(said))


def record_of(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: str | None,
    by: str | None,
    spec: Specification,
    known: Results | None = None,
    told: Sequence[str] = (),
) -> files.Record:
    """What is kept of one model: its numbers, or why there are none.

    Parameters
    ----------
    known : its results, where it was estimated beside others
    told : what was said on the way to them
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            record = described(known or fitted(panel, weights, cov, spec), by)
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
def _known(panel: CityPanel) -> Known:
    """Terms that formulas share."""
    return {}


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
    V = results.estimate.cov
    assert V is not None
    se = np.sqrt(np.diag(V)) if results.design.mixture is None else results.se
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
            "se": se.tolist(),
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


def failure(error: BaseException, status: str) -> files.Record:
    """What is kept of a model without numbers: `status` and the reason."""
    kind = "" if isinstance(error, SpatialsynError) else f"{type(error).__name__}: "
    return {"equation": "", "status": status, "message": f"{kind}{error}", "fit": {},
            "parameters": {}, "effects": {}, "note": "", "warnings": []}  # fmt: skip
