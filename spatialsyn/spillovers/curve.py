"""The spillover against distance, drawn through bands of equally many pairs of cities.

A point of a curve is the mean of dy_i / dx_j over the pairs (i, j) of a band, a linear
reading of the effects; the band around a curve holds for all its points at once (sup-t,
`Effects.jointly`), and around several curves for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.effects.table import Effects
from spatialsyn.spillovers.kernel import Kernel

# Bands of distance, of equally many pairs, that a curve is drawn through.
BANDS = 12


def curves(effects_by: Callable[[Any], Effects], kernels: Sequence[Kernel]) -> pd.DataFrame:
    """The curve along every distance; of several, what arrives by the links of each.

    Parameters
    ----------
    effects_by : the effects by what `Results.effects` takes as ``by``

    Returns
    -------
    DataFrame
        ``x, distance, at, nearer, pairs, effect, low, high``: `at` is the mean distance of a
        band in its own unit, `nearer` the share of pairs nearer than the middle of the band;
        intervals hold for all curves of a regressor at once.
    """
    parts = [_points(effects_by, kernel, len(kernels) > 1) for kernel in kernels]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    spread = np.vstack([part.spread for part in parts if part.spread is not None])
    shown = []
    for x in dict.fromkeys(table["x"]):
        rows = (table["x"] == x).to_numpy()
        one = replace(parts[0], table=table[rows].reset_index(drop=True), spread=spread[rows])
        shown.append(one.jointly().table)
    columns = ["x", "distance", "at", "nearer", "pairs", "estimate", "low", "high"]
    found = pd.concat(shown, ignore_index=True)[columns]
    return found.rename(columns={"estimate": "effect"})


def _points(effects_by: Callable[[Any], Effects], kernel: Kernel, channel: bool) -> Effects:
    """The mean effect of a pair in every band of one distance, by regressor."""
    labels, bands = _bands(kernel)
    made = effects_by(["channel", labels] if channel else labels)
    chosen = made.table["effect"] == "indirect"
    if channel:
        chosen &= made.table["channel"] == kernel.name
    rows, n = chosen.to_numpy(), len(labels)
    count = int(rows.sum()) // len(bands)
    scale = n / np.tile(bands["pairs"].to_numpy(), count)
    points = pd.concat([bands] * count, ignore_index=True)
    points.insert(0, "x", made.table.loc[rows, "x"].to_numpy())
    points["estimate"] = made.table.loc[rows, "estimate"].to_numpy() * scale
    assert made.spread is not None
    return replace(made, table=points).with_spread(made.spread[rows] * scale[:, None])


def _bands(kernel: Kernel) -> tuple[pd.DataFrame, pd.DataFrame]:
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
