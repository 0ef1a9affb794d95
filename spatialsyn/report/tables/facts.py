"""The foot of a regression table: how each model was made, tests, fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spatialsyn.errors import ConfigError
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.report.tables.arrangement import Arrangement
from spatialsyn.report.tables.display import NONE, Display, chance, decimals, fixed, two_digits
from spatialsyn.report.tables.layout import Row
from spatialsyn.results import Results

FACTS = {
    "outcome": "Outcome", "family": "Model", "estimator": "Estimator", "weights": "Weights",
    "fixed_effects": "Fixed effects", "correction": "Correction", "random": "Random effects",
    "covariance": "Covariance", "cities": "Cities", "years": "Years",
    "nobs": "Observations", "sigma2": "σ²", "loglik": "Log-likelihood", "aic": "AIC",
    "r2_within": "R², within", "r2_between": "R², between", "corr2": "Squared correlation",
}  # fmt: skip
# Rows that are left out where they say nothing about any model.
OPTIONAL = ("estimator", "correction", "random", "loglik", "aic", "bic")
WORDS = {
    "none": "none", "individual": "city", "time": "year", "twoways": "city and year",
    "lee-yu": "Lee-Yu", "bias-corrected": "bias-corrected", "direct": "dummies", "-": NONE,
    "qml": "ML", "2sls": "2SLS", "best-2sls": "best 2SLS", "ec2sls": "EC2SLS", "gmm": "GMM",
}  # fmt: skip
# Random effects of the same names as fixed ones are other things.
RANDOM = {"individual": "city", "correlated": "correlated", "baltagi": "outside the error"}
PLACES = {"cities": 0, "nobs": 0, "nvar": 0, "loglik": 2, "aic": 2, "bic": 2}


class Tested(NamedTuple):
    """A statistic at the foot: its number, its p-value, or what to print instead."""

    statistic: float = np.nan
    p: float = np.nan
    text: str = ""


# What is tested -> column -> what was found.
Tests = Mapping[str, Mapping[str, Tested]]


def tests_of(
    fits: Mapping[str, Results],
    given: Mapping[str, HypothesisTest | Sequence[HypothesisTest | None]] | None,
) -> Tests:
    """What results know about themselves, and the tests that were handed over."""
    made: dict[str, dict[str, Tested]] = {}
    for column, fit in fits.items():
        for name, found in _own(fit):
            made.setdefault(name, {})[column] = found
    for name, tests in (given or {}).items():
        listed = [tests] * len(fits) if isinstance(tests, HypothesisTest) else list(tests)
        strange = [t for t in listed if not (t is None or isinstance(t, HypothesisTest))]
        if len(listed) != len(fits) or strange:
            raise ConfigError(
                f"tests={{{name!r}: ...}} needs a HypothesisTest per column, or None for a column "
                f"without one: {len(fits)} columns, {len(listed)} given."
            )
        made[name] = {
            column: Tested(test.statistic, test.p)
            for column, test in zip(fits, listed, strict=True) if test is not None
        }  # fmt: skip
    return made


def _own(fit: Results) -> Iterable[tuple[str, Tested]]:
    """Parameter space, instruments and stability."""
    space = fit.estimate.space
    if isinstance(space, LogDet) and len(fit.rho) == 1:
        low, high = space.interval
        yield "Bounds of ρ", Tested(text=f"({_bound(low)}, {_bound(high)})")
    if fit.design.instruments is not None:
        if fit.design.instruments.endogenous:
            strength = fit.first_stage().table
            yield "First-stage F, smallest", Tested(float(strength["F"].min()))
        surplus = fit.overid()
        if surplus.p == surplus.p:
            yield "Overidentification", Tested(surplus.statistic, surplus.p)
    if fit.model.dynamic:
        facts = fit.stability()
        yield "Largest root", Tested(float(facts["root"]))
        yield "Wald: τ + ρ + η = 1", Tested(float(facts["wald"]), float(facts["p"]))


def _bound(value: float) -> str:
    if not np.isfinite(value):
        return "−∞" if value < 0 else "∞"
    return fixed(value, decimals(abs(value), 3))


def test_rows(tests: Tests, columns: Iterable[str], how: Display) -> list[Row]:
    """One test per line: the statistic, its p-value in parentheses."""
    known = list(columns)
    return [
        Row(how.say(name), tuple(_test(found.get(column), how) for column in known), "foot")
        for name, found in tests.items()
    ]


def _test(found: Tested | None, how: Display) -> str:
    if found is None:
        return ""
    if found.text:
        return found.text
    if np.isnan(found.statistic):
        return NONE
    said = fixed(found.statistic, how.digits)
    return said if np.isnan(found.p) else f"{said} ({chance(found.p, how.digits)})"


def fact_rows(fits: Mapping[str, Results], layout: Arrangement, how: Display) -> list[Row]:
    """One fact per line."""
    glances = [{**glance(fit), "nvar": len(fit.data.names)} for fit in fits.values()]
    rows = []
    for key, heading in (layout.facts or FACTS).items():
        cells = tuple(_fact(key, facts[key], how) for facts in glances)
        silent = {"", NONE, how.say("none")} | ({"ML"} if key == "estimator" else set())
        if key not in OPTIONAL or set(cells) - silent:
            rows.append(Row(how.say(heading), cells, "foot"))
    return rows


def glance(fit: Results) -> dict[str, Any]:
    """What `Results.glance` says, with the R2 of its prediction."""
    return {**fit.glance().iloc[0], **{f"r2_{key}": value for key, value in fit.r2.items()}}


def _fact(key: str, value: object, how: Display) -> str:
    if isinstance(value, str):
        return _words(key, value, how)
    fact = float(value)  # type: ignore[arg-type]
    if key == "sigma2" and fact > 0:  # it has the size of y squared: 0.001 would be 0.00074
        return fixed(fact, max(how.digits, two_digits(fact)))
    return fixed(fact, PLACES.get(key, decimals(fact, how.digits)))


def _words(key: str, value: str, how: Display) -> str:
    if key == "family":
        return value.upper().replace("_", "-")
    if key == "years":
        return value.replace("-", "–")
    if key == "covariance":
        # The whole of it stands in a note.
        return how.say(value.partition(",")[0])
    if key == "weights":
        return ", ".join(map(how.label, value.split(", "))) if value != "-" else NONE
    if key == "outcome":
        return how.label(value)
    return how.say((RANDOM if key == "random" else {}).get(value, WORDS.get(value, value)))
