"""Where is an effect zero? The hypotheses that its own is the union of.

    R(rho)'delta = 0

is one restriction of the coefficients at every rho. Where R(rho) = 0 it restricts none: at such a
rho the effect is zero whatever they are. Those of all coefficients vanish together at rho = 0:
the indirect effects of a SAR do, and those between blocks without a link. With c rho^k the first
term of R there, what is left is that R(rho)'delta / rho^k = 0. Of a single coefficient R(rho) is a
number, and powers of W may cancel at other rho too (what a city of a SAR emits less what it
receives is zero at rho = 0.47, say); what is left is that the coefficient is zero. With several W
R(rho) = 0 of a single coefficient is a curve through rho = 0, which has no test here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from spatialsyn.errors import ModelError
from spatialsyn.models.constrained import Effect
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array
from spatialsyn.numerics.logdet import JointLogDet, LogDet
from spatialsyn.numerics.optimize import scanned

# Derivatives of an effect this small, beside what they are elsewhere, are zero but for rounding.
NONE = 1e-12
# Rounding of R(rho), and the rho, in parts of 1/|w|max, from which its first term is read.
ROUNDING, SMALL = 1e-16, 1e-2
# Where an effect over a power of rho is read for one between them, in parts of the nearest.
NODES = np.array([-2.0, -1.0, 1.0, 2.0])
# Where it is seen which coefficients move an effect. Not at the estimate: near rho = 0 what begins
# with a high power of rho is rounding.
ANYWHERE = 0.37


class Part(NamedTuple):
    """One of the hypotheses under which an effect is zero.

    Attributes
    ----------
    label : the hypothesis, such as ``rho[geo] = 0``
    of : the coefficient that is zero, by its name, the value that rho has, or the effect that is
        zero: that which is asked for, or itself over a power of rho
    """

    label: str
    of: str | float | Effect


def parts(design: Design, name: str, effect: Effect) -> list[Part]:
    """All hypotheses under which the effect `name` is zero, of a model without a spatial error.

    Raises
    ------
    ModelError
        Several lags of y, and an effect that is zero where all of their rho are.
    """
    whole, logdet, p = Part("effect = 0", effect), design.logdet, len(design.names)
    if not design.W:
        return [whole]
    here, nowhere = carried(design, effect), carried(design, effect, 0.0)
    vanishes = bool(nowhere.max() <= NONE * here.max())
    if not isinstance(logdet, LogDet):
        return [_only(whole, vanishes, name, design.rho_names)]
    moving, unit = np.flatnonzero(here), 1 / logdet.radii[0]
    units = np.eye(p)[moving]
    k = _order(effect, units, _seen(effect, units, SMALL * unit, unit)) if vanishes else 0
    small = ROUNDING ** (1 / (k + len(NODES)))  # rounding is as large as what a cubic leaves
    least = _seen(effect, units, small * unit, unit / 2) if k else 0.0
    left = partial(_over, effect, p, k, least) if k else effect
    rho = design.rho_names[0]
    found = [Part(f"{rho} = 0", 0.0)] if k else []
    if len(moving) > 1:
        power = f"{rho}^{k}" if k > 1 else rho
        return [*found, Part(f"effect / {power} = 0", left)] if k else [whole]
    roots = _roots(left, units[0], logdet)
    found += [Part(f"{rho} = {root:.3g}", root) for root in roots if abs(root) > least]
    coefficient = design.names[moving[0]]
    return [*found, Part(f"{coefficient} = 0", coefficient)] if found else [whole]


def carried(design: Design, effect: Effect, share: float = ANYWHERE) -> Array:
    """(p,) how far coefficients move an effect; none does where it is zero by construction.

    Parameters
    ----------
    share : the sum of |rho| in parts of one over the spectral radius of each W
    """
    p, logdet, rho = len(design.names), design.logdet, np.zeros(0)
    if isinstance(logdet, LogDet | JointLogDet):
        rho = share / len(logdet.radii) / np.array(logdet.radii)
    return np.abs(effect(np.r_[np.zeros(p), rho, 1.0])[1][:p])


def _only(whole: Part, vanishes: bool, name: str, rho: Sequence[str]) -> Part:
    if not vanishes:
        return whole
    raise ModelError(
        f"the effect [{name}] is zero where {' and '.join(rho)} are, whatever the coefficients, "
        "and elsewhere too: that is tested in models with one lag of y only. Choose other effects "
        'by rows=; this one has effects(method="bootstrap") of ss.wild_bootstrap(results).'
    )


def _seen(effect: Effect, units: Array, rho: float, end: float) -> float:
    """The first of rho, 2 rho, 4 rho, ... up to `end` at which R(rho) and R(-rho) are not zero.

    They may be: readings take differences that are rounding for that.
    """

    def seen(rho: float) -> bool:
        return any(effect(np.r_[unit, rho, 1.0])[0] for unit in units)

    while rho < end and not (seen(rho) and seen(-rho)):
        rho *= 2
    return rho


def _order(effect: Effect, units: Array, rho: float) -> int:
    """k, where R(rho) begins with rho^k: rho R' / R near zero, the least of all coefficients."""
    read = [effect(np.r_[unit, rho, 1.0]) for unit in units]
    orders = [rho * gradient[-2] / value for value, gradient in read if value]
    return max(1, round(min(orders, default=1.0)))


def _over(effect: Effect, where: int, k: int, least: float, params: Array) -> tuple[float, Array]:
    """An effect over rho^k, and its derivatives.

    Nearer to zero than `least`, where rounding would be seen, by the cubic through four others.
    """

    def at(rho: float) -> tuple[float, Array]:
        return _divided(effect, where, k, np.r_[params[:where], rho, params[where + 1 :]])

    rho = float(params[where])
    if abs(rho) >= least:
        return at(rho)
    values, gradients = map(np.array, zip(*[at(least * node) for node in NODES], strict=True))
    share, powers = rho / least, np.arange(len(NODES))
    one, slope = share**powers, powers * share ** np.maximum(powers - 1, 0) / least
    through = np.vander(NODES, increasing=True).T
    gradient = np.linalg.solve(through, one) @ gradients
    gradient[where] = np.linalg.solve(through, slope) @ values
    return float(np.linalg.solve(through, one) @ values), gradient


def _divided(effect: Effect, where: int, k: int, params: Array) -> tuple[float, Array]:
    rho, (value, gradient) = params[where], effect(params)
    gradient = gradient / rho**k
    gradient[where] -= k * value / rho ** (k + 1)
    return value / rho**k, gradient


def _roots(effect: Effect, unit: Array, logdet: LogDet) -> list[float]:
    """The rho, |rho| < 1/|w|max, at which the effect of one coefficient changes its sign."""

    def weight(rho: float) -> float:
        return effect(np.r_[unit, rho, 1.0])[0]

    (low, high), reach = logdet.interval, 1 / logdet.radii[0]
    points = scanned((max(low, -reach), min(high, reach)))
    values = np.array([weight(rho) for rho in points])
    turns = np.flatnonzero(values[:-1] * values[1:] < 0)
    return [float(brentq(weight, points[i], points[i + 1])) for i in turns]
