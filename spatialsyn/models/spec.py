"""Specifications: names only, no data.

A `SpatialModel` is a value. It can be hashed, pickled, compared, printed as an equation
and varied with `but`; `ss.fit` brings it together with a panel and weights.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from spatialsyn.errors import FormulaError, ModelError, expect, named
from spatialsyn.models.endogenous import WORDS, check_estimator, listed, stand_ins
from spatialsyn.models.equation import equation
from spatialsyn.models.roles import FAMILIES, Convex, Roles, as_regimes, lagged_before, roles
from spatialsyn.models.syntax import parse
from spatialsyn.numerics.transform import FIXED_EFFECTS, sweeps_time

RANDOM = ("individual", "correlated", "baltagi")
CORRECTIONS = ("lee-yu", "direct", "bias-corrected")


@dataclass(frozen=True)
class SpatialModel:
    """One member of the Durbin family, by name.

        y = sum_j rho_j W_j y + X beta + W X theta + city effects + year effects + u
        u = lambda M u + error
        dynamic:  + tau y(t-1) + sum_j eta_j W_j y(t-1)

    ===== ============== ===== ==============
    ols   no lag         sem   u
    slx   WX             sdem  WX, u
    sar   Wy             sac   Wy, u
    sdm   Wy, WX         gns   Wy, WX, u
    ===== ============== ===== ==============

    The families mess, mess_sdm, mess_sem and mess_sac are sar, sdm, sem and sac with matrix
    exponentials, e^(alpha W) y and e^(alpha_u M) u = error (`models.mess`); their estimates
    stay right, with cov="robust", where variances differ from city to city in ways unknown.

    Parameters
    ----------
    family : a name of the table
    formula : str
        ``"y ~ x + log(z)"``; regressors after a ``|`` are the only ones with a lag.
    W : name, list of names, `Convex`, or mapping of roles (``wy``, ``wx``, ``wu``), see `roles`
    fixed_effects : "none" | "individual" | "time" | "twoways"
    correction : "lee-yu" | "direct" | "bias-corrected"
        How fixed effects leave the likelihood: the transformation of Lee & Yu (2010);
        dummy-variable maximum likelihood, whose sigma2 (individual effects) and rho
        (time effects) are biased in small panels; or the latter with its leading bias
        removed. City effects beside an error whose matrix changes over the years leave by
        "lee-yu" only, in its restricted likelihood (`numerics.restricted`).
    random : None | "individual" | "correlated" | "baltagi"
        City effects as random draws, uncorrelated with the regressors, or correlated
        through the regressors' city means (Mundlak 1978; Debarsy 2012 for their lags);
        with fixed_effects="none" or "time", whose transformation leaves n - 1 draws (ours).
        A spatial error spreads them too (Kapoor, Kelejian & Prucha 2007); under "baltagi"
        they stand outside it (Anselin 1988; Baltagi, Song & Koh 2003), with years by "direct".
        phi^2 = s2 / (T s2_mu + s2), Elhorst's theta: 1 without city variance; without a
        spatial error "baltagi" is "individual".
    lag_y : bool
        tau y(t-1). City effects are then estimated by dummies, whose bias of order 1/T is
        removed unless correction="direct" (Yu, de Jong & Lee 2008; two-way Lee & Yu 2010).
    lag_wy : bool, name or list of names
        eta W y(t-1), with the matrices of Wy (True) or the named ones.
    regimes : name of a grouping, or `Regimes`
        Own coefficients for each block of cities.
    estimator : "qml" | "2sls" | "best-2sls" | "ec2sls" | "gmm"
        Maximum likelihood; two-stage least squares, for endogenous regressors, for Wy where
        variances differ from city to city, and with time effects for any W; the same with
        the instruments of Lee (2003); error-component two stages, for random effects; or two
        stages with a spatial error (sem, sdem, sac, gns).
    endogenous : regressors of the formula that the error moves
    instruments : columns or expressions that stand in for them
        Each enters with its lag by every matrix, and its second by those of Wy.
    instrument_W : mapping of names, or the name for the one W
        ``{"dig": "dig_hat"}`` for "2sls": W[dig] is endogenous, and so are all lags by it; lags
        by W[dig_hat] are their instruments (`weights.predicted_flows`).
    """

    family: str
    formula: str
    W: Any = None
    fixed_effects: str = "none"
    correction: str = "lee-yu"
    random: str | None = None
    lag_y: bool = False
    lag_wy: Any = False
    regimes: Any = None
    estimator: str = "qml"
    endogenous: Sequence[str] = ()
    instruments: Sequence[str] = ()
    instrument_W: Any = ()

    def __post_init__(self) -> None:
        _among("family", self.family, tuple(FAMILIES))
        _among("fixed_effects", self.fixed_effects, FIXED_EFFECTS)
        _among("correction", self.correction, CORRECTIONS)
        _among("estimator", self.estimator, tuple(WORDS))
        _among("lag_y", self.lag_y, (True, False))
        object.__setattr__(self, "lag_y", bool(self.lag_y))
        expect(self.formula, str, "a formula is a text such as 'y ~ x'", FormulaError)
        for field in ("endogenous", "instruments"):
            object.__setattr__(self, field, listed(field, getattr(self, field)))
        if self.random is not None:
            self._check_random()
        given = roles(self.family, self.W)
        object.__setattr__(self, "W", self.W if isinstance(self.W, str | None) else given)
        object.__setattr__(self, "instrument_W", stand_ins(self.instrument_W, given.names))
        object.__setattr__(self, "lag_wy", lagged_before(self.family, given, self.lag_wy))
        object.__setattr__(self, "regimes", as_regimes(self.regimes))
        if self.dynamic:
            self._check_dynamic()
        if given.mixed is not None:
            self._check_convex(given.mixed)
        if self.exponential:
            self._check_exponential()
        parsed = parse(self.formula)
        lagged = [str(t) for t, flag in zip(parsed.terms, parsed.lagged, strict=True) if flag]
        if "|" in self.formula and not self.has_wx:
            raise ModelError(
                f"{self.formula!r} says with '|' which regressors are lagged in space, but "
                f"{self.family} lags none. Use slx, sdm, sdem or gns; fixed effects are not "
                'written in the formula but as fixed_effects="twoways".'
            )
        if self.has_wx and not lagged:
            raise ModelError(
                f"{self.family} lags the regressors in space, but {self.formula!r} has none to lag."
            )
        foreign = [t for _, terms in self.roles.wx for t in terms if t not in lagged]
        if foreign:
            raise ModelError(
                f"W lags {named(foreign)}, but {self.formula!r} has the regressors {named(lagged)}."
            )
        if self.regimes is not None:
            constant = self.intercept and parsed.intercept
            self._check_regimes([str(t) for t in parsed.terms], constant)
        check_estimator(self)

    def _check_random(self) -> None:
        _among("random", self.random, RANDOM)
        if self.fixed_effects not in ("none", "time"):
            raise ModelError(
                f"random={self.random!r} and fixed_effects={self.fixed_effects!r} both stand for "
                'the cities: choose one. With random effects use fixed_effects="none" or "time".'
            )
        if self.fixed_effects == "time" and self.correction == "bias-corrected":
            raise ModelError('correction="bias-corrected" has no random effects: use "lee-yu".')
        if self.random == "baltagi" and self.transforms and roles(self.family, self.W).wu:
            raise ModelError(
                'random="baltagi" with a spatial error takes years as correction="direct" only.'
            )

    def _check_dynamic(self) -> None:
        if self.random is not None:
            raise ModelError(
                f"random={self.random!r} with a lagged outcome is not consistent: the city effects "
                'are part of y(t-1). Use fixed_effects="individual" or "twoways".'
            )
        if self.correction == "bias-corrected" and sweeps_time(self.fixed_effects):
            raise ModelError(
                'correction="bias-corrected" by dummies of cities and years does not exist for '
                'dynamic models here. Use correction="lee-yu": it transforms the years away and '
                "removes the bias of the city effects."
            )

    def _check_convex(self, mixed: Convex) -> None:
        """A mixture is estimated without bias corrections, and with fixed effects only."""
        own = f"a list of names, W={list(mixed.names)}, gives each matrix its own rho"
        for field, there in (("lag_y", self.lag_y), ("lag_wy", bool(self.lag_wy)),
                             ("random", self.random is not None)):  # fmt: skip
            if there:
                raise ModelError(f"{field} with ss.convex(...) is not available: {own}.")
        for what, there in ((f"estimator={self.estimator!r}", self.estimator != "qml"),
                            (self.family, self.exponential)):  # fmt: skip
            if there:
                raise ModelError(f"{what} with ss.convex(...) does not exist: {own} in ss.sar.")
        if self.regimes is not None and self.regimes.rho:
            raise ModelError(f"ss.convex(...) has one rho: leave regimes' rho=True out, or {own}.")
        if self.correction == "bias-corrected" and self.fixed_effects != "none":
            raise ModelError(
                'correction="bias-corrected" may move shares below zero: it does not exist for '
                'ss.convex(...). Use correction="lee-yu", which has less bias.'
            )

    def _check_exponential(self) -> None:
        given = {
            f"random={self.random!r}": self.random is not None,
            f"estimator={self.estimator!r}": self.estimator != "qml",
            "a lagged outcome": self.dynamic,
            'correction="bias-corrected"': self.correction == "bias-corrected",
            "several matrices of Wy": len(self.roles.wy) > 1,
            "regimes with an own rho": self.regimes is not None and self.regimes.rho,
        }
        absent = [what for what, there in given.items() if there]
        if absent:
            raise ModelError(
                f"{self.family} is not available with {' or '.join(absent)}. Use fixed effects "
                'with correction="lee-yu" or "direct" and one W, or a family with a spatial lag '
                "(ss.sar, ss.sdm)."
            )

    def _check_regimes(self, terms: list[str], constant: bool) -> None:
        if not (terms or constant or self.regimes.rho):
            raise ModelError(
                f"regimes give every block own coefficients, and {self.formula!r} has no regressor "
                "that could have one. Add regressors, or leave regimes= out."
            )
        foreign = [x for x in self.regimes.x if x not in terms]
        if foreign:
            raise ModelError(
                f"regimes gives {named(foreign)} own coefficients, but {self.formula!r} has the "
                f"regressors {named(terms)}."
            )
        if self.regimes.rho and not self.roles.wy:
            raise ModelError(f"regimes has rho=True, but {self.family} has no lag of the outcome.")
        self.regimes.check_names(self.weights_names)
        if self.random is not None:
            raise ModelError("regimes with random effects are not available: use fixed effects.")

    @property
    def dynamic(self) -> bool:
        """Whether the outcome of the year before is a regressor, here or next door."""
        return bool(self.lag_y or self.lag_wy)

    @property
    def intercept(self) -> bool:
        """Whether the model has a constant: one unless fixed effects take its place."""
        return self.fixed_effects == "none"

    @cached_property
    def roles(self) -> Roles:
        """Which matrix lags what."""
        return roles(self.family, self.W)

    @property
    def has_wx(self) -> bool:
        """Whether regressors are lagged in space."""
        return "x" in FAMILIES[self.family]

    @property
    def exponential(self) -> bool:
        """Whether the dependence is a matrix exponential."""
        return self.family.startswith("mess")

    @property
    def transforms(self) -> bool:
        """Whether fixed effects leave through the Lee-Yu transformation."""
        return self.correction == "lee-yu" and self.fixed_effects != "none"

    @property
    def lagged_by(self) -> tuple[str, ...]:
        """The matrices of the equation, without those that stand in for them."""
        return tuple(dict.fromkeys([*self.roles.names, *self.lag_wy]))

    @property
    def weights_names(self) -> tuple[str, ...]:
        """The matrices that an estimate needs."""
        return tuple(dict.fromkeys([*self.lagged_by, *dict(self.instrument_W).values()]))

    @property
    def equation(self) -> str:
        """The model in one line."""
        return equation(self)

    def but(self, **changes: Any) -> SpatialModel:
        """The same specification with some fields changed."""
        unknown = sorted(set(changes) - set(self.__dataclass_fields__))
        if unknown:
            panel = " Years are chosen where the panel is: panel.subset(years=range(2013, 2020))."
            chosen = panel if "years" in unknown else ""
            raise ModelError(
                f"a model has no {', '.join(unknown)}; it has "
                f"{', '.join(self.__dataclass_fields__)}.{chosen}"
            )
        return replace(self, **changes)

    def __str__(self) -> str:
        return self.equation


class Maker(Protocol):
    """A function that specifies a model of one family."""

    def __call__(
        self,
        formula: str,
        W: Any = None,
        fixed_effects: str = "none",
        correction: str = "lee-yu",
        random: str | None = None,
        lag_y: bool = False,
        lag_wy: Any = False,
        regimes: Any = None,
        estimator: str = "qml",
        endogenous: Sequence[str] = (),
        instruments: Sequence[str] = (),
        instrument_W: Any = (),
    ) -> SpatialModel: ...


def _maker(family: str, says: str) -> Maker:
    """The function that specifies one family; all take the same arguments."""

    def make(
        formula: str,
        W: Any = None,
        fixed_effects: str = "none",
        correction: str = "lee-yu",
        random: str | None = None,
        lag_y: bool = False,
        lag_wy: Any = False,
        regimes: Any = None,
        estimator: str = "qml",
        endogenous: Sequence[str] = (),
        instruments: Sequence[str] = (),
        instrument_W: Any = (),
    ) -> SpatialModel:
        return SpatialModel(
            family, formula, W, fixed_effects, correction, random, lag_y, lag_wy, regimes,
            estimator, endogenous, instruments, instrument_W,
        )  # fmt: skip

    make.__name__ = make.__qualname__ = family
    make.__doc__ = f"{says}\n\nThe arguments are those of `SpatialModel`."
    return make


ols = _maker(
    "ols",
    "Least squares without any spatial term: y = X beta + error; the baseline of the family.\n\n"
    "It takes no W, and says so; tests of the lags it lacks do: ``results.diagnostics(W=geo)``.",
)
slx = _maker(
    "slx",
    "Spatial lag of X: y = X beta + W X theta + error (Halleck Vega & Elhorst 2015).",
)
sar = _maker("sar", "Spatial autoregression: y = rho W y + X beta + error.")
sdm = _maker("sdm", "Spatial Durbin model: y = rho W y + X beta + W X theta + error.")
sem = _maker("sem", "Spatial error model: y = X beta + u, u = lambda W u + error.")
sdem = _maker(
    "sdem",
    "Spatial Durbin error model: y = X beta + W X theta + u, u = lambda W u + error.",
)
sac = _maker(
    "sac",
    "Spatial lag and error (SARAR): y = rho W y + X beta + u, u = lambda M u + error.",
)
gns = _maker(
    "gns",
    "General nesting model: Wy, WX and a spatial error (Elhorst 2014, chapter 2).",
)
mess = _maker(
    "mess",
    "Matrix exponential: e^(alpha W) y = X beta + error (LeSage & Pace 2007).",
)
mess_sdm = _maker(
    "mess_sdm",
    "Matrix exponential with WX terms: e^(alpha W) y = X beta + W X theta + error.",
)
mess_sem = _maker(
    "mess_sem",
    "Matrix exponential error: y = X beta + u, e^(alpha_u W) u = error.",
)
mess_sac = _maker(
    "mess_sac",
    "Matrix exponential lag and error, MESS(1,1): e^(alpha W) y = X beta + u, "
    "e^(alpha_u M) u = error (Debarsy, Jin & Lee 2015).",
)


def _among(field: str, value: object, allowed: tuple[object, ...]) -> None:
    if not isinstance(value, Hashable) or value not in allowed:
        fixed = field == "fixed_effects"
        means = " 'individual' is of cities, 'time' of years, 'twoways' both." if fixed else ""
        raise ModelError(f"{field}={value!r} is not one of {', '.join(map(repr, allowed))}.{means}")
