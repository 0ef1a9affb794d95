"""How much each indicator counts in an index.

Every function takes normalised indicators z, (N, k), one column per indicator, and
returns k weights that sum to one. No method knows what matters: they reward spread
(entropy, variation), spread that others do not share (CRITIC), or spread that others do
share (PCA). Report the weights, and how the index changes with them (`sensitivity`).
`names` are what messages call the columns; their positions by default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from spatialsyn.errors import PanelError, named
from spatialsyn.numerics.lags import Array

# A method, several whose weights are combined, their shares, or the user's own weights.
Method = str | Sequence[str] | Mapping[str, float]
Names = Sequence[str] | None
# Rounding of a correlation, an entropy or a sum of weights.
TINY = 1e-9


def entropy_weights(z: Array, names: Names = None) -> Array:
    """Entropy weights.

        p_ij = z_ij / sum_i z_ij,   e_j = -sum_i p_ij ln p_ij / ln N,   w_j ~ 1 - e_j

    with 0 ln 0 = 0: shifting zeros by a small constant changes nothing, and a shift
    large enough to matter is a modelling choice (Shannon 1948; pooled over the panel, so
    N = cities x years). Entropy rewards sparsity: an indicator with one outlier, or with
    most cells at its minimum, takes nearly all the weight. Look at the weights.

    Raises
    ------
    PanelError
        Fewer than two rows, a negative cell, a column of zeros, or only constant columns.
    """
    _check(z, "entropy", names)
    total = z.sum(axis=0)
    p = z / total
    information = p * np.log(np.where(p > 0, p, 1.0))
    diversity = 1 + information.sum(axis=0) / np.log(len(z))
    if not diversity.sum() > 1e-15:
        raise PanelError("no indicator varies: entropy weights are not defined (0/0).")
    return np.asarray(diversity / diversity.sum())


def critic_weights(z: Array, names: Names = None) -> Array:
    """CRITIC: w_j ~ sigma_j sum_k (1 - r_jk), spread that other indicators do not share.

    Diakoulaki, Mavrotas & Papayannakis (1995), Computers & Operations Research 22(7).
    """
    _check(z, "CRITIC", names)
    spread = z.std(axis=0)
    if not (spread > 0).all():
        flat = _called(spread == 0, names)
        raise PanelError(f"the indicators {flat} are constant: they have no correlation.")
    conflict = (1 - np.corrcoef(z, rowvar=False).reshape(z.shape[1], -1)).sum(axis=1)
    if not conflict.max() > TINY:
        raise PanelError(
            "the indicators are perfectly correlated, or there is one only: CRITIC weights are "
            'not defined (0/0). Leave one out, or use method="equal".'
        )
    return np.asarray(spread * conflict / (spread * conflict).sum())


def variation_weights(z: Array, names: Names = None) -> Array:
    """Weights proportional to the coefficient of variation sigma_j / mean_j."""
    _check(z, "coefficient-of-variation", names)
    variation = z.std(axis=0) / z.mean(axis=0)
    if not variation.sum() > TINY:
        raise PanelError("no indicator varies: weights by variation are not defined (0/0).")
    return np.asarray(variation / variation.sum())


def pca_weights(z: Array, names: Names = None, anchor: int = 0) -> Array:
    """Weights of the indicators in the score of the principal components.

    The score is sum_c share_c PC_c over the components of the correlation matrix with an
    eigenvalue above one (the first in any case), share_c their explained variance. It is
    linear in z, so it equals sum_j w_j z_j up to scale and origin. The sign of a component
    is arbitrary: it is chosen so that the indicator `anchor` loads positively.

    Raises
    ------
    PanelError
        Components that are not unique, that the anchor does not load on, or a negative
        weight, which would let the index fall where an indicator improves.
    """
    _check(z, "PCA", names)
    spread = z.std(axis=0)
    if z.shape[1] < 2 or not (spread > 0).all():
        raise PanelError("PCA weights need two indicators at least, and none of them constant.")
    roots, vectors = np.linalg.eigh(np.corrcoef(z, rowvar=False))
    roots, vectors = roots[::-1], vectors[:, ::-1]
    kept = max(int((roots > 1 + TINY).sum()), 1)
    if (np.abs(np.diff(roots[: kept + 1])) < TINY).any():
        raise PanelError(
            f"components explain the same share of variance (eigenvalues {roots.round(6)}): they "
            'are not unique. Use method="equal" or another one.'
        )
    loadings = vectors[:, :kept]
    if (np.abs(loadings[anchor]) < 1e-6).any():
        first = _called(np.arange(len(loadings)) == anchor, names)
        raise PanelError(
            f"{first}, the anchor, does not load on every component, so their signs stay "
            "arbitrary. List another indicator first."
        )
    loadings = loadings * np.sign(loadings[anchor])
    weights = loadings @ (roots[:kept] / roots[:kept].sum()) / spread
    negative = weights < -TINY * np.abs(weights).max()
    if negative.any():
        raise PanelError(
            f"PCA gives {_called(negative, names)} a negative weight: the index would fall where "
            "the indicator improves. Check its sign, leave it out, or use another method."
        )
    return np.asarray(weights.clip(0) / weights.clip(0).sum())


def equal_weights(z: Array, names: Names = None) -> Array:
    """1 / k each."""
    return np.full(z.shape[1], 1 / z.shape[1])


METHODS: dict[str, Callable[[Array, Names], Array]] = {
    "entropy": entropy_weights,
    "equal": equal_weights,
    "critic": critic_weights,
    "variation": variation_weights,
    "pca": pca_weights,
}


def combined_weights(weights: Sequence[Array], shares: Sequence[float] | None = None) -> Array:
    """Several weightings as one: their geometric mean, or their sum with `shares`.

    w ~ (prod_m w_m)^(1/m), scaled to sum to one, or sum_m a_m w_m with sum a_m = 1.

    Parameters
    ----------
    weights : m weightings of the same k indicators, in one list
    shares : a, m numbers

    Raises
    ------
    PanelError
        Weightings that are no list of one length, shares that do not sum to one, or a product
        that is zero for all indicators.
    """
    sizes = [np.shape(one) for one in weights]
    if not sizes or sizes[0] == () or len(set(sizes)) > 1:
        raise PanelError(
            f"combined_weights takes a list of weightings of the same indicators, "
            f"combined_weights([entropy, critic]); got the shapes {sizes}."
        )
    listed = np.array(weights)
    if shares is not None and len(shares) != len(listed):
        raise PanelError(f"{len(listed)} weightings need as many shares; got {list(shares)}.")
    if shares is not None:
        a = np.asarray(shares, dtype=float)
        if not (a >= 0).all() or abs(a.sum() - 1) > TINY:
            raise PanelError(f"the shares of the methods must sum to one; they are {list(shares)}.")
        return np.asarray(a @ listed)
    product = np.prod(listed, axis=0) ** (1 / len(listed))
    if not product.sum() > 0:
        raise PanelError("the weightings have no indicator in common: their product is zero.")
    return np.asarray(product / product.sum())


def weights_by(method: Method, z: Array, names: Sequence[str]) -> Array:
    """Weights of the k columns of `z`, called `names`, by a method, several, or the user's own."""
    if isinstance(method, str):
        return _by_name(method, z, names)
    if isinstance(method, Mapping):
        if is_own(method, names):
            return own_weights(method, names)
        if set(method) <= set(METHODS):
            made = [_by_name(name, z, names) for name in method]
            return combined_weights(made, list(method.values()))
        raise PanelError(
            f"method={dict(method)} gives weights to {named(method)}; give one to each of "
            f"{named(names, 20)}, or shares to methods among {named(METHODS)}."
        )
    if not method or len(set(method)) < len(method):
        raise PanelError(f"method={list(method)} must list different methods, {named(METHODS)}.")
    return combined_weights([_by_name(name, z, names) for name in method])


def is_own(method: object, names: Sequence[str]) -> TypeGuard[Mapping[str, float]]:
    """Whether `method` is the user's own weights of all `names`."""
    return isinstance(method, Mapping) and set(method) == set(names)


def methods_within(
    method: Method, subsystems: Mapping[str, Mapping[str, int]]
) -> dict[str, Method]:
    """The method of every subsystem: the same, or its part of the user's own weights of all."""
    if is_own(method, [name for listed in subsystems.values() for name in listed]):
        return {part: {n: method[n] for n in listed} for part, listed in subsystems.items()}
    return dict.fromkeys(subsystems, method)


def own_weights(given: Mapping[str, float], names: Sequence[str]) -> Array:
    """The user's weights in the order of `names`; non-negative, and they sum to one."""
    weights = np.array([given[name] for name in names], dtype=float)
    if not (weights >= 0).all() or abs(weights.sum() - 1) > TINY:
        raise PanelError(f"weights must be non-negative and sum to one; they are {dict(given)}.")
    return weights


def topsis(
    z: Array, weights: Array, worst: Array | float = 0.0, best: Array | float = 1.0
) -> Array:
    """Closeness to the best point: d_worst / (d_worst + d_best), over the last axis of `z`.

    Distances are Euclidean in w z. `worst` and `best` are the ends of the normalised
    scale, which a min-max sample attains; give the extremes of the columns after another
    normalisation (Hwang & Yoon 1981).
    """
    from_worst = np.sqrt((((z - worst) * weights) ** 2).sum(axis=-1))
    from_best = np.sqrt((((best - z) * weights) ** 2).sum(axis=-1))
    if not (from_worst + from_best > 0).all():
        raise PanelError("the best point is the worst one: closeness is not defined (0/0).")
    return np.asarray(from_worst / (from_worst + from_best))


def _by_name(method: str, z: Array, names: Names) -> Array:
    if method not in METHODS:
        topsis = ' TOPSIS is a way to add up: aggregation="topsis".' if method == "topsis" else ""
        raise PanelError(
            f"method={method!r} is not one of {', '.join(map(repr, METHODS))}; nor is it a list "
            f"of them, whose weights are combined, or a mapping of indicators to weights.{topsis}"
        )
    return METHODS[method](z, names) if z.shape[1] > 1 else np.ones(1)


def _check(z: Array, what: str, names: Names) -> None:
    if len(z) < 2:
        raise PanelError(f"{what} weights need two observations at least.")
    if not np.isfinite(z).all():
        raise PanelError(f"{what} weights need indicators without missing or infinite cells.")
    if (z < 0).any():
        raise PanelError(f"{what} weights need non-negative indicators: normalise them first.")
    zero = z.sum(axis=0) == 0
    if zero.any():
        raise PanelError(f"the indicators {_called(zero, names)} are zero everywhere.")


def _called(which: NDArray[np.bool_], names: Names) -> str:
    """The columns where `which` holds, by name or position."""
    places = np.flatnonzero(which).tolist()
    return named(places if names is None else [names[i] for i in places])
