"""What must be said under a table: which W, whose standard errors, how few cities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from spatialsyn.effects.table import Effects
from spatialsyn.models.covariance import in_words
from spatialsyn.models.strength import instruments_note
from spatialsyn.report.display import STARS, Display
from spatialsyn.results import Results
from spatialsyn.summary import FEW_CITIES
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


RANDOM = {
    None: "",
    "individual": "; city effects are random",
    "correlated": "; city effects are random, correlated with the regressors through their means",
    "baltagi": "; city effects are random and stand outside the spatial error",
}


def notes_on(
    fits: Mapping[str, Results],
    effects: Mapping[str, Effects],
    sections: Sequence[str],
    how: Display,
) -> tuple[str, ...]:
    """The notes of a table with the columns `fits`."""
    under = "Standard errors in parentheses" if how.below == "se" else "95% intervals in brackets"
    notes = []
    if set(sections) - {"fit"}:
        notes.append(f"{under}.")
    if effects:
        notes.append(
            "Direct, indirect and total effects are averages over cities, in units of the outcome "
            "per unit of x; their standard errors are by the delta method."
        )
    notes += sample_notes(fits)
    notes += by_column(effects, lambda made: made.note)
    if "fit" in sections:
        notes += _fit_notes(fits)
    if how.stars:
        notes.append("; ".join(f"{mark} p < {level:.2f}" for level, mark in STARS) + ".")
    return tuple(notes)


def sample_notes(fits: Mapping[str, Results]) -> list[str]:
    """Covariance, fixed effects, every W, and how far the number of cities carries."""
    return [
        *by_column(fits, _instruments),
        *by_column(fits, lambda fit: f"Covariance of the parameters: {in_words(fit.cov_kind)}."),
        *by_column(fits, _fixed_effects),
        *by_column(fits, lambda fit: fit.sample.said(fit.data)),
        *weights_notes([w for fit in fits.values() for w in used(fit)]),
        *by_column(fits, _few),
    ]


def by_column(columns: Mapping[str, T], say: Callable[[T], str]) -> list[str]:
    """What `say` says of each column; once where all columns agree, nothing where it is empty."""
    said: dict[str, list[str]] = {}
    for column, made in columns.items():
        said.setdefault(say(made), []).append(column)
    if len(said) == 1:
        return [note for note in said if note]
    return [f"{', '.join(which)}: {note}" for note, which in said.items() if note]


def weights_notes(weights: Iterable[Links]) -> list[str]:
    """One sentence per distinct matrix: how made, base years, standardization, hash."""
    return list(dict.fromkeys(_weights(w) for w in weights))


def used(fit: Results) -> list[Links]:
    """The matrices that a model names."""
    return [fit.weights[name] for name in fit.model.weights_names]


def _weights(w: Links) -> str:
    made = [str(w.recipe.get("kind", "matrix"))]
    made += [
        f"{key.replace('_', ' ')} {_words(value)}"
        for key, value in w.recipe.items()
        if key not in ("kind", "base_years", "unit") and value not in (None, "", ())
    ]
    given = " (its rows sum to one)" if _given_standardised(w) else ""
    return (
        f"W[{w.name}]: {', '.join(made)}; {_base_years(w)}"
        f"standardization: {w.standardization}{given}; hash {w.hash}."
    )


# Kinds of weights that came from outside: what they were made of is not known here.
GIVEN = ("matrix", "libpysal Graph", "libpysal W", "file ")


def _given_standardised(w: Links) -> bool:
    return w.standardization == "none" and w.is_row_standardised


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _base_years(w: Links) -> str:
    years = w.base_years
    if years is None:
        unknown = str(w.recipe.get("kind", "matrix")).startswith(GIVEN)
        return "base years not stated; " if unknown else ""
    if years == "all":
        return "base years: all, the sample's own (the weights may depend on what drives y); "
    return f"base years {_words(years)}; "


def _instruments(fit: Results) -> str:
    return " ".join(instruments_note(fit.design, fit.model.estimator))


def _fixed_effects(fit: Results) -> str:
    if fit.model.fixed_effects == "none":
        return f"No fixed effects{RANDOM[fit.model.random]}."
    if fit.model.estimator != "qml":
        return "Fixed effects swept out of the data."
    return f"Fixed effects {CORRECTIONS[fit.model.correction]}{RANDOM[fit.model.random]}."


def _few(fit: Results) -> str:
    n = fit.panel.n
    if n >= FEW_CITIES:
        return f"{n} cities."
    return (
        f"Only {n} cities: normal approximations are rough with so few, so read the sizes and "
        "their intervals rather than stars."
    )


def _fit_notes(fits: Mapping[str, Results]) -> list[str]:
    notes = ["Squared correlation: of the outcome, net of fixed effects, with its prediction."]
    kinds = {(f.data.outcome, f.nobs, f.model.transforms) for f in fits.values()}
    if len(kinds) > 1:
        notes.append(
            "Log-likelihood and AIC compare only between columns with the same outcome, "
            "observations and correction."
        )
    return notes
