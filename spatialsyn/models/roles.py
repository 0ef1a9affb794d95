"""Which weights matrix does what in a model: lag the outcome, the regressors, the error.

`W` may be one name, a list of names (an own rho, and own WX terms, for each), or a
mapping of roles::

    {"wy": "geo", "wx": "dig", "wu": "geo"}
    {"wy": ["geo", "dig"], "wx": {"va": "dig", "fdi": "geo"}}

or a mixture, one rho for a W whose shares are estimated: `convex("geo", "dig")`, which a study
file writes ``{convex = ["geo", "dig"], wx = "each"}``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatialsyn.errors import ModelError, expect, named
from spatialsyn.numerics.transform import FIXED_EFFECTS

# What each family lags: the outcome (y), the regressors (x), the error (u).
FAMILIES: dict[str, str] = {
    "ols": "",
    "slx": "x",
    "sar": "y",
    "sdm": "yx",
    "sem": "u",
    "sdem": "xu",
    "sac": "yu",
    "gns": "yxu",
    "mess": "y",
    "mess_sdm": "yx",
    "mess_sem": "u",
    "mess_sac": "yu",
}


@dataclass(frozen=True, repr=False)
class Convex:
    """One W mixed of several, sum_m share_m W_m, with shares in [0, 1] that sum to one.

    Attributes
    ----------
    names : the matrices
    wx : "each" gives the regressors an own theta per matrix, "combined" the mixture too
    """

    names: tuple[str, ...]
    wx: str = "each"

    @property
    def name(self) -> str:
        """The mixture, as parameters name it: ``geo+dig``."""
        return "+".join(self.names)

    def __repr__(self) -> str:
        return f"ss.convex({', '.join(map(repr, self.names))}, wx={self.wx!r})"

    def __str__(self) -> str:
        parts = " + ".join(f"share[{name}]*W[{name}]" for name in self.names)
        return f"W[{self.name}] = {parts}"


def convex(*names: str, wx: str = "each") -> Convex:
    """A convex combination of weights matrices, for the W of sar and sdm.

    rho sum_m share_m W_m y with shares that are estimated, at least zero, and sum to one
    (Debarsy & LeSage 2018, Regional Science and Urban Economics 69).

    Parameters
    ----------
    names : the matrices, one by one
    wx : "each" | "combined"
        In models with WX: sum_m W_m X theta_m, or (sum_m share_m W_m) X theta.

    Raises
    ------
    ModelError
        What is not a name, a name that stands there twice, or another `wx`.
    """
    if wx not in ("each", "combined"):
        raise ModelError(f"convex has wx={wx!r}, which is neither 'each' nor 'combined'.")
    if not names or not all(isinstance(name, str) for name in names):
        raise ModelError(
            f"convex takes the names of weights matrices one by one, convex('geo', 'dig'); got "
            f"{names!r}."
        )
    return Convex(_names("convex", names), wx)


@dataclass(frozen=True)
class Roles:
    """The matrices of a model by what they lag.

    Attributes
    ----------
    wy : matrices of Wy, an own rho for each
    wx : pairs (matrix, terms it lags); no terms stands for all that may be lagged
    wu : the matrix of the spatial error, or None
    mixed : the mixture that the matrices of Wy form, or None
    """

    wy: tuple[str, ...] = ()
    wx: tuple[tuple[str, tuple[str, ...]], ...] = ()
    wu: str | None = None
    mixed: Convex | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every matrix once."""
        error = () if self.wu is None else (self.wu,)
        return tuple(dict.fromkeys([*self.wy, *(name for name, _ in self.wx), *error]))


def roles(family: str, W: Any) -> Roles:
    """Read the `W` of a model of `family`.

    Raises
    ------
    ModelError
        A role that the family does not have or that is not filled, or several matrices
        where one is needed.
    """
    lags = FAMILIES[family]
    if not lags:
        shown = list(W.names) or None if isinstance(W, Roles) else W
        if isinstance(shown, str) and shown in FIXED_EFFECTS:
            raise ModelError(
                f"{family} has no spatial lag, and W={shown!r} is no matrix: fixed effects are "
                f"named, fixed_effects={shown!r}."
            )
        if shown is not None:
            raise ModelError(
                f"{family} has no spatial lag: leave W={shown!r:.60} out, model.but(family='ols', "
                "W=None), or use slx, sar, sdm or sem. Tests of the lags it lacks take the "
                "Weights themselves: results.diagnostics(W=geo), "
                'ss.diagnostics.lm(results, "lag", W=geo).'
            )
        return Roles()
    if isinstance(W, Roles):
        return _fitting(family, W)
    if W is None:
        raise ModelError(
            f'{family} needs W: the name of a weights matrix, such as W="geo", a list of names, or '
            f"a mapping of its roles {named(f'w{lag}' for lag in lags)}."
        )
    W = _written(W)
    given = dict(W) if isinstance(W, Mapping) else {f"w{lag}": W for lag in lags}
    given = {role: _written(value) for role, value in given.items()}
    needed = {f"w{lag}" for lag in lags}
    if set(given) != needed:
        raise ModelError(
            f"{family} has the roles {named(sorted(needed))}; W gives {named(sorted(given))}."
        )
    mixed = given.get("wy") if isinstance(given.get("wy"), Convex) else None
    given = {role: _unmixed(family, role, value, mixed) for role, value in given.items()}
    return Roles(
        wy=_names("wy", given["wy"]) if "y" in lags else (),
        wx=_terms(given["wx"]) if "x" in lags else (),
        wu=_one("wu", given["wu"]) if "u" in lags else None,
        mixed=mixed,
    )


def _written(value: Any) -> Any:
    """The mixture that a mapping with the key ``convex`` stands for; anything else as it is."""
    if not isinstance(value, Mapping) or "convex" not in value:
        return value
    names = value["convex"]
    if set(value) - {"convex", "wx"} or not isinstance(names, list | tuple):
        raise ModelError(
            f"W={dict(value)!r} is no mixture: it has convex, a list of names, and wx, "
            '{convex = ["geo", "dig"], wx = "each"}.'
        )
    return convex(*names, wx=value.get("wx", "each"))


def _unmixed(family: str, role: str, value: Any, mixed: Convex | None) -> Any:
    """The names in `value`; a mixture is one of Wy, which WX may share."""
    if isinstance(value, Convex) and role == "wu":
        raise ModelError(
            f"{family} cannot mix the matrix of its error. Mix that of the outcome and name one "
            'for the error: ss.sac(..., W={"wy": ss.convex("geo", "dig"), "wu": "geo"}).'
        )
    if isinstance(value, Convex) and value != mixed:
        raise ModelError(
            f"{family} has no lag of the outcome with the mixture {value.name!r} that WX could "
            "share. Use sar or sdm with W=ss.convex(...), or a list of names, an own theta each."
        )
    if role == "wx" and mixed is not None and mixed.wx == "combined" and value != mixed:
        raise ModelError(
            f'convex(..., wx="combined") lags the regressors by {mixed.name!r}, but W gives them '
            f"{value!r}. Leave wx='combined' out."
        )
    return value.names if isinstance(value, Convex) else value


@dataclass(frozen=True)
class Regimes:
    """Own coefficients for every block of a grouping, inside one W.

    Attributes
    ----------
    grouping : name of a grouping of the panel, ``"region"``, or the column that `above` cuts
    x : the terms with own beta and theta; none stands for all of them
    rho : whether every block also has its own rho
    above : where a column cuts the city-years into two regimes; None with a grouping
    """

    grouping: str
    x: tuple[str, ...] = ()
    rho: bool = False
    above: float | None = None

    def __str__(self) -> str:
        own = [*self.x, *(["rho"] if self.rho else [])]
        name = self.grouping if self.above is None else f"{self.grouping} > {self.above:.6g}"
        return f"{name} ({', '.join(own)})" if own else name

    def check_names(self, weights: Iterable[str]) -> None:
        """Refuse the name of a W that reads as one and the block of its own rho."""
        colons = [name for name in weights if ":" in name] if self.rho else []
        if colons:
            raise ModelError(
                "regimes with rho=True call the rho of a block rho[W:block], so that "
                f"{colons[0]!r} cannot be the name of a W. Give it another: "
                f"weights.rename({colons[0].replace(':', '_')!r})."
            )


def regimes(
    grouping: str, x: Iterable[str] = (), rho: bool = False, above: float | None = None
) -> Regimes:
    """Let the blocks of `grouping` differ: in the coefficients of `x` (all by default), in rho.

    With a number `above`, `grouping` is a numeric column and the regimes are its city-years
    up to and above that number (a threshold model; `ss.threshold` estimates the number).

    A subsample would cut W and lose the neighbours across the border; regimes keep it. The
    coefficients belong to the receiving city: theta of a block is what its cities respond
    to, wherever their neighbours are.
    """
    listed = (x,) if isinstance(x, str) else tuple(x)
    if not isinstance(grouping, str) or not all(isinstance(name, str) for name in listed):
        raise ModelError(f"regimes({grouping!r}, x={x!r}) needs the name of a grouping and terms.")
    expect(rho, (bool, np.bool_), "rho is True or False: an own rho per block", ModelError)
    if above is None:
        return Regimes(grouping, listed, bool(rho))
    if isinstance(above, bool) or not isinstance(above, int | float) or not math.isfinite(above):
        raise ModelError(f"regimes(above={above!r}) needs a number, a value of {grouping!r}.")
    if rho:
        raise ModelError(
            "a threshold moves the coefficients of regressors and of their lags, not rho: leave "
            "rho=True out."
        )
    return Regimes(grouping, listed, False, float(above))


def as_regimes(value: Any) -> Regimes | None:
    """What a model was given as its regimes."""
    if value is None or isinstance(value, Regimes):
        return value
    if isinstance(value, Mapping):
        foreign = sorted(set(value) - {"grouping", "x", "rho", "above"})
        if foreign or "grouping" not in value:
            raise ModelError(
                f"regimes has the keys grouping, x, rho and above; got {named(value)}."
            )
        return regimes(**value)
    return regimes(value)


def lagged_before(family: str, given: Roles, lag_wy: Any) -> tuple[str, ...]:
    """The matrices of W y(t-1): those of Wy, or the named ones."""
    if lag_wy is True and not given.wy:
        raise ModelError(
            f"{family} has no lag of the outcome whose matrix lag_wy=True could take: name one, "
            'lag_wy="geo".'
        )
    if lag_wy is True:
        return given.wy
    return _names("lag_wy", lag_wy) if lag_wy else ()


def _fitting(family: str, given: Roles) -> Roles:
    """`given`, if it fills exactly the roles of `family`."""
    filled = {"y": bool(given.wy), "x": bool(given.wx), "u": given.wu is not None}
    if {lag for lag, there in filled.items() if there} != set(FAMILIES[family]):
        raise ModelError(f"the roles of {given.names} do not fit {family}: give W again.")
    return given


def _names(role: str, value: Any) -> tuple[str, ...]:
    listed = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not listed or not all(isinstance(name, str) for name in listed):
        raise ModelError(
            f'{role}={value!r} must name one weights matrix or several, by name: W="geo". The '
            "matrices themselves go to ss.fit(model, panel, weights)."
        )
    if len(set(listed)) < len(listed):
        raise ModelError(
            f"{role} names a matrix twice ({named(listed)}): two equal lags cannot be told apart."
        )
    return listed


def _one(role: str, value: Any) -> str:
    listed = _names(role, value)
    if len(listed) > 1:
        raise ModelError(
            f"{role} names {named(listed)}, but the error has one matrix. Say which: "
            'W={"wy": [...], "wu": "geo"}.'
        )
    return listed[0]


def _terms(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, Mapping):
        return tuple((name, ()) for name in _names("wx", value))
    by_name: dict[str, list[str]] = {}
    for term, listed in value.items():
        for name in _names("wx", listed):
            by_name.setdefault(name, []).append(str(term))
    return tuple((name, tuple(terms)) for name, terms in by_name.items())
