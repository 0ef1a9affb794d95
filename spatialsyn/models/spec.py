"""Specifications: names only, no data.

A `SpatialModel` is a value. It can be hashed, pickled, compared, printed as an equation
and varied with `but`; `ss.fit` brings it together with a panel and weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from spatialsyn.errors import ModelError
from spatialsyn.models.formula import parse
from spatialsyn.numerics.transform import FIXED_EFFECTS, sweeps_cities, sweeps_time

FAMILIES = ("ols", "slx", "sar", "sdm")
CORRECTIONS = ("lee-yu", "direct")


@dataclass(frozen=True)
class SpatialModel:
    """One member of the Durbin family, by name.

        y = rho W y + X beta + W X theta + city effects + year effects + error

    ``sar`` leaves out WX, ``slx`` leaves out Wy, ``ols`` both.

    Parameters
    ----------
    family : "ols" | "slx" | "sar" | "sdm"
    formula : str
        ``"y ~ x + log(z)"``; regressors after a ``|`` are the only ones with a lag.
    W : str or None
        Name of the weights matrix.
    fixed_effects : "none" | "individual" | "time" | "twoways"
    correction : "lee-yu" | "direct"
        How fixed effects leave the likelihood: the transformation of Lee & Yu (2010),
        or dummy-variable maximum likelihood, whose sigma2 (individual effects) and rho
        (time effects) are biased in small panels.
    """

    family: str
    formula: str
    W: str | None = None
    fixed_effects: str = "none"
    correction: str = "lee-yu"

    def __post_init__(self) -> None:
        _among("family", self.family, FAMILIES)
        _among("fixed_effects", self.fixed_effects, FIXED_EFFECTS)
        _among("correction", self.correction, CORRECTIONS)
        if self.family != "ols" and not isinstance(self.W, str):
            raise ModelError(
                f"{self.family} needs W, the name of one weights matrix; got {self.W!r}. Several "
                "matrices in one model are not available in this version: compare models with one "
                "each, or combine the matrices beforehand."
            )
        if self.family == "ols" and self.W is not None:
            raise ModelError(f"ols has no spatial lag: leave W={self.W!r} out, or use ss.slx.")
        parsed = parse(self.formula)
        if self.has_wx and not any(parsed.lagged):
            raise ModelError(
                f"{self.family} lags the regressors in space, but {self.formula!r} has none to lag."
            )

    @property
    def has_wy(self) -> bool:
        """Whether the outcome is lagged in space."""
        return self.family in ("sar", "sdm")

    @property
    def has_wx(self) -> bool:
        """Whether regressors are lagged in space."""
        return self.family in ("slx", "sdm")

    @property
    def transforms(self) -> bool:
        """Whether fixed effects leave through the Lee-Yu transformation."""
        return self.correction == "lee-yu" and self.fixed_effects != "none"

    @property
    def weights_names(self) -> tuple[str, ...]:
        """The matrices that the model needs."""
        return () if self.W is None else (self.W,)

    @property
    def equation(self) -> str:
        """The model in one line."""
        parsed = parse(self.formula)
        terms = [f"rho[{self.W}]*W[{self.W}]*{parsed.outcome}"] if self.has_wy else []
        terms += [str(term) for term in parsed.terms]
        if self.has_wx:
            pairs = zip(parsed.terms, parsed.lagged, strict=True)
            terms += [f"W[{self.W}]*{term}" for term, flag in pairs if flag]
        effects = ["city"] if sweeps_cities(self.fixed_effects) else []
        effects += ["year"] if sweeps_time(self.fixed_effects) else []
        tail = f" | {' + '.join(effects)}" if effects else ""
        return f"{parsed.outcome} ~ {' + '.join(terms) or '1'}{tail}"

    def but(self, **changes: Any) -> SpatialModel:
        """The same specification with some fields changed."""
        unknown = sorted(set(changes) - set(self.__dataclass_fields__))
        if unknown:
            raise ModelError(
                f"a model has no {', '.join(unknown)}; it has "
                f"{', '.join(self.__dataclass_fields__)}."
            )
        return replace(self, **changes)

    def __str__(self) -> str:
        return self.equation


def ols(formula: str, fixed_effects: str = "none", correction: str = "lee-yu") -> SpatialModel:
    """Least squares without any spatial term; the baseline of the family."""
    return SpatialModel("ols", formula, None, fixed_effects, correction)


def slx(
    formula: str, W: str, fixed_effects: str = "none", correction: str = "lee-yu"
) -> SpatialModel:
    """Spatial lag of X: y = X beta + W X theta + error (Halleck Vega & Elhorst 2015)."""
    return SpatialModel("slx", formula, W, fixed_effects, correction)


def sar(
    formula: str, W: str, fixed_effects: str = "none", correction: str = "lee-yu"
) -> SpatialModel:
    """Spatial autoregression: y = rho W y + X beta + error."""
    return SpatialModel("sar", formula, W, fixed_effects, correction)


def sdm(
    formula: str, W: str, fixed_effects: str = "none", correction: str = "lee-yu"
) -> SpatialModel:
    """Spatial Durbin model: y = rho W y + X beta + W X theta + error."""
    return SpatialModel("sdm", formula, W, fixed_effects, correction)


def _among(field: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ModelError(f"{field}={value!r} is not one of {', '.join(map(repr, allowed))}.")
