"""Instruments as data: evaluated, lagged, swept, and freed of what depends on the rest.

    H = [Zx, W_j Zx, W_j^2 Zx, M Zx, z, W z, W_j^2 z]

Zx are the exogenous columns of Z = [X, WX], so that a Durbin model gets W^3 X (the constant is
lagged by M only); W_j are the matrices of Wy, M that of the error; z are external instruments,
with a lag by every matrix.
E[Wy] = W S^-1 Z delta is made of these lags (Kelejian & Prucha 1998, Journal of Real Estate
Finance and Economics 17), M Zx makes two stages of filtered data generalised least squares,
and a spatial first stage without W z makes a valid instrument invalid (Betz, Cook & Hollenbach
2020, Political Science Research and Methods 8).

Where a matrix is endogenous all lags by it are, and the instruments are lags by the one that
stands in for it, V: V Zx, V^2 Zx, and V^3 Zx in a Durbin model (Kelejian & Piras 2014, Regional
Science and Urban Economics 46).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spatialsyn.errors import ModelError, named
from spatialsyn.models.columns import Column
from spatialsyn.models.endogenous import terms_of
from spatialsyn.models.formula import Regressors
from spatialsyn.models.roles import Roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import lag_of
from spatialsyn.numerics.lags import Array, lag
from spatialsyn.numerics.transform import sweep
from spatialsyn.weights.series import Links

# A column whose part that the others do not explain is below this share of its size before
# the effects were swept out consists of rounding.
DEPENDENT = 1e-12
# An external instrument is refused rather than left out below this share.
ABSORBED = 1e-9


@dataclass(frozen=True, eq=False)
class Instruments:
    """The instruments of a design, swept of its fixed effects.

    Estimates and tests depend on the space that instruments span, not on its basis.

    Attributes
    ----------
    basis : (n T, q) orthonormal; column j is instrument j less what those before it explain
    names : the q instruments, exogenous regressors first
    included : how many of them are regressors
    dropped : instruments that depend on others and were left out
    endogenous : name -> position among the columns of [Z, Wy]
    """

    basis: Array
    names: tuple[str, ...]
    included: int
    dropped: tuple[str, ...]
    endogenous: Mapping[str, int]

    @property
    def excluded(self) -> tuple[str, ...]:
        """The instruments that are no regressors."""
        return self.names[self.included :]


def instruments(
    model: SpatialModel,
    data: Regressors,
    X: Array,
    of: Sequence[Column],
    outside: Regressors | None,
    weights: Mapping[str, Links],
) -> Instruments:
    """The instruments for the columns of Z = `X`, (n, T, p), not yet swept.

    `of` says what each column is.

    Raises
    ------
    ModelError
        An external instrument that the fixed effects absorb, or fewer instruments than
        endogenous columns once dependent ones are left out.
    """
    owner = dict(zip(data.names, data.terms, strict=True))
    chosen = terms_of(model.endogenous, model.formula)
    names, stands = tuple(column.name for column in of), dict(model.instrument_W)
    troubled = [bool(c.x and owner[c.x] in chosen) or c.W in stands for c in of]
    endogenous = {name: j for j, name in enumerate(names) if troubled[j]}
    endogenous |= {lag_of(W, data.outcome): len(names) + j for j, W in enumerate(model.roles.wy)}
    columns = {name: X[..., j] for j, name in enumerate(names) if not troubled[j]}
    exogenous = tuple(columns)
    external = {}
    if outside is not None:
        given = enumerate(outside.names)
        external = {z: outside.X[..., j] for j, z in given if z != "Intercept"}
    _check_absorbed(external, model.fixed_effects)
    for name, (W, source) in excluded(exogenous, tuple(external), model.roles, stands).items():
        columns[name] = lag(weights[W].over(data.years), columns[source]) if W else external[source]
    basis, kept = independent_columns(columns, model.fixed_effects)
    included = sum(name in exogenous for name in kept)
    # The lag of the constant by a row-standardised matrix is the constant: nothing to tell.
    dropped = tuple(n for n in columns if n not in kept and not n.endswith("*Intercept"))
    if len(kept) - included < len(endogenous):
        raise ModelError(
            f"{len(endogenous)} endogenous columns ({named(endogenous)}) have "
            f"{len(kept) - included} instruments left ({named(kept[included:]) or 'none'}); "
            f"{named(dropped) or 'none'} depend on the others or are absorbed by the fixed effects."
        )
    return Instruments(
        basis=basis,
        names=kept,
        included=included,
        dropped=dropped,
        endogenous=endogenous,
    )


def excluded(
    exogenous: Sequence[str], external: Sequence[str], given: Roles, stands: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """The instruments that are no regressors: name -> (matrix, column that it lags).

    External instruments themselves have no matrix, (``""``, name). The order is that of
    preference: a column that depends on those before it is left out.
    """
    made: dict[str, tuple[str, str]] = {}

    def add(W: str, of: str) -> None:
        if (name := lagged(W, of)) not in exogenous:
            made.setdefault(name, (W, of))

    varying = [name for name in exogenous if name != "Intercept"]
    through = {W: stands.get(W, W) for W in given.names}
    lags_x = [W for W, _ in given.wx if W in stands]
    for W in dict.fromkeys((*given.wy, *lags_x)):
        before = varying
        # A lag of x by an exogenous matrix is in `varying`; by one that is not, it needs its own.
        for _ in range(2 * (W in given.wy) + (W in lags_x)):
            for name in before:
                add(through[W], name)
            before = [lagged(through[W], name) for name in before]
    for name in exogenous if given.wu is not None else ():
        add(str(given.wu), name)
    for z in external:
        made[z] = ("", z)
        for W in given.names:
            add(through[W], z)
        for W in given.wy:
            add(through[W], lagged(through[W], z))
    return made


def lagged(W: str, name: str) -> str:
    """``W[geo]*x`` of ``x``, ``W[geo]^2*x`` of that."""
    own = re.fullmatch(rf"W\[{re.escape(W)}\](?:\^(\d+))?\*(.+)", name)
    if own is None:
        return lag_of(W, name)
    return f"W[{W}]^{int(own[1] or 1) + 1}*{own[2]}"


def independent_columns(
    columns: Mapping[str, Array], fixed_effects: str
) -> tuple[Array, tuple[str, ...]]:
    """An orthonormal basis of the swept `columns`, and which of them it is made from."""
    basis = np.empty((next(iter(columns.values())).size, 0))
    kept = []
    for name, raw in columns.items():
        rest = sweep(raw, fixed_effects).ravel()
        for _ in range(2):  # once more for what rounding left of the first projection
            rest = rest - basis @ (basis.T @ rest)
        length = float(np.linalg.norm(rest))
        if length > DEPENDENT * float(np.linalg.norm(raw)):
            basis = np.column_stack([basis, rest / length])
            kept.append(name)
    return basis, tuple(kept)


def _check_absorbed(external: Mapping[str, Array], fixed_effects: str) -> None:
    left = {name: np.linalg.norm(sweep(z, fixed_effects)) for name, z in external.items()}
    absorbed = [name for name in left if left[name] <= ABSORBED * np.linalg.norm(external[name])]
    if absorbed:
        raise ModelError(
            f"instruments={named(absorbed)}: nothing is left once fixed_effects={fixed_effects!r} "
            "are removed. An instrument has to vary over cities and years as the regressor does: "
            "multiply it with something that varies over years (a national trend, for example)."
        )
