"""How sure the shares of a mixture are: profile intervals, tests at the boundary, warnings.

A share lives in [0, 1] and may be estimated at an end, so normal intervals and chi-squared
tests do not hold. The interval is the set of values that a likelihood-ratio test does not
reject. That shares are zero is tested by the likelihood ratio, whose distribution is a
mixture of chi-squared ones with 0 ... k degrees of freedom (Self & Liang 1987; weights:
Shapiro 1988), or by redrawing the data under the hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
from scipy.special import chdtrc, ndtri

from spatialsyn.engine.tasks import HERE, Engine, ranges
from spatialsyn.errors import ModelError, listed, named
from spatialsyn.models.convex import at, check_peak, concentrated, highest, mixture_of
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.fan import diverging
from spatialsyn.models.information import information
from spatialsyn.models.likelihood import filtered
from spatialsyn.models.mixture import Mixture
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.numerics.lags import Array, dense, lag
from spatialsyn.numerics.multiplier import multiplied_out, multiplier
from spatialsyn.numerics.randomness import generator
from spatialsyn.numerics.transform import sweep
from spatialsyn.weights.core import ROW_SUM

# Weights, and lags of y, that correlate by more than this are hard to tell apart.
ALIKE_WEIGHTS, ALIKE_LAGS = 0.9, 0.95
# |rho| / se below which shares are as good as unidentified.
NEAR_ZERO = 2.0
# Likelihood ratios below this are rounding.
ROUNDING = 1e-7
# Draws for the weights of four and more shares.
WEIGHT_DRAWS = 20_000
# Samples of a task.
TASK = 10


def share_interval(
    design: Design, estimate: Estimate, share: int, level: float
) -> tuple[float, float]:
    """The profile-likelihood interval of one share, inside [0, 1]."""
    from scipy.optimize import brentq

    peak, top = _spatial(design, estimate), float(ndtri((1 + level) / 2)) ** 2 / 2
    best, value = peak[1 + share], concentrated(design, peak)

    def fall(c: float, climbs: int = 0) -> float:
        """How much less likely this share is than the rejected one."""
        start = _moved(peak, share, c, mixture_of(design))
        return value - concentrated(design, highest(design, {share: c}, start, climbs)) - top

    ends = [end if best == end or fall(end, climbs=1) <= 0 else brentq(fall, end, best, xtol=1e-7)
            for end in (0.0, 1.0)]  # fmt: skip
    return float(ends[0]), float(ends[1])


def share_test(
    design: Design,
    estimate: Estimate,
    names: Iterable[str],
    y: Array,
    draws: int,
    seed: int,
    engine: Engine = HERE,
) -> HypothesisTest:
    """The likelihood-ratio test that the shares of `names` are zero.

    Parameters
    ----------
    y : (n, T), the outcome, not swept
    draws : of the bootstrap; 0 for the asymptotic mixture of chi-squared distributions
    """
    mixture = mixture_of(design)
    tested = _positions(mixture, names)
    null = check_peak(design, highest(design, dict.fromkeys(tested, 0.0)))
    statistic = _ratio(design, null, _spatial(design, estimate))
    notes = _davies(estimate, mixture)
    if draws:
        larger = _redrawn(design, null, tested, y, draws, seed, engine) >= statistic
        p = float(1 + larger.sum()) / (1 + draws)
        how = f"parametric bootstrap, {draws} draws, seed {seed}"
    else:
        weights = _chi_bar_weights(_covariance_at(design, null, tested), seed)
        tails = [float(chdtrc(k, statistic)) for k in range(1, len(weights))]
        p = 1.0 if statistic == 0 else float(weights[1:] @ tails)
        how = "distribution " + " + ".join(f"{w:.3g} chi2_{k}" for k, w in enumerate(weights))
        zero = [w for i, w in enumerate(mixture.weights) if i not in tested and null[1 + i] == 0]
        notes += [f"the share of {named(zero)} is zero too: bootstrap instead"] if zero else []
    words = f"share of {named(mixture.weights[i] for i in tested)} is zero"
    return HypothesisTest(words, statistic, len(tested), p, "; ".join([how, *notes]))


def warnings_of(design: Design, estimate: Estimate) -> list[str]:
    """What a reader must know of matrices: hard to tell apart, or without a series."""
    names, p = [name[4:-1] for name in design.rho_names], len(design.names)
    rho, mixed = estimate.params[p : p + len(names)], design.mixture is not None
    far = [] if mixed else diverging(design, rho)
    if len(names) < 2 and not mixed:
        return far
    off = ~np.eye(len(design.y), dtype=bool)
    flat, found = [dense(W)[..., off] for W in design.W], []
    for i, j in combinations(range(len(names)), 2):
        # One W beside one of every year meets each of its years.
        first, second = np.broadcast_arrays(flat[i], flat[j])
        links = _correlation(first.ravel(), second.ravel())
        lags = _correlation(design.Wy[..., i].ravel(), design.Wy[..., j].ravel())
        if links > ALIKE_WEIGHTS or lags > ALIKE_LAGS:
            found.append(
                f"W[{names[i]}] and W[{names[j]}] overlap (correlation of the weights {links:.2f}, "
                f"of the lags of y {lags:.2f}): the data hardly tell them apart."
            )
    if design.mixture is None:
        return found + far
    sums = [dense(W).sum(axis=-1) for W in design.W]
    if max(float(np.abs(s - 1).max()) for s in sums) > ROW_SUM:
        found.append(
            "Not all rows of the mixed matrices sum to one: shares depend on their scales."
        )
    shares = estimate.params[design.mixture.shares]
    zero = [f"W[{name}]" for name, share in zip(names, shares, strict=True) if share == 0]
    if zero:
        found.append(
            f"The share of {', '.join(zero)} is estimated at zero: it has no standard error, and "
            "those of all others hold it there. See its interval and share_test."
        )
    return [*found, *(f"{doubt}." for doubt in _davies(estimate, design.mixture))]


def _davies(estimate: Estimate, mixture: Mixture) -> list[str]:
    """A note where rho is not told from zero."""
    where = estimate.names.index(mixture.rho_name)
    assert estimate.cov is not None
    rho, se = estimate.params[where], np.sqrt(estimate.cov[where, where])
    if abs(rho) >= NEAR_ZERO * se:
        return []
    return [
        f"rho = {rho:.4g} (s.e. {se:.4g}) is not told from zero: shares are not identified at "
        "rho = 0 (Davies)"
    ]


def _correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if min(np.ptp(a), np.ptp(b)) > 0 else 0.0


def _spatial(design: Design, estimate: Estimate) -> Array:
    """(rho, shares, lambda)."""
    return estimate.params[len(mixture_of(design).columns) : -1]


def _positions(mixture: Mixture, names: Iterable[str]) -> list[int]:
    given = [names] if isinstance(names, str) else names
    what = f"the shares that are tested have the names {named(mixture.weights)}"
    chosen = list(dict.fromkeys(listed(given, what, ModelError)))
    foreign = [name for name in chosen if name not in mixture.weights]
    if not chosen:
        raise ModelError(f"{what}; got none.")
    if foreign:
        raise ModelError(f"{named(foreign)} is not mixed here; there are {named(mixture.weights)}.")
    if len(chosen) == len(mixture.weights):
        raise ModelError(
            "shares sum to one: not all of them can be zero. Test one less, or rho: res.tidy()."
        )
    return [mixture.weights.index(name) for name in chosen]


def _moved(x: Array, share: int, value: float, mixture: Mixture) -> Array:
    """x with one share at `value` and the others scaled."""
    moved, m = x.copy(), len(mixture.weights)
    others = [1 + i for i in range(m) if i != share]
    left = moved[others].sum()
    moved[others] = (1 - value) * (moved[others] / left if left > 0 else 1 / max(m - 1, 1))
    moved[1 + share] = value
    return moved


def _ratio(design: Design, null: Array, peak: Array) -> float:
    statistic = 2 * (concentrated(design, peak) - concentrated(design, null))
    return statistic if statistic > ROUNDING else 0.0


def _covariance_at(design: Design, null: Array, tested: list[int]) -> Array:
    """Covariance, under the hypothesis, of what the tested shares would be were they free."""
    mixture, params = mixture_of(design), at(design, null)
    wide, P, m = mixture(params), len(design.names), len(design.rho_names)
    inverse = multiplier(design.W, wide[P : P + m], len(design.y))
    y, Z = filtered(design, wide[P:-1])
    residuals = (y - Z @ wide[:P]).reshape(design.y.shape)
    info = information(
        design, inverse, wide[:P], wide[P:-1], float(wide[-1]), residuals, "expected"
    )
    towards = np.zeros((len(params), len(tested)))
    towards[mixture.shares] = np.eye(m)[:, tested] - params[mixture.shares][:, None]
    moves = mixture.jacobian(params) @ np.hstack([mixture.free(params), towards])
    k = len(tested)
    return np.asarray(np.linalg.inv(moves.T @ info @ moves)[-k:, -k:])


def _chi_bar_weights(V: Array, seed: int) -> Array:
    """Weights of chi2_0 ... chi2_k for estimates ~ N(0, V) projected on the positive orthant."""
    k = len(V)
    weights = np.zeros(k + 1)
    if k > 3:
        from scipy.optimize import nnls

        root = np.linalg.cholesky(np.linalg.inv(V)).T
        for z in generator(seed).standard_normal((WEIGHT_DRAWS, k)):
            weights[int((nnls(root, z)[0] > 0).sum())] += 1 / WEIGHT_DRAWS
        return weights
    weights[k], weights[0] = _orthant(V), _orthant(np.linalg.inv(V))
    for j in range(1, k):  # even and odd degrees of freedom share the mass equally
        weights[j] = 0.5 - weights[j % 2 :: 2].sum()
    return weights


def _orthant(V: Array) -> float:
    """P(all z > 0) for z ~ N(0, V) of up to three dimensions."""
    k, scale = len(V), np.sqrt(np.diag(V))
    correlations = (V / np.outer(scale, scale))[np.triu_indices(k, 1)]
    return float(2.0**-k + np.arcsin(correlations).sum() * 2.0 ** (1 - k) / np.pi)


def _redrawn(
    design: Design,
    null: Array,
    tested: list[int],
    y: Array,
    draws: int,
    seed: int,
    engine: Engine,
) -> Array:
    """The likelihood ratios of samples drawn under the hypothesis."""
    if design.error is not None:
        raise ModelError("the bootstrap of shares is not available with a spatial error.")
    stream, items = generator(seed), []
    for which in ranges(draws, TASK):
        items.append((deepcopy(stream), which.stop - which.start))
        stream.standard_normal((items[-1][1], *y.shape))  # the next ones begin behind these
    return np.concatenate(engine.all(partial(_ratios, design, null, tested, y), items))


def _ratios(
    design: Design,
    null: Array,
    tested: list[int],
    y: Array,
    item: tuple[np.random.Generator, int],
) -> Array:
    """The likelihood ratios of so many samples, with errors of that generator."""
    generator, size = item
    wide, P, m = mixture_of(design)(at(design, null)), len(design.names), len(design.rho_names)
    rho, sigma = wide[P : P + m], np.sqrt(wide[-1])
    error = design.y - design.Wy @ rho - design.Z @ wide[:P]
    signal = lag(multiplied_out(design.W, rho, len(y)), y) - error
    inverse, ratios = multiplier(design.W, rho, len(y)), []
    for _ in range(size):
        again = lag(inverse, signal + sigma * generator.standard_normal(y.shape))
        lags = np.stack([lag(W, again) for W in design.W], axis=2)
        fixed = design.fixed_effects
        drawn = replace(design, y=sweep(again, fixed), Wy=sweep(lags, fixed))
        restricted = highest(drawn, dict.fromkeys(tested, 0.0), null, climbs=1)
        ratios.append(_ratio(drawn, restricted, highest(drawn, None, null, climbs=1)))
    return np.array(ratios)
