"""Results as text: equation, coefficients, effects, fit, and what a reader must know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from spatialsyn.effects.table import DIGITS
from spatialsyn.models.covariance import in_words
from spatialsyn.models.shares import warnings_of
from spatialsyn.models.strength import instruments_note

if TYPE_CHECKING:
    from spatialsyn.results import Results

# Below this many cities normal approximations of standard errors are a stretch.
FEW_CITIES = 30


def summary(results: Results) -> str:
    """Equation, notes, coefficients, effects and fit."""
    coefficients = results.tidy().drop(columns="term")
    coefficients.index = [_label(name) for name in results.params.index]
    glance = results.glance().iloc[0]
    shown = glance[["nobs", "loglik", "aic", "bic", "corr2"]].dropna()
    fitted = "  ".join(f"{key} {value:.6g}" for key, value in shown.items())
    parts = [
        results.equation,
        "\n".join(notes(results)),
        "Coefficients",
        coefficients.to_string(float_format=DIGITS.format),
        "Effects, in the year of the change" if results.model.dynamic else "Effects",
        repr(results.effects()) if results.regressors else "none: there are no regressors",
        fitted,
    ]
    return "\n\n".join(parts)


def glance(results: Results) -> pd.DataFrame:
    """One row: what was estimated and how well it fits.

    ``correction`` is that of the parameters; ``likelihood`` says what ``loglik``, ``aic`` and
    ``bic`` are of: "transformed" data, or "dummies" of the effects, as those of cities in
    dynamic models always are. The AIC of these compares with no static model's.
    """
    corrects = results.model.fixed_effects != "none" and results.design.instruments is None
    row = {
        "outcome": results.data.outcome,
        "family": results.model.family,
        "estimator": results.model.estimator,
        "weights": ", ".join(results.weights) or "-",
        "weights_hash": ", ".join(w.hash for w in results.weights.values()) or "-",
        "fixed_effects": results.model.fixed_effects,
        "correction": results.model.correction if corrects else "-",
        "random": results.model.random or "none",
        "covariance": results.cov_kind,
        "missing": results.sample.missing,
        "cities": results.panel.n,
        "years": f"{results.data.years[0]}-{results.data.years[-1]}",
        "nobs": results.nobs,
        "sigma2": results.sigma2,
        "likelihood": _likelihood(results) if corrects else "-",
        "loglik": results.loglik,
        "aic": results.aic,
        "bic": results.bic,
        "corr2": results.corr2,
    }
    return pd.DataFrame([row])


def _likelihood(results: Results) -> str:
    """What the log-likelihood is of, where there are fixed effects."""
    apart = results.model.transforms and not results.design.dummies_of_cities
    return "transformed" if apart else "dummies"


def notes(results: Results) -> list[str]:
    """Who, when, which W, and how far asymptotics carry."""
    glance = results.glance().iloc[0]
    found = [
        f"{glance['cities']} cities, {glance['years']}; fixed effects: "
        f"{glance['fixed_effects']} ({glance['correction']}); random: {glance['random']}; "
        f"covariance: {in_words(results.cov_kind)}."
    ]
    said = results.sample.said(results.data)
    found += [said] if said else []
    found += instruments_note(results.design, results.model.estimator)
    for name, w in results.weights.items():
        made = f", base years {w.base_years}" if w.base_years is not None else ""
        kind, way = w.recipe.get("kind"), w.standardization
        found.append(f"W[{name}]: {kind}{made}, standardization {way}, {w.hash}.")
    if results.design.dummies_of_cities:
        found.append(
            "Log-likelihood, AIC and BIC are those of city dummies over all years, before the bias "
            "of the parameters is removed: they do not compare with a static model's."
        )
    found += results.estimate.notes
    found += warnings_of(results.design, results.estimate)
    found += [
        f"alpha[{name}] = {alpha:.3f} compares with rho = 1 - e^alpha = {1 - np.exp(alpha):.3f}."
        for name, alpha in results.alpha.items()
    ]
    if results.params.get("phi") == 1:
        found.append(
            "phi = 1 lies on the boundary: the cities show no variance of their own, and the "
            "estimate is the pooled one."
        )
    if results.panel.n < FEW_CITIES:
        found.append(
            f"Only {results.panel.n} cities: p-values rest on a normal approximation that is "
            "rough here. Read the size of the effects and their intervals, not stars."
        )
    return found


def _label(name: str) -> str:
    return f"{name}  (not an effect)" if name.startswith("W[") else name
