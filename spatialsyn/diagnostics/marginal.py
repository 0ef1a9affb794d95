"""Posterior probabilities of models and weights matrices, by exact log-marginal likelihoods.

Given the one spatial parameter s (rho or lambda), delta and sigma2 integrate in closed form; the
last integral is taken by Gauss-Legendre nodes. With y and Z filtered by s, SSR what Z leaves of
y, SSY what the constant leaves, k columns beside the constant (c of them, 0 or 1), N the
observations less the dummies of fixed effects, and |J| the Jacobian of `models.likelihood`,

    g-prior   delta ~ N(0, g sigma2 (Z'Z)^-1), a constant flat and out of Z, m = N - c:
              (1 + g)^(-k/2) int |J| [SSR + (SSY - SSR) / (1 + g)]^(-m/2) ds, Gamma(m/2) pi^(-m/2)
    flat      m = N - c - k:  int |J| |Z'Z|^(-1/2) SSR^(-m/2) ds, Gamma(m/2) pi^(-m/2)

s uniform between minus and plus one over the spectral radius, sigma2 ~ 1 / sigma2 (g-prior:
LeSage & Parent 2007, Geographical Analysis 39; flat: LeSage 2014, Spatial Statistics 9).
Where effects were transformed away, J and N are those of the transformed panel: the -ln(1 - rho)
of time effects is in. The flat prior has no height: a regressor in other units would change the
odds, so it compares models with as many columns only (SLX, SDM and SDEM).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ModelError, expect, listed, named
from spatialsyn.models.design import Design, align, build, listed_weights
from spatialsyn.models.likelihood import filtered, jacobian, names
from spatialsyn.models.posterior import check_g, observations
from spatialsyn.models.spec import SpatialModel
from spatialsyn.notebook import as_html
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import LogDet
from spatialsyn.numerics.quadrature import legendre
from spatialsyn.weights.series import Links

FAMILIES = ("ols", "slx", "sar", "sdm", "sem", "sdem")
PRIORS = ("g", "flat")
# Looks at where the mass is, nodes of each, and of the integral.
LOOKS, LOOK, NODES = 4, 65, 96
# ln of the density, relative to its peak, at which the integral ends.
NOTHING = -40.0
SHOWN = {"log_marginal": "{:.2f}".format, "probability": "{:.4f}".format, "rho": "{:.3f}".format}


@dataclass(frozen=True, eq=False, repr=False)
class Probabilities:
    """Posterior probabilities of models and matrices, all equally likely before the data.

    Attributes
    ----------
    table : DataFrame, one row per model
        ``family, W, log_marginal, probability`` and the posterior mean of ``rho`` (or lambda);
        without rows in the diagnostics of a model that has none.
    families, weights : probabilities summed over matrices, and over families
    about : the model, the prior and the likelihood, or why there is none
    """

    table: pd.DataFrame
    about: str

    @property
    def families(self) -> pd.Series:
        """Probability of every family."""
        return self._sums("family")

    @property
    def weights(self) -> pd.Series:
        """Probability of every matrix; "-" is the model without one."""
        return self._sums("W")

    @property
    def odds(self) -> list[tuple[str, float, float]]:
        """Family, its matrix where there are several, probability and log-marginal of every row."""
        table, several = self.table, self.table["W"].nunique() > 1 + ("-" in set(self.table["W"]))
        named_as = [
            f"{family.upper()} W[{W}]" if several and W != "-" else family.upper()
            for family, W in zip(table["family"], table["W"], strict=True)
        ]
        return list(zip(named_as, table["probability"], table["log_marginal"], strict=True))

    def _sums(self, by: str) -> pd.Series:
        return self.table.groupby(by, sort=False)["probability"].sum()

    def __repr__(self) -> str:
        shown = self.table.to_string(index=False, formatters=SHOWN)
        return f"{shown}\n({self.about})"

    def _repr_html_(self) -> str:
        return as_html(self.table, f"({self.about})", digits=SHOWN)


def posterior(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links],
    families: Iterable[str] = FAMILIES,
    prior: str = "g",
    g: float | None = None,
) -> Probabilities:
    """Which family and which W do the data favour, of those listed?

    Parameters
    ----------
    model : its formula, fixed effects and correction are those of all; its family and W are not
    weights : every matrix takes its turn in all lags
    families : among ols, slx, sar, sdm, sem, sdem
    prior : "g" | "flat"
    g : of the g-prior; independent observations by default (unit information)

    Raises
    ------
    ModelError
        Families of different size under the flat prior, random effects, lags in time, and
        estimators without a likelihood.
    """
    expect(model, SpatialModel, "posterior needs a model such as ss.sdm(...)", ModelError)
    chosen = [families] if isinstance(families, str) else families
    chosen = listed(chosen, f"families are some of {named(FAMILIES)}", ModelError)
    unknown = [name for name in chosen if name not in FAMILIES]
    if unknown or not chosen:
        raise ModelError(f"families has {named(unknown) or 'none'}; there are {named(FAMILIES)}.")
    _refuse(model)
    given = listed_weights(weights)
    rows = []
    for family in chosen:
        for name in ["-"] if family == "ols" else [w.name for w in given]:
            member = _member(model, family, name)
            rows.append((family, name, *_marginal(member, panel, given, prior, g)))
    sizes = {row[-1] for row in rows}
    if prior == "flat" and len(sizes) > 1:
        raise ModelError(
            f"{named(chosen)} differ in the number of their columns; under a flat prior their "
            'odds depend on the units of the regressors. Use prior="g", or compare slx, sdm and '
            "sdem."
        )
    table = pd.DataFrame(rows, columns=["family", "W", "log_marginal", "rho", "size"])
    log_total = logsumexp(table["log_marginal"])
    table.insert(3, "probability", np.exp(table["log_marginal"] - log_total))
    effects, correction = model.fixed_effects, model.correction
    about = f"{model.formula}; fixed effects: {effects}"
    about += f" ({correction})" if effects != "none" else ""
    about += f"; {'g-prior' if prior == 'g' else 'flat prior'}, families and W equally likely"
    return Probabilities(table.drop(columns="size"), about)


def log_marginal(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None = None,
    prior: str = "g",
    g: float | None = None,
) -> tuple[float, float]:
    """ln of the marginal likelihood, and the posterior mean of rho or lambda (0 without).

    Parameters
    ----------
    model, panel, weights : as in `ss.fit`; at most one spatial parameter
    prior, g : see `posterior`

    Raises
    ------
    ModelError
        A model without such a likelihood, or with several spatial parameters.
    """
    expect(model, SpatialModel, "a model such as ss.sdm(...) is needed", ModelError)
    return _marginal(model, panel, weights, prior, g)[:2]


def _marginal(
    model: SpatialModel,
    panel: CityPanel,
    weights: Links | Iterable[Links] | Mapping[str, Links] | None,
    prior: str,
    g: float | None,
) -> tuple[float, float, int]:
    """What `log_marginal` returns, and the number of columns."""
    _check(model, prior, g)
    design = build(model, panel, align(weights, model.weights_names, panel))
    if design.observed is not None or len(names(design)) > 1:
        raise ModelError(
            "log-marginals are integrated over one spatial parameter, with complete outcomes: use "
            "sar, sdm, sem or sdem with one W, or subset the panel."
        )
    shrink = float(design.nobs if g is None else g) if prior == "g" else None
    if not names(design):
        return _density(design, np.zeros(0), shrink), 0.0, len(design.names)
    low, high = _interval(design)
    mass, axis = _integrated(design, low, high, shrink)
    log = float(logsumexp(mass)) - np.log(high - low)
    return float(log), float(np.exp(mass - logsumexp(mass)) @ axis), len(design.names)


def _integrated(design: Design, low: float, high: float, g: float | None) -> tuple[Array, Array]:
    """ln of density times width at the nodes, and the nodes."""

    def density(nodes: Array) -> Array:
        return np.array([_density(design, np.array([v]), g) for v in nodes])

    for _ in range(LOOKS):
        nodes = np.linspace(low, high, LOOK + 2)[1:-1]
        logs = density(nodes)
        there = np.flatnonzero(logs > logs.max() + NOTHING)
        step = nodes[1] - nodes[0]
        low, high = max(low, nodes[there[0]] - step), min(high, nodes[there[-1]] + step)
    axis = legendre(low, high, NODES)
    return density(axis.nodes) + np.log(axis.widths), axis.nodes


def _density(design: Design, spatial: Array, g: float | None) -> float:
    """ln of the likelihood with delta and sigma2 integrated out."""
    y, Z = filtered(design, spatial)
    flat = [j for j, name in enumerate(design.names) if name == "Intercept"]
    N, k = observations(design) - len(flat), Z.shape[1] - len(flat)
    logdet = 0.0
    if flat:
        one = Z[:, flat[0]]
        length = float(one @ one)
        Z = np.delete(Z, flat, axis=1)
        y, Z = y - one * (one @ y) / length, Z - np.multiply.outer(one, one @ Z) / length
        logdet = float(np.log(length))
    Q, R = np.linalg.qr(Z)
    e = y - Q @ (Q.T @ y)
    ssr, ssy = float(e @ e), float(y @ y)
    jac = jacobian(design, spatial)
    if g is None:
        m = N - k
        logdet += 2 * float(np.log(np.abs(np.diag(R))).sum())
        constant = gammaln(m / 2) - m / 2 * np.log(np.pi)
        return float(constant + jac - logdet / 2 - m / 2 * np.log(ssr))
    constant = gammaln(N / 2) - N / 2 * np.log(np.pi) - k / 2 * np.log1p(g)
    fit = np.log(ssr + (ssy - ssr) / (1 + g))
    return float(constant + jac - logdet / 2 - N / 2 * fit)


def _interval(design: Design) -> tuple[float, float]:
    """Minus to plus one over the spectral radius, inside the parameter space."""
    logdet = design.logdet if design.error is None else design.error.logdet
    assert isinstance(logdet, LogDet)
    low, high = logdet.interval
    # Without its unit root a matrix has a smaller radius: its space still ends at 1 / radius.
    reach = min(high, 1 / logdet.radii[0])
    return max(low, -reach), reach


def _member(model: SpatialModel, family: str, W: str) -> SpatialModel:
    lagged = family in ("slx", "sdm", "sdem")
    formula = model.formula if lagged else model.formula.split("|")[0].strip()
    return model.but(family=family, W=None if family == "ols" else W, formula=formula)


def _check(model: SpatialModel, prior: str, g: float | None) -> None:
    if prior not in PRIORS:
        raise ModelError(f"prior={prior!r} is not one of {named(PRIORS)}.")
    if g is not None and prior != "g":
        raise ModelError(f"g={g!r} belongs to the g-prior: leave it out, or use prior='g'.")
    check_g(g)
    _refuse(model, {
        "a mixture of matrices": model.roles.mixed is not None,
        f"family={model.family!r}": model.family not in FAMILIES,
    })  # fmt: skip


def _refuse(model: SpatialModel, more: Mapping[str, bool] | None = None) -> None:
    """Refuse what all members share and no log-marginal exists for, or `more`."""
    absent = {
        f"random={model.random!r}": model.random is not None,
        "a lagged outcome": model.dynamic,
        f"estimator={model.estimator!r}": model.estimator != "qml",
        **(more or {}),
    }
    given = [what for what, there in absent.items() if there]
    if given:
        raise ModelError(
            f"log-marginals are not available with {' or '.join(given)}: use "
            f"{', '.join(FAMILIES)} with fixed effects. For mixtures see results.averaged()."
        )
    if model.correction == "bias-corrected" and model.fixed_effects != "none":
        raise ModelError('correction="bias-corrected" has no likelihood of its own: use "lee-yu".')
