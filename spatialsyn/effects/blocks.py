"""Readings of the derivative matrix: on average, by block, by city, by pair.

Each is linear, returns its numbers in a fixed order, and comes with the labels of that
order. Row i of B receives, column j sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.effects.multipliers import Reading
from spatialsyn.effects.response import Response
from spatialsyn.errors import ModelError, named
from spatialsyn.numerics.lags import Array

# Below this share of what it is a difference of, a difference is rounding.
ROUNDING = 1e-13
# Rows of the table that tell what each number of a reading is.
Labels = pd.DataFrame
AVERAGES = Labels({"effect": ["direct", "indirect", "total"]})


def average(n: int) -> tuple[Reading, Labels]:
    """Direct, indirect and total effect averaged over cities (LeSage & Pace 2009, 2.7)."""
    return partial(_averages, n), AVERAGES


# Readings are functions of the module, which other processes can be sent.
def _averages(n: int, B: Response) -> Array:
    direct, total = B.diagonal().sum() / n, B.times(np.ones(n)).sum() / n
    return np.array([direct, total - direct, total])


# What an entry of the effects by block is, by what it is counted per.
PER = {
    "receiver": "change of y in a city of `to`, on average, if x rose by one unit in every city "
    "of `from`",
    "source": "change of y in all cities of `to` together, if x rose by one unit in one city of "
    "`from`, on average",
    "share": "share of the sum of all effects between all cities",
}


def _without(own: Array, whole: Array) -> Array:
    """`whole` less `own`, nothing where only rounding is left."""
    left = whole - own
    return np.where(np.abs(left) <= ROUNDING * np.abs(own), 0.0, left)


def by_block(blocks: pd.Series, per: str = "receiver") -> tuple[Reading, Labels]:
    """What each block receives from its own city, from each block, and altogether.

    Per receiver, the indirect entry (to a, from b) answers: if x rose by one unit in every
    city of block b, how much would y change, on average, in a city of block a? A city's
    response to its own x is the direct entry. The entries of one receiving block sum to its
    total; totals weighted by block size sum to the total effect of the whole map. Per source
    the sums over pairs of cities are divided by the size of the sending block instead, and a total
    is that of an average city of the map; for shares they are left as sums, to be divided by their
    own sum (`Effects.shares`).
    """
    names = sorted(blocks.unique(), key=str)
    member = np.column_stack([(blocks == name).to_numpy(dtype=float) for name in names])
    sizes = member.sum(axis=0)
    scale = {
        "receiver": np.broadcast_to(1 / sizes[:, None], (len(sizes), len(sizes))),
        "source": np.broadcast_to(1 / sizes, (len(sizes), len(sizes))),
        "share": np.ones((len(sizes), len(sizes))),
    }[per]
    weight = sizes / sizes.sum() if per == "source" else np.ones(len(sizes))
    rows = [
        (effect, to, sender)
        for to in names
        for effect, sender in (
            ("direct", to), *(("indirect", b) for b in names), ("total", "all"),
        )
    ]  # fmt: skip
    reading = partial(_between_blocks, member, scale, weight)
    return reading, pd.DataFrame(rows, columns=["effect", "to", "from"])


def _between_blocks(member: Array, scale: Array, weight: Array, B: Response) -> Array:
    own, alone = B.diagonal(), np.flatnonzero(member.sum(axis=0) == 1)
    between = scale * (member.T @ _without(own[:, None] * member, B.times(member)))
    between[alone, alone] = 0.0  # exactly, not up to rounding
    direct = np.diag(scale) * (member.T @ own)
    return np.column_stack([direct, between, weight * direct + between @ weight]).ravel()


def by_pairs(labels: pd.DataFrame) -> tuple[Reading, Labels]:
    """What a city receives, on average, from the cities that a label of the pair names.

    `labels` has a text for every pair (receiver, sender), such as a band of distance; the
    diagonal is the direct effect. The indirect entries of all labels sum to the indirect
    effect.

    Raises
    ------
    ModelError
        Pairs of different cities without a label.
    """
    text = labels.to_numpy(dtype=object)
    n = len(text)
    off = ~np.eye(n, dtype=bool)
    bare = np.argwhere(labels.isna().to_numpy() & off)
    if len(bare):
        pairs = [(labels.index[i], labels.columns[j]) for i, j in bare[:3]]
        raise ModelError(
            f"{len(bare)} pairs of cities have no label, (to, from) = {named(pairs)} for example: "
            "their effects would be in none of the rows. Call them something, "
            "labels.fillna('others')."
        )
    names = [name for name in _ordered(labels) if (text[off] == name).any()]
    masks = np.array([(text == name) & off for name in names], dtype=float)
    rows = [("direct", "own"), *(("indirect", name) for name in names), ("total", "all")]
    return partial(_by_label, masks), pd.DataFrame(rows, columns=["effect", "band"])


def _by_label(masks: Array, B: Response) -> Array:
    whole = B.whole()
    between, n = np.einsum("bij,ij->b", masks, whole), len(whole)
    return np.array([np.trace(whole), *between, whole.sum()]) / n


def _ordered(labels: pd.DataFrame) -> list[Any]:
    """The labels in their own order where they have one (`labels.attrs`), else sorted."""
    listed = list(labels.attrs.get("order", ()))
    found = sorted(pd.unique(labels.to_numpy().ravel()), key=str)
    return listed + [name for name in found if name not in listed]


def by_city(ids: Sequence[Any]) -> tuple[Reading, Labels]:
    """Per city: own (direct), received from all others, emitted to all others, net.

    ``received`` answers: if x rose by one unit in every other city, how much would y
    change here? ``emitted``: if x rose by one unit here, how much would y change in all
    the other cities together? Both average to the indirect effect. A net effect that W alone
    makes zero is exactly that, without a p-value.
    """
    effects = ("direct", "received", "emitted", "net")
    rows = [(effect, city) for effect in effects for city in ids]
    return _of_cities, pd.DataFrame(rows, columns=["effect", "city"])


def _of_cities(B: Response) -> Array:
    own = B.diagonal()
    one = np.ones(len(own))
    received, emitted = (_without(own, sums(one)) for sums in (B.times, B.transposed_times))
    net = emitted - received
    net[np.abs(net) <= ROUNDING * (np.abs(own) + np.abs(received) + np.abs(emitted))] = 0
    return np.concatenate([own, received, emitted, net])


def by_pair(ids: Sequence[Any]) -> tuple[Reading, Labels]:
    """The response of every city to every city: entry (to i, from j) is dy_i/dx_j."""
    rows = [("direct" if i == j else "indirect", i, j) for i in ids for j in ids]
    return _of_pairs, pd.DataFrame(rows, columns=["effect", "to", "from"])


def _of_pairs(B: Response) -> Array:
    return B.whole().ravel()
