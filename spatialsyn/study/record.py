"""What is kept of the models of a study: numbers as plain columns, or why there are none."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.effects.beside import Found, Shown, average_columns, columns_read
from spatialsyn.effects.request import reading_by
from spatialsyn.errors import ModelError, SpatialsynError, named
from spatialsyn.fitting import estimated_on
from spatialsyn.models.choice import Covariance
from spatialsyn.models.criteria import counted, criteria
from spatialsyn.models.data import read
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Parameters
from spatialsyn.models.formula import Regressors, evaluate
from spatialsyn.models.gaps import EVERYTHING, Sample
from spatialsyn.models.many import estimate_beside, joined
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.stack import Lags, alike, stacked
from spatialsyn.models.syntax import parse
from spatialsyn.models.terms import Terms
from spatialsyn.numerics.threads import threads_for
from spatialsyn.results import Results
from spatialsyn.study import store as files
from spatialsyn.study.grid import Specification
from spatialsyn.weights.series import Links

# City-years of formulas that are remembered.
ROOM = 1_000_000
# Refusals that would come again: they are results, and stored.
REFUSALS = (SpatialsynError, np.linalg.LinAlgError)


def records_of(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: Covariance,
    by: str | None,
    specs: Sequence[Specification],
) -> list[files.Record]:
    """What is kept of several models; those of one kin are estimated side by side."""
    found: list[files.Record | None] = [None] * len(specs)
    # `record_of` comes upon an error again, and says what it is.
    with threads_for(panel.n), warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", UserWarning)  # which a record keeps
        for i, record in _beside(panel, weights, cov, by, specs):
            found[i] = record
    return [
        record or record_of(panel, weights, cov, by, spec)
        for record, spec in zip(found, specs, strict=True)
    ]


def _beside(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: Covariance,
    by: str | None,
    specs: Sequence[Specification],
) -> Iterator[tuple[int, files.Record]]:
    """Places of models that are estimated side by side, and what is kept of them."""
    made = list(_estimated(specs, _read(panel, cov, specs), weights))
    effects = _effects([one for *_, one in made], panel, by)
    for (i, data, loglik, (design, _, estimate)), found in zip(made, effects, strict=True):
        assert estimate.cov is not None
        se = np.sqrt(np.diag(estimate.cov)).tolist()
        record = described(specs[i].model, data, design, estimate, loglik, se, found)
        yield i, {**record, "equation": str(specs[i]), "warnings": []}


def _read(
    panel: CityPanel, cov: Covariance, specs: Sequence[Specification]
) -> list[Regressors | None]:
    """The evaluated formulas; None of a model that is estimated alone, or cannot be."""
    found = _known(panel).read
    if len(found) * panel.n * panel.T > ROOM:
        found.clear()
    keys = [_read_as(spec) if joined(spec.model, panel.n, cov) else None for spec in specs]
    for key, spec in zip(keys, specs, strict=True):
        if key is not None and key not in found:
            found[key] = None
            with suppress(Exception):  # `record_of` comes upon it again, and says what it is
                found[key], _ = read(spec.model, panel, sample_of(panel, spec), evaluated)
    return [None if key is None else found[key] for key in keys]


def _read_as(spec: Specification) -> Hashable:
    """What models share that read the same numbers."""
    model = spec.model
    return model.formula, model.intercept, model.regimes, spec.drop_years


def _estimated(
    specs: Sequence[Specification],
    data: Sequence[Regressors | None],
    weights: Mapping[str, Links],
) -> Iterator[tuple[int, Regressors, float, Shown]]:
    """Places of models that are estimated side by side, their numbers, and what is estimated."""
    together: dict[tuple[Hashable, Hashable], list[tuple[int, SpatialModel, Regressors]]] = {}
    for i, (spec, own) in enumerate(zip(specs, data, strict=True)):
        if own is not None:
            key = alike(spec.model), own.years
            together.setdefault(key, []).append((i, spec.model, own))
    lags: dict[Hashable, Lags] = {}  # by years
    for (_, years), some in together.items():
        at, models, read_of = zip(*some, strict=True)
        chosen = {name: weights[name] for name in models[0].weights_names}
        with suppress(Exception):  # `record_of` comes upon it again, and says what it is
            group = stacked(models, read_of, chosen, lags.setdefault(years, {}))
            if group is None:
                continue
            places, beside = group
            made = zip(places, beside.columns, estimate_beside(beside), strict=True)
            for i, columns, found in made:
                if found is not None:
                    estimate, loglik = found
                    yield at[i], read_of[i], loglik, (beside.one, columns, estimate)


def record_of(
    panel: CityPanel,
    weights: Mapping[str, Links],
    cov: Covariance,
    by: str | None,
    spec: Specification,
) -> files.Record:
    """What is kept of one model: its numbers, or why there are none."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            record = _alone(fitted(panel, weights, cov, spec), by)
        except REFUSALS as error:
            record = failure(error, "refused")
        except Exception as error:  # a study does not die of one model
            record = failure(error, "failed")
    return {**record, "equation": str(spec), "warnings": _told(said)}


def _told(said: Sequence[warnings.WarningMessage]) -> list[str]:
    words = [str(w.message) for w in said if issubclass(w.category, UserWarning)]
    return list(dict.fromkeys(words))


def fitted(
    panel: CityPanel, weights: Mapping[str, Links], cov: Covariance, spec: Specification
) -> Results:
    """The model on the years it keeps; `weights` are aligned with the panel."""
    model = spec.model
    chosen = {name: weights[name] for name in model.weights_names}
    return estimated_on(model, panel, chosen, sample_of(panel, spec), cov, evaluated)


def evaluated(
    formula: str, panel: CityPanel, intercept: bool, dynamic: bool, holes: bool
) -> Regressors:
    """A formula on the panel, remembered for the models that differ in something else."""
    known = _known(panel)
    key, formulas = (formula, intercept, dynamic, holes), known.formulas
    if key not in formulas:
        if len(formulas) * panel.n * panel.T > ROOM:
            formulas.clear()
            known.terms.found.clear()
        made = formulas[key] = evaluate(formula, panel, intercept, dynamic, holes, known.terms)
        for values in (made.y, made.X):
            values.setflags(write=False)
    return formulas[key]


@dataclass(frozen=True)
class Known:
    """What models of one panel share.

    Attributes
    ----------
    terms : that formulas are made of
    formulas : that were evaluated
    read : the same on years that are kept, checked; None where they are refused
    """

    terms: Terms
    formulas: dict[Hashable, Regressors]
    read: dict[Hashable, Regressors | None]


@lru_cache(maxsize=1)
def _known(panel: CityPanel) -> Known:
    return Known(Terms(panel), {}, {})


def forget() -> None:
    """Let go of the panel that formulas were evaluated on."""
    _known.cache_clear()


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


def _alone(results: Results, by: str | None) -> files.Record:
    """The numbers of a fit."""
    estimate, design = results.estimate, results.design
    assert estimate.cov is not None
    se = np.sqrt(np.diag(estimate.cov)) if design.mixture is None else results.se
    fit = results.model, results.data, design, estimate, results.loglik
    with threads_for(results.panel.n):
        (effects,) = _effects([(design, design.columns, estimate)], results.panel, by)
    return described(*fit, se.tolist(), effects)


def described(
    model: SpatialModel,
    data: Regressors,
    design: Design,
    estimate: Parameters,
    loglik: float,
    se: list[float],
    effects: Found,
) -> files.Record:
    """The numbers of a fit as plain columns."""
    params, (found, note) = estimate.params.tolist(), effects
    aic, bic = criteria(loglik, counted(model, design, len(params)), design.nobs)
    term = dict(zip(data.names, data.terms, strict=True))
    return {
        "status": "estimated",
        "message": "",
        "fit": {
            "cities": len(data.y), "years": len(data.years), "first": data.years[0],
            "last": data.years[-1], "nobs": design.nobs, "loglik": loglik, "aic": aic,
            "bic": bic, "sigma2": params[-1],
        },
        "parameters": {"term": list(estimate.names), "estimate": params, "se": se},
        # With the term that each regressor belongs to.
        "effects": found | {"term": [term[x] for x in found["x"]]} if found else {},
        "note": note,
    }  # fmt: skip


def _effects(models: Sequence[Shown], panel: CityPanel, by: str | None) -> list[Found]:
    """The columns of the tables of effects, and their notes."""
    if by is None:
        return average_columns(models)
    return columns_read(models, reading_by(by, panel, "receiver"))


def failure(error: BaseException, status: str) -> files.Record:
    """What is kept of a model without numbers: `status` and the reason."""
    kind = "" if isinstance(error, SpatialsynError) else f"{type(error).__name__}: "
    return {"equation": "", "status": status, "message": f"{kind}{error}", "fit": {},
            "parameters": {}, "effects": {}, "note": "", "warnings": []}  # fmt: skip
