"""How long a two-way spatial Durbin model takes, with effects and their standard errors.

Run `make bench`. Rows are medians of interleaved runs of one thread, so that a machine
that changes speed slows both alike. spreg's `ML_LagFE` is the nearest peer: a one-way
(individual) spatial Durbin panel with average effects, estimated on the same data.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from in_spreg import durbin
from numpy.typing import NDArray

import spatialsyn as ss

RUNS = 15
Array = NDArray[np.float64]


def nearest(far: Array) -> Array:
    """Links to the six nearest, of squared distances, infinite on the diagonal."""
    links = np.zeros_like(far)
    links[np.arange(len(far))[:, None], np.argsort(far, axis=1)[:, :6]] = 1
    return links


def mutual(far: Array) -> Array:
    """The same, and back."""
    links = nearest(far)
    return np.maximum(links, links.T)


def inverse(far: Array) -> Array:
    """Links to all, by inverse distance."""
    return np.asarray(1 / np.sqrt(far))


def data(
    n: int, T: int, k: int = 3, seed: int = 0, links: Callable[[Array], Array] = mutual
) -> tuple[ss.CityPanel, ss.Weights]:
    """A panel of `n` units in the plane, and a row-standardised W, both made from `links`."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    far = ((points[:, None] - points) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    W = links(far)
    W /= W.sum(axis=1, keepdims=True)
    X = rng.normal(size=(k, n, T))
    signal = X.sum(axis=0) + 0.5 * W @ X[0] + rng.normal(size=(n, 1)) + rng.normal(size=(n, T))
    y = np.linalg.solve(np.eye(n) - 0.4 * W, signal)
    index = pd.MultiIndex.from_product([range(n), range(2000, 2000 + T)], names=["unit", "year"])
    frame = pd.DataFrame(
        {"y": y.ravel()} | {f"x{i}": x.ravel() for i, x in enumerate(X)}, index=index
    )
    panel = ss.CityPanel(frame.reset_index(), city="unit", year="year")
    return panel, ss.Weights.from_matrix(W, ids=panel.ids, name="w")


def ours(panel: ss.CityPanel, w: ss.Weights) -> Callable[[], float]:
    """Two-way SDM by the transformation likelihood, all effects with delta inference."""
    model = ss.sdm("y ~ x0 + x1 + x2", W="w", fixed_effects="twoways")

    def call() -> float:
        res = ss.fit(model, panel, w)
        res.effects()
        return float(res.rho["w"])

    return call


def peer(panel: ss.CityPanel, w: ss.Weights) -> Callable[[], float]:
    """spreg's individual-effects Durbin model with average effects."""
    y = panel.array("y").T.reshape(-1, 1)
    X = np.stack([panel.array(f"x{i}") for i in range(3)], axis=2)
    stacked, old = X.transpose(1, 0, 2).reshape(-1, 3), to_w(w)

    def call() -> float:
        return float(np.squeeze(durbin(y, stacked, old).rho))

    return call


def to_w(w: ss.Weights) -> object:
    """libpysal's `W`, row-standardised."""
    from libpysal.weights import WSP

    made = WSP(w.sparse).to_W(silence_warnings=True)
    made.transform = "r"
    return made


def timed(call: Callable[[], float]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"{'n':>5} {'T':>4} {'ours ms':>9} {'spreg ms':>9} {'ratio':>6} {'spectrum ms':>12}")
    for n, T in ((21, 9), (100, 10), (300, 15)):
        panel, w = data(n, T)
        spectrum = timed(lambda w=w: float(w.logdet(0.1)))
        mine, theirs = ours(panel, w), peer(panel, w)
        mine(), theirs()
        pairs = [(timed(mine), timed(theirs)) for _ in range(RUNS)]
        a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{n:>5} {T:>4} {a:>9.1f} {b:>9.1f} {b / a:>6.1f} {spectrum:>12.1f}")


if __name__ == "__main__":
    main()
