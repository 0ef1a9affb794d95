"""Results as text and HTML: equation, coefficients, effects, fit, and what a reader must know."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from spatialsyn.effects.inference import check_level
from spatialsyn.effects.table import DIGITS
from spatialsyn.errors import named
from spatialsyn.models.covariance import in_words
from spatialsyn.models.design import Design
from spatialsyn.models.shares import warnings_of
from spatialsyn.models.strength import instruments_note
from spatialsyn.notebook import as_html, paragraph
from spatialsyn.numerics.regression import inflation
from spatialsyn.weights.base_years import said_of_base_years
from spatialsyn.weights.core import said_of_cut

if TYPE_CHECKING:
    from spatialsyn.results import Results
    from spatialsyn.weights.series import Links

OF_DUMMIES = (
    "Log-likelihood, AIC and BIC are those of city dummies over all years, before the bias of the "
    "parameters is removed: they do not compare with a static model's."
)
# Below this many cities normal approximations of standard errors are a stretch.
FEW_CITIES = 30
# Variance inflation beyond this leaves a millionth of a column to tell it from the others: cubes
# that are not centred come near, data that were rounded go beyond.
ROUNDING = 1e6
NO_EFFECTS = "none: there are no regressors"


def tidy(params: pd.Series, se: pd.Series, level: float) -> pd.DataFrame:
    """Parameters with z, p and normal intervals.

    Neither a variance nor phi, a ratio of them, can be zero: there is nothing to test. Stars
    on phi would speak for random effects, which is what phi = 1 denies.
    """
    check_level(level)
    z, half = params / se, ndtri((1 + level) / 2) * se
    columns = {"z": z, "p": 2 * ndtr(-np.abs(z)), "low": params - half, "high": params + half}
    table = pd.DataFrame({"estimate": params, "se": se, **columns})
    table.loc[table.index.isin(("sigma2", "phi")), ["z", "p"]] = np.nan
    return table.rename_axis("term")


def summary(results: Results) -> str:
    """Equation, notes, coefficients, effects and fit, as text."""
    parts = [
        results.equation,
        "\n".join(notes(results)),
        "Coefficients",
        _coefficients(results).to_string(float_format=DIGITS.format),
        _heading(results),
        repr(results.effects()) if results.regressors else NO_EFFECTS,
        _fitted(results),
    ]
    return "\n\n".join(parts)


def html(results: Results) -> str:
    """What `summary` says, as paragraphs and tables of HTML."""
    effects = results.effects()._repr_html_() if results.regressors else paragraph([NO_EFFECTS])
    parts = [
        f"<p><code>{escape(results.equation)}</code></p>",
        paragraph(notes(results)),
        "<p><b>Coefficients</b></p>",
        as_html(_coefficients(results), digits=DIGITS, index=True),
        f"<p><b>{_heading(results)}</b></p>",
        effects,
        paragraph([_fitted(results)]),
    ]
    return "\n".join(parts)


def _coefficients(results: Results) -> pd.DataFrame:
    table = results.tidy().drop(columns="term")
    table.index = [_label(name) for name in results.params.index]
    return table


def _heading(results: Results) -> str:
    return "Effects, in the year of the change" if results.model.dynamic else "Effects"


def _fitted(results: Results) -> str:
    glance = results.glance().iloc[0]
    shown = glance[["nobs", "loglik", "aic", "bic", "corr2"]].dropna()
    return "  ".join(f"{key} {value:.6g}" for key, value in shown.items())


def glance(results: Results) -> pd.DataFrame:
    """One row: what was estimated and how well it fits.

    ``weights`` lag something, and stand-ins (`instrument_W`) have a hash behind theirs.
    ``correction`` is that of the parameters; ``likelihood`` says what ``loglik``, ``aic`` and
    ``bic`` are of: "transformed" data, or "dummies" of the effects, as those of cities in
    dynamic models always are. The AIC of these compares with no static model's.
    """
    corrects = results.model.fixed_effects != "none" and results.design.instruments is None
    model = results.model
    lags = [*(["y(t-1)"] if model.lag_y else []), *(f"W[{name}]*y(t-1)" for name in model.lag_wy)]
    row = {
        "outcome": results.data.outcome,
        "family": results.model.family,
        "estimator": results.model.estimator,
        "weights": ", ".join(model.lagged_by) or "-",
        "weights_hash": ", ".join(w.hash for w in results.weights.values()) or "-",
        "fixed_effects": results.model.fixed_effects,
        "correction": results.model.correction if corrects else "-",
        "random": results.model.random or "none",
        "regimes": str(model.regimes or "none"),
        "lags_in_time": ", ".join(lags) or "none",
        "covariance": results.cov_kind,
        "missing": results.sample.missing,
        "cities": results.panel.n,
        "years": f"{results.data.years[0]}-{results.data.years[-1]}",
        "nobs": results.nobs,
        "sigma2": results.sigma2,
        "likelihood": likelihood_of(results) if corrects else "-",
        "loglik": results.loglik,
        "aic": results.aic,
        "bic": results.bic,
        "corr2": results.corr2,
    }
    return pd.DataFrame([row])


def likelihood_of(results: Results) -> str:
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
    found += [said_of_weights(name, w) for name, w in results.weights.items()]
    found += filter(
        None, (said_of_base_years(w, results.data.years) for w in results.weights.values())
    )
    if results.design.dummies_of_cities:
        found.append(OF_DUMMIES)
    root = float(results.stability()["root"]) if results.model.dynamic else 0.0
    if root >= 1:
        found.append(
            f"The largest root of the process is {root:.3f}, not below one: it does not come to "
            "rest, and its effects have no long run."
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
    found += _nearly_collinear(results.design)
    if results.panel.n < FEW_CITIES:
        found.append(
            f"Only {results.panel.n} cities: p-values rest on a normal approximation that is "
            "rough here. Read the size of the effects and their intervals, not stars."
        )
    return found


def said_of_weights(name: str, w: Links) -> str:
    """How a matrix was made, by which a reader could make it again."""
    made = f", base years {w.base_years}" if w.base_years is not None else ""
    kind, way, cut = w.recipe.get("kind"), w.standardizations, said_of_cut(w.recipe)
    old = w.recipe.get("renamed_from")
    called = f", made as W[{old}]" if old else ""
    return f"W[{name}]: {kind}{called}{cut}{made}, standardization {way}, {w.hash}."


def _nearly_collinear(design: Design) -> list[str]:
    """A sentence where regressors differ by little more than a rounding, once effects are gone.

    log(gdp) beside log(population) and log(gdp_per_capita), shares that sum to one.
    """
    constant = [name == "Intercept" for name in design.names]
    Z = design.Z.reshape(design.y.size, -1)[:, ~np.array(constant, dtype=bool)]
    named_so = [n for n, flag in zip(design.names, constant, strict=True) if not flag]
    if Z.shape[1] < 2 or len(Z) <= Z.shape[1]:
        return []
    vif = inflation(Z - Z.mean(axis=0) if any(constant) else Z)
    if vif.max() < ROUNDING:
        return []
    alike = [name for name, v in zip(named_so, vif, strict=True) if v >= ROUNDING / 10]
    return [
        f"{named(alike)} are nearly linear combinations of each other (variance inflation up to "
        f"{vif.max():.1e}): their estimates hang on small remainders, such as roundings. Leave one "
        "out, or subtract means before taking powers."
    ]


def _label(name: str) -> str:
    return f"{name}  (not an effect)" if name.startswith("W[") else name
