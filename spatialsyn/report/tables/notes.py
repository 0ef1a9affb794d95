"""What must be said under a table: which W, whose standard errors, how few cities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from spatialsyn.effects.table import Effects
from spatialsyn.errors import percent
from spatialsyn.models.covariance import worded
from spatialsyn.models.shares import warnings_of
from spatialsyn.models.strength import instruments_note
from spatialsyn.report.tables.display import STARS, Display
from spatialsyn.report.tables.facts import Tests
from spatialsyn.report.tables.sars import sars
from spatialsyn.results import Results
from spatialsyn.summary import FEW_CITIES, OF_DUMMIES, likelihood_of
from spatialsyn.weights.base_years import said_of_base_years
from spatialsyn.weights.series import Links

T = TypeVar("T")
CORRECTIONS = {
    "lee-yu": (
        "removed by the transformation of Lee and Yu (2010), which uses up part of the observations"
    ),
    "bias-corrected": (
        "removed as dummy variables, their leading bias corrected (Lee and Yu 2010); the "
        "log-likelihood is that of the dummy-variable maximum"
    ),
    "direct": (
        "removed as dummy variables, without correction: σ² (city effects) and ρ (year effects) "
        "are biased in small panels"
    ),
}
# Beside an error whose matrix changes over the years cities leave otherwise.
RESTRICTED = (
    "removed by the restricted likelihood (Harville 1974), that of differences over the years, as "
    "the matrix of the spatial error changes from year to year"
)
# In a dynamic model the transformation takes the years; the cities stay.
ESTIMATED = "estimated as dummies of cities, whose bias of order 1/T is removed (Lee and Yu 2010b)"

RANDOM = {
    None: "",
    "individual": "; city effects are random",
    "correlated": "; city effects are random, correlated with the regressors through their means",
    "baltagi": "; city effects are random and stand outside the spatial error",
}


# What stands below or beside an estimate, said of all of them.
UNDER = {
    "se": "Standard errors in parentheses.", "interval": "{} intervals in brackets.",
    "z": "z statistics in parentheses.", "p": "p-values in parentheses.",
}  # fmt: skip


def notes_on(
    fits: Mapping[str, Results],
    effects: Mapping[str, tuple[Effects, Effects | None]],
    tests: Tests,
    sections: Sequence[str],
    how: Display,
) -> tuple[str, ...]:
    """The notes of a table with the columns `fits`."""
    notes = []
    if set(sections) - {"fit", "tests"} and how.below is not None and not how.apart:
        notes.append(how.say(UNDER[how.below], percent(how.level)))
    if effects:
        notes += effects_notes(fits, effects, how)
    notes += sample_notes(fits, how)
    if "tests" in sections:
        notes += _test_notes(fits, tests, how)
    if "fit" in sections:
        notes += _fit_notes(fits, how)
    return (*notes, *star_notes(how))


def effects_notes(
    fits: Mapping[str, Results],
    effects: Mapping[str, tuple[Effects, Effects | None]],
    how: Display,
) -> list[str]:
    """Units, how their uncertainty was found, their horizons, and how far intervals carry."""
    short = {column: made for column, (made, _) in effects.items()}
    long = {column: made for column, (_, made) in effects.items() if made is not None}
    notes = [
        how.say(
            "Direct, indirect and total effects are averages over cities, in units of the outcome "
            "per unit of x."
        ),
        *by_column(short, lambda made: method(made, how)),
        *by_column(short, lambda made: how.sentence(made.note)),
        *(
            how.say("{}, long run: {}", column, how.sentence(made.note))
            for column, made in long.items() if made.note
        ),
    ]  # fmt: skip
    restless = [column for column in effects if fits[column].model.dynamic and column not in long]
    if restless:
        notes.append(
            how.say(
                "{}: no long run, since the largest root is not below one.", ", ".join(restless)
            )
        )
    return notes


def method(effects: Effects, how: Display) -> str:
    """How the uncertainty of effects was found."""
    if effects.draws is None:
        return how.say("Standard errors of effects by the delta method.")
    if effects.method == "bootstrap":
        return how.say(
            "Standard errors and intervals of effects from {:,} bootstrap draws.",
            len(effects.draws),
        )
    return how.say(
        "Standard errors and intervals of effects from {:,} simulated draws, seed {}; {:.2%} "
        "rejected.",
        len(effects.draws), effects.seed, effects.rejected,
    )  # fmt: skip


def sample_notes(fits: Mapping[str, Results], how: Display) -> list[str]:
    """Covariance, fixed effects, every W, and how far the number of cities carries."""

    def covariance(fit: Results) -> str:
        words = how.say(*worded(fit.cov_kind))
        return how.say("Covariance of the parameters: {}.", words)

    return [
        *by_column(fits, lambda fit: _instruments(fit, how)),
        *by_column(fits, covariance),
        *by_column(fits, lambda fit: _fixed_effects(fit, how)),
        *by_column(fits, lambda fit: how.sentence(fit.sample.said(fit.data))),
        *weights_notes([w for fit in fits.values() for w in used(fit)], how),
        *by_column(fits, lambda fit: _base_years_of(fit, how)),
        *by_column(
            fits,
            lambda fit: " ".join(map(how.sentence, warnings_of(fit.design, fit.estimate))),
        ),
        *by_column(fits, lambda fit: _few(fit, how)),
        *by_column(fits, lambda fit: sars(fit.panel, how.language)),
    ]


def star_notes(how: Display) -> list[str]:
    """What the stars mean, where there are any."""
    marks = "; ".join(f"{mark} p < {level:.2f}" for level, mark in STARS)
    return [f"{marks}."] if how.stars else []


def by_column(columns: Mapping[str, T], say: Callable[[T], str]) -> list[str]:
    """What `say` says of each column; once where all columns agree, nothing where it is empty."""
    said: dict[str, list[str]] = {}
    for column, made in columns.items():
        said.setdefault(say(made), []).append(column)
    if len(said) == 1:
        return [note for note in said if note]
    return [f"{', '.join(which)}: {note}" for note, which in said.items() if note]


def weights_notes(weights: Iterable[Links], how: Display) -> list[str]:
    """One sentence per distinct matrix: how made, base years, standardization, hash."""
    return list(dict.fromkeys(_weights(w, how) for w in weights))


def used(fit: Results) -> list[Links]:
    """The matrices that a model names."""
    return [fit.weights[name] for name in fit.model.weights_names]


def _weights(w: Links, how: Display) -> str:
    made = [how.recipe(str(w.recipe.get("kind", "matrix")))]
    made += [
        f"{how.recipe(key.replace('_', ' '))} {_part(key, value, how)}"
        for key, value in w.recipe.items()
        if key not in ("kind", "base_years", "unit") and value not in (None, "", ())
    ]
    standard = w.standardization == "none" and w.is_row_standardised
    given = how.say(" (its rows sum to one)") if standard else ""
    return how.say(
        "W[{}]: {}; {}standardization: {}{}; hash {}.",
        w.name, ", ".join(made), _base_years(w, how), how.standardised(w.standardizations), given,
        w.hash,
    )  # fmt: skip


# Kinds of weights that came from outside: what they were made of is not known here.
GIVEN = ("matrix", "libpysal Graph", "libpysal W", "file ")


def _part(key: str, value: object, how: Display) -> str:
    scales = key == "parts_standardised"
    return how.standardised(str(value)) if scales else _words(value, how)


def _words(value: object, how: Display) -> str:
    listed = value if isinstance(value, tuple) else (value,)
    return ", ".join(how.value(str(part)) for part in listed)


def _base_years(w: Links, how: Display) -> str:
    years = w.base_years
    if years is None:
        unknown = str(w.recipe.get("kind", "matrix")).startswith(GIVEN)
        return how.say("base years not stated; ") if unknown else ""
    if years == "all":
        return how.say(
            "base years: all, the sample's own (the weights may depend on what drives y); "
        )
    return how.say("base years {}; ", _words(years, how))


def _base_years_of(fit: Results, how: Display) -> str:
    told = (said_of_base_years(w, fit.data.years) for w in used(fit))
    return " ".join(how.sentence(one) for one in told if one)


def _instruments(fit: Results, how: Display) -> str:
    return " ".join(map(how.sentence, instruments_note(fit.design, fit.model.estimator)))


def _fixed_effects(fit: Results, how: Display) -> str:
    if fit.model.fixed_effects == "none":
        return how.say("No fixed effects{}.", how.say(RANDOM[fit.model.random]))
    if fit.model.estimator != "qml":
        return how.say("Fixed effects swept out of the data.")
    way = ESTIMATED if fit.design.dummies_of_cities else CORRECTIONS[fit.model.correction]
    removed = how.say(way if fit.design.yearly_error is None else RESTRICTED)
    return how.say("Fixed effects {}{}.", removed, how.say(RANDOM[fit.model.random]))


def _few(fit: Results, how: Display) -> str:
    n = fit.panel.n
    if n >= FEW_CITIES:
        return how.say("{} cities.", n)
    return how.say(
        "Only {} cities: normal approximations are rough with so few, so read the sizes and "
        "their intervals rather than stars.",
        n,
    )


def _test_notes(fits: Mapping[str, Results], tests: Tests, how: Display) -> list[str]:
    found = [one for columns in tests.values() for one in columns.values()]
    stated = any(not np.isnan(one.p) for one in found)
    notes = [how.say("Tests: statistic, p-value in parentheses.")] if stated else []
    if any(fit.model.dynamic for fit in fits.values()):
        notes.append(
            how.say(
                "Largest root: of the matrix that carries y from one year to the next; below one "
                "the process comes to rest."
            )
        )
    return notes


def _fit_notes(fits: Mapping[str, Results], how: Display) -> list[str]:
    notes = [
        how.say(
            "Squared correlation: of the outcome, net of fixed effects, with its prediction. R²: "
            "squared correlation of the outcome with its prediction without fixed effects, within "
            "cities and between their means."
        )
    ]
    notes += by_column(
        fits, lambda fit: how.say(OF_DUMMIES) if fit.design.dummies_of_cities else ""
    )
    kinds = {(f.data.outcome, f.nobs, likelihood_of(f)) for f in fits.values()}
    if len(kinds) > 1:
        notes.append(
            how.say(
                "Log-likelihood and AIC compare only between columns with the same outcome, "
                "observations and correction."
            )
        )
    return notes
