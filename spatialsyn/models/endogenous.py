"""Endogenous regressors as a specification: what is endogenous, and what stands in for it.

Wy is endogenous in every model that has it; with a regressor its spatial lag is too, and with a
matrix all lags by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spatialsyn.errors import ModelError, named
from spatialsyn.models.roles import FAMILIES
from spatialsyn.models.syntax import parse

if TYPE_CHECKING:
    from spatialsyn.models.spec import SpatialModel

# The estimators, and what a reader is told of each.
WORDS = {
    "qml": "quasi-maximum likelihood",
    "2sls": "two-stage least squares",
    "best-2sls": "two-stage least squares with the best instruments of Lee (2003)",
    "ec2sls": "error-component two-stage least squares (Baltagi & Liu 2011)",
    "gmm": "two-stage least squares, the spatial error by the moments of Kelejian and Prucha",
}


def listed(field: str, value: Any) -> tuple[str, ...]:
    """One text or several, as a tuple."""
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(v, str) for v in given):
        raise ModelError(f'{field}={value!r}: give texts, such as {field}=["x", "log(z)"].')
    return tuple(given)


def terms_of(expressions: Sequence[str], formula: str) -> tuple[str, ...]:
    """Each expression as the formula would name it, by which name it may be given too."""
    left, regressors = formula.split("~")[0], parse(formula).texts
    found: list[str] = []
    for text in expressions:
        terms = [text] if text in regressors else list(parse(f"{left} ~ {text}").texts)
        if len(terms) != 1 or "|" in text:
            raise ModelError(f"{text!r} is not one column or expression: list them one by one.")
        found += terms
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ModelError(f"{named(twice)} is listed twice.")
    return tuple(found)


def stand_ins(given: Any, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(endogenous matrix, the one that stands in for it), for the matrices `names` of a model."""
    if given is None:
        return ()
    if isinstance(given, str) and len(names) == 1:
        given = {names[0]: given}
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, tuple) or not all(map(_is_pair, pairs)):
        raise ModelError(
            f"instrument_W={given!r:.60}: give a mapping from a matrix of the model to the one "
            f"that stands in for it, by name, such as "
            f'instrument_W={{"{[*names, "dig"][0]}": "dig_hat"}}. The matrices themselves go to '
            "ss.fit(model, panel, weights)."
        )
    chosen = dict(pairs)
    foreign = [W for W in chosen if W not in names]
    if foreign:
        raise ModelError(
            f"instrument_W has {named(foreign)}, and the matrices of this model are "
            f"{named(names) or 'none'}: name one of them and, behind it, the matrix that stands in "
            "for it, or leave instrument_W out, model.but(instrument_W=None)."
        )
    same = [W for W, other in pairs if other == W]
    if same:
        raise ModelError(
            f"instrument_W lets {named(same)} stand in for itself: an endogenous matrix needs "
            "another one, such as ss.weights.predicted_flows(...)."
        )
    moved = [other for other in chosen.values() if other in chosen]
    if moved:
        raise ModelError(
            f"instrument_W lets {named(moved)} stand in for another matrix, and says that it is "
            "endogenous itself: lags by it are no instruments. Use a matrix that is not, such as "
            "ss.weights.predicted_flows(...)."
        )
    return tuple((W, chosen[W]) for W in names if W in chosen)


def _is_pair(pair: Any) -> bool:
    """Whether these are two names."""
    return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(n, str) for n in pair)


def check_estimator(model: SpatialModel) -> None:
    """Refuse an estimator that this model does not have, with the one that it has."""
    lags, how = FAMILIES[model.family], model.estimator
    if model.instrument_W and how != "2sls":
        raise ModelError(
            f"instrument_W makes W[{model.instrument_W[0][0]}] endogenous, and {how} takes every "
            'matrix as given: use estimator="2sls", of a model without a spatial error.'
        )
    if how == "qml":
        if model.endogenous or model.instruments:
            raise ModelError(
                "maximum likelihood takes every regressor as exogenous; with endogenous= or "
                f'instruments= use estimator="{"gmm" if "u" in lags else "2sls"}".'
            )
        return
    _check_random(model)
    if model.correction != "lee-yu" and model.random is None:
        raise ModelError(
            f"correction={model.correction!r} repairs a likelihood; {how} has none, and its slopes "
            "no bias from fixed effects. Leave correction out."
        )
    if model.dynamic or model.regimes is not None:
        raise ModelError(
            f"estimator={how!r} is available for static models without regimes: leave lag_y, "
            'lag_wy and regimes out, or use estimator="qml".'
        )
    if how != "gmm" and "u" in lags:
        raise ModelError(f'{how} leaves the spatial error of {model.family}: use estimator="gmm".')
    if how == "gmm" and "u" not in lags:
        raise ModelError(
            f'gmm estimates a spatial error, and {model.family} has none: use estimator="2sls".'
        )
    if "y" not in lags and how == "best-2sls":
        raise ModelError(f"best-2sls instruments Wy, and {model.family} has none: use 2sls.")
    if how == "best-2sls" and model.endogenous:
        raise ModelError(
            "the best instruments of best-2sls are functions of exogenous regressors; with "
            'endogenous= use estimator="2sls".'
        )
    _check_terms(model)


def _check_random(model: SpatialModel) -> None:
    """Variance components by moments exist for two stages, in one form."""
    how = model.estimator
    if model.random is None and how == "ec2sls":
        raise ModelError(
            'ec2sls weighs the variation within and between cities: it needs random="individual". '
            'Without random effects use estimator="2sls".'
        )
    if model.random is not None and model.fixed_effects == "time" and model.correction != "direct":
        raise ModelError(
            f"{how} sweeps the years out and counts their means as estimated: beside "
            f'random={model.random!r} and fixed_effects="time" use correction="direct".'
        )
    if model.random is None or (model.random == "individual" and how != "best-2sls"):
        return
    raise ModelError(
        f"random={model.random!r} is not available with estimator={how!r}. Use "
        'random="individual" with "2sls", "ec2sls", "gmm" or "qml", or fixed_effects="individual", '
        "which is consistent whatever the cities are like."
    )


def _check_terms(model: SpatialModel) -> None:
    """Endogenous terms stand in the formula, instruments do not, and there are enough."""
    regressors = [str(term) for term in parse(model.formula).terms]
    endogenous = terms_of(model.endogenous, model.formula)
    external = terms_of(model.instruments, model.formula)
    foreign = [term for term in endogenous if term not in regressors]
    if foreign:
        raise ModelError(
            f"endogenous={named(foreign)} is no regressor of {model.formula!r}; it has "
            f"{named(regressors) or 'none'}."
        )
    inside = [term for term in external if term in regressors]
    if inside:
        raise ModelError(
            f"{named(inside)} is a regressor of {model.formula!r}: as an instrument it would have "
            "to stay out. Every exogenous regressor is its own instrument already."
        )
    if external and not endogenous:
        raise ModelError(
            f"instruments={named(external)}, but nothing is endogenous: say which regressor they "
            'stand in for, endogenous=["x"]. Wy has its own instruments, lags of the regressors.'
        )
    if not regressors:
        raise ModelError(f"{model.formula!r} has no regressors to make instruments from.")
    troubled = endogenous or model.instrument_W
    if not troubled and "y" not in FAMILIES[model.family] and model.estimator != "gmm":
        raise ModelError(
            f"nothing is endogenous in this {model.family}, and {model.estimator} would be least "
            'squares: leave estimator out, or name endogenous=["x"].'
        )
    if len(external) < len(endogenous):
        raise ModelError(
            f"{len(endogenous)} regressors are endogenous ({named(endogenous)}) and "
            f"{len(external)} instruments given: each needs one of its own, "
            'instruments=["z"], which moves it and has no place in the equation.'
        )
