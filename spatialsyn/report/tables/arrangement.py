"""In which order a regression table stands, and what it calls things: default, stata, matlab.

`default` puts effects first, in the symbols of the papers. `stata` has the equations of
xsmle (Belotti, Hughes & Piano Mortari 2017, Stata Journal 17, 139-180): Main, Wx, Spatial,
Variance, Direct, Indirect, Total. `matlab` has the lines of the panel toolboxes of Elhorst
(2014, Spatial Econometrics) and LeSage: facts first, then one line per coefficient with its
t-statistic and probability, then effects with the ends of their intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spatialsyn.effects.table import EFFECTS
from spatialsyn.errors import ConfigError, named
from spatialsyn.models.syntax import bracketed, unbracketed
from spatialsyn.report.tables.display import Display
from spatialsyn.results import Results

# Groups of effects that dynamic models have beside those of the year of the change.
LONG = {effect: f"{effect}, long run" for effect in EFFECTS}
# How the spatial lag of a regressor prints.
LAG = "W{w}*{x}"
# Beginnings of the names of parameters, and the group each belongs to.
GROUPS = {
    "rho[": "rho", "alpha[": "rho", "share[": "share", "lambda[": "error", "alpha_u[": "error",
    "tau": "time", "eta[": "time", "W[": "lag", "sigma2": "variance",
}  # fmt: skip


@dataclass(frozen=True)
class Arrangement:
    """Headings in printing order, one per group of terms, and names of what has a symbol.

    Attributes
    ----------
    headings : group -> heading, "" for none; groups without one are not printed
    symbols : beginning of a parameter's name -> what it prints as; {y} is the outcome
    lag : how the spatial lag of a regressor prints; {w} is the bracket with its matrix
    facts : key of a fact -> its heading; empty for those of the default
    facts_first : whether facts stand above the coefficients
    """

    headings: Mapping[str, str]
    symbols: Mapping[str, str]
    lag: str = LAG
    facts: Mapping[str, str] = field(default_factory=dict)
    facts_first: bool = False

    def heading(self, group: str, dynamic: bool) -> str:
        """The heading of a group; effects say their horizon where a model is dynamic."""
        said = self.headings[group]
        return self.headings.get(f"dynamic {group}", said) if dynamic else said


DEFAULT = Arrangement(
    headings={
        "direct": "Direct effects", "indirect": "Indirect effects", "total": "Total effects",
        "dynamic direct": "Direct effects, in the year of the change",
        "dynamic indirect": "Indirect effects, in the year of the change",
        "dynamic total": "Total effects, in the year of the change",
        "direct, long run": "Direct effects, long run",
        "indirect, long run": "Indirect effects, long run",
        "total, long run": "Total effects, long run",
        "own": "Coefficients", "lag": "Spatial lags of x (W*x): not effects",
        "time": "Lags in time", "rho": "Spatial lag of y (ρ)", "share": "Shares of the matrices",
        "error": "Spatial error (λ)", "other": "Other parameters",
    },
    symbols={
        "rho": "ρ", "alpha": "α", "alpha_u": "α(u)", "lambda": "λ", "tau": "τ, y(t−1)",
        "eta": "η{w}, W*y(t−1)", "phi": "φ",
    },
)  # fmt: skip
STATA = Arrangement(
    headings={
        "own": "Main", "time": "Main", "lag": "Wx", "rho": "Spatial", "share": "Spatial",
        "error": "Spatial", "variance": "Variance", "other": "Variance",
        "direct": "Direct", "indirect": "Indirect", "total": "Total",
        "dynamic direct": "SR_Direct", "dynamic indirect": "SR_Indirect",
        "dynamic total": "SR_Total", "direct, long run": "LR_Direct",
        "indirect, long run": "LR_Indirect", "total, long run": "LR_Total",
    },
    symbols={"tau": "L.{y}", "eta": "L.W{w}*{y}", "sigma2": "sigma2_e", "Intercept": "_cons"},
    lag="{x}",
    facts={
        "weights": "W", "fixed_effects": "Fixed effects", "correction": "Correction",
        "covariance": "Std. errors", "nobs": "Observations", "cities": "Panels", "years": "Years",
        "r2_within": "R-squared (within)", "r2_between": "R-squared (between)",
        "r2_overall": "R-squared (overall)", "loglik": "Log-likelihood", "aic": "AIC", "bic": "BIC",
    },
)  # fmt: skip
MATLAB = Arrangement(
    headings={
        "own": "", "lag": "", "time": "", "rho": "", "share": "", "error": "", "other": "",
        "direct": "Direct", "indirect": "Indirect", "total": "Total",
        "dynamic direct": "Short-term direct", "dynamic indirect": "Short-term indirect",
        "dynamic total": "Short-term total", "direct, long run": "Long-term direct",
        "indirect, long run": "Long-term indirect", "total, long run": "Long-term total",
    },
    symbols={
        "rho": "W{w}*dep.var.", "lambda": "spat.aut.{w}", "phi": "teta",
        "tau": "dep.var.(t-1)", "eta": "W{w}*dep.var.(t-1)", "Intercept": "intercept",
    },
    facts={
        "outcome": "Dependent variable", "weights": "W", "fixed_effects": "Fixed effects",
        "correction": "Correction", "covariance": "Covariance", "corr2": "corr-squared",
        "sigma2": "sigma^2", "nobs": "Nobs", "nvar": "Nvar", "loglik": "log-likelihood",
    },
    facts_first=True,
)  # fmt: skip
LAYOUTS = {"default": DEFAULT, "stata": STATA, "matlab": MATLAB}


def arrangement(layout: str) -> Arrangement:
    """The layout of this name."""
    if layout not in LAYOUTS:
        raise ConfigError(f"layout={layout!r} is not one of {named(LAYOUTS)}.")
    return LAYOUTS[layout]


def group_of(name: str, fit: Results) -> str:
    """The group of terms that a parameter belongs to."""
    if name in own_terms(fit):
        return "own"
    return next((g for start, g in GROUPS.items() if name.startswith(start)), "other")


def own_terms(fit: Results) -> set[str]:
    """Regressors, and those of one block: ``rho[a]`` is one where rho is a regressor, a a block."""
    return {*fit.data.names, *_of_blocks(fit)}


def _of_blocks(fit: Results) -> dict[str, tuple[str, str]]:
    """Regressors of one block by name, each with its regressor and its block."""
    pairs = [(x, str(block)) for x in fit.data.names for block in fit.design.blocks]
    # Behind W* a sum stands in brackets.
    return {f"{form(x)}[{block}]": (x, block) for form in (str, bracketed) for x, block in pairs}


@dataclass(frozen=True)
class Names:
    """What terms are called in one table.

    Attributes
    ----------
    regressors : names that are columns of X or theirs of one block, whatever they look like
    of_blocks : those of one block, with the column of X and the block
    rho_of_blocks : what stands in the brackets of a rho of one block, with matrix and block
    shared : whether lags of different matrices stand on one line
    single : whether no model has more than one matrix
    outcome : label of y
    """

    how: Display
    layout: Arrangement
    regressors: frozenset[str]
    of_blocks: Mapping[str, tuple[str, str]]
    rho_of_blocks: Mapping[str, tuple[str, str]]
    shared: bool
    single: bool
    outcome: str

    def __call__(self, name: str) -> str:
        """The line that a term stands on."""
        if self.how.labelled(name):
            return self.how.label(name)
        if name == "Intercept":
            return self.layout.symbols.get(name, self.how.say(name))
        if name in self.regressors:
            return self._of_block(name)
        if name.startswith("W["):
            return self._lag(name, self.layout.lag if self.single else LAG)
        if name.startswith("mean("):  # of a city, in correlated random effects
            x = name[5:-1]
            return f"mean({self._lag(x, LAG) if x.startswith('W[') else self._of_block(x)})"
        start, _, w = name.removesuffix("]").partition("[")
        if start == "share":
            return self.how.say("share of {}", self.how.label(w))
        symbol = self.layout.symbols.get(start, start)
        if "{" not in symbol:
            return symbol + self._bracket(w)
        return symbol.format(w=self._bracket(w), y=self.outcome)

    def _lag(self, name: str, pattern: str) -> str:
        """The label of ``W[geo]*x`` in the pattern of a layout."""
        w, _, x = name[2:].partition("]*")
        term = self._of_block(x)
        return pattern.format(w=self._bracket(w), x=term if pattern == "{x}" else bracketed(term))

    def _bracket(self, w: str) -> str:
        if w in self.rho_of_blocks:
            matrix, block = self.rho_of_blocks[w]
            parts = self.how.block(block)
            return f"[{parts}]" if self.shared else f"[{self.how.label(matrix)}:{parts}]"
        # The lag of a convex combination names all its matrices: geo+eco.
        parts = "+".join(map(self.how.label, w.split("+")))
        return "" if self.shared or not w else f"[{parts}]"

    def _of_block(self, name: str) -> str:
        """The label of a regressor, maybe of one block of cities: ``x[GBA]``."""
        if self.how.labelled(name) or name not in self.of_blocks:
            return self.how.label(unbracketed(name))
        x, block = self.of_blocks[name]
        if x == "Intercept":
            return f"{self(x)}[{self.how.block(block)}]"
        return f"{bracketed(self.how.label(unbracketed(x)))}[{self.how.block(block)}]"


def names(fits: Mapping[str, Results], how: Display, layout: Arrangement) -> Names:
    """What the terms of these models are called."""
    outcomes = dict.fromkeys(how.label(fit.data.outcome) for fit in fits.values())
    matrices = [fit.model.lagged_by for fit in fits.values() if fit.model.lagged_by]
    one = all(len(used) == 1 for used in matrices)
    return Names(
        how,
        layout,
        frozenset().union(*map(own_terms, fits.values())),
        {name: pair for fit in fits.values() for name, pair in _of_blocks(fit).items()},
        {
            f"{w}:{block}": (w, str(block))
            for fit in fits.values()
            for w in fit.model.lagged_by
            for block in fit.design.blocks
        },
        shared=one and len(set(matrices)) > 1,
        single=one,
        outcome=bracketed(next(iter(outcomes))) if len(outcomes) == 1 else "y",
    )
