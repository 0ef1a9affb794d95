"""The spillover against distance, drawn through bands of equally many pairs of cities.

A point of a curve is the mean of dy_i / dx_j over the pairs (i, j) of a band, a linear
reading of the effects; the band around a curve, or around several, holds for all of their
points at once, over every decay that the likelihood does not reject (`region`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.numerics.lags import Array
from spatialsyn.results import Results
from spatialsyn.spillovers.kernel import Kernel
from spatialsyn.spillovers.region import Fitted, cut_for, span

# Bands of distance, of equally many pairs, that a curve is drawn through.
BANDS = 12

# Labels of all pairs, and a row for each label.
Bands = tuple[pd.DataFrame, pd.DataFrame]


def curves(
    best: Results,
    region: Callable[[float], Sequence[Fitted]],
    kernels: Sequence[Kernel],
    decays: int,
    level: float,
) -> pd.DataFrame:
    """The curve along every distance; of several, what arrives by the links of each.

    Parameters
    ----------
    best, region : the fit at the best decays, and those within a likelihood ratio of it
    decays : how many were estimated

    Returns
    -------
    DataFrame
        ``x, distance, at, nearer, pairs, effect, low, high``: `at` is the mean distance of a
        band in its own unit, `nearer` the share of pairs nearer than the middle of the band;
        intervals hold for all curves of a regressor at once.
    """
    bands = [_bands(kernel) for kernel in kernels]
    table, spread = _drawn(best, kernels, bands)
    of_x = [(table["x"] == x).to_numpy() for x in dict.fromkeys(table["x"])]
    cut = np.empty(len(table))
    for rows in of_x:
        cut[rows] = cut_for(spread[rows], decays, level)
    fits = region(float(cut.max()))
    drawn = [_drawn(one.results, kernels, bands)[0] for one in fits]
    low, high = span(
        np.array([one["effect"] for one in drawn]),
        np.array([one["se"] for one in drawn]),
        np.array([one.lr for one in fits]),
        cut,
    )
    made = table.drop(columns="se").assign(low=low, high=high)
    return pd.concat([made[rows] for rows in of_x], ignore_index=True)


def _drawn(
    results: Results, kernels: Sequence[Kernel], bands: Sequence[Bands]
) -> tuple[pd.DataFrame, Array]:
    """The points of all curves with their errors, and their spread, at decays that are known."""
    channels = [kernel.name if len(kernels) > 1 else None for kernel in kernels]
    parts = [_points(results, *one) for one in zip(channels, bands, strict=True)]
    tables, spreads = zip(*parts, strict=True)
    return pd.concat(tables, ignore_index=True), np.vstack(spreads)


def _points(results: Results, channel: str | None, of: Bands) -> tuple[pd.DataFrame, Array]:
    """The mean effect of a pair in every band of one distance, by regressor, and their spread."""
    labels, bands = of
    by: Any = labels if channel is None else ["channel", labels]
    made = results.effects(by=by)
    table = made.table
    chosen = table["effect"] == "indirect"
    if channel is not None:
        chosen &= table["channel"] == channel
    rows, n = chosen.to_numpy(), len(labels)
    count = int(rows.sum()) // len(bands)
    scale = n / np.tile(bands["pairs"].to_numpy(), count)
    points = pd.concat([bands] * count, ignore_index=True)
    points.insert(0, "x", table.loc[rows, "x"].to_numpy())
    points["effect"] = table.loc[rows, "estimate"].to_numpy() * scale
    points["se"] = table.loc[rows, "se"].to_numpy() * scale
    return points, made.spread[rows] * scale[:, None]


def _bands(kernel: Kernel) -> Bands:
    """Labels of all pairs by band of distance, and what each band is."""
    edges = np.unique(np.quantile(kernel.pairs, np.linspace(0, 1, BANDS + 1)))[1:-1]
    band, of_pairs = (np.searchsorted(edges, d, side="left") for d in (kernel.apart, kernel.pairs))
    labels = pd.DataFrame(band, index=kernel.ids, columns=kernel.ids)
    labels.attrs["order"] = list(np.unique(of_pairs))
    at = [kernel.pairs[of_pairs == b].mean() for b in labels.attrs["order"]]
    pairs = np.array([(of_pairs == b).sum() for b in labels.attrs["order"]])
    nearer = (pairs.cumsum() - pairs / 2) / pairs.sum()
    shown = {"distance": kernel.name, "at": at, "nearer": nearer, "pairs": pairs}
    return labels, pd.DataFrame(shown)
