"""What a file of weights holds, on the way in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.core import Weights


class Stored(NamedTuple):
    """What a file holds: a matrix, and the city of every row if it says so."""

    matrix: Any
    ids: list[Any] | None


def from_links(rows: list[tuple[str, str, float]], cities: list[str], file: str) -> Stored:
    """The matrix of links: receiver, sender, weight."""
    position = {city: i for i, city in enumerate(cities)}
    foreign = dict.fromkeys(b for _, b, _ in rows if b not in position)
    if foreign:
        raise WeightsError(f"{file!r} names the neighbours {named(foreign)}, which have no row.")
    if len({(a, b) for a, b, _ in rows}) < len(rows):
        raise WeightsError(f"{file!r} lists a link more than once.")
    receiver, sender = [position[a] for a, _, _ in rows], [position[b] for _, b, _ in rows]
    values: Array = np.array([weight for _, _, weight in rows], dtype=float)
    n = len(cities)
    return Stored(sparse.csr_array((values, (receiver, sender)), (n, n)), cities)


def each_link(weights: Weights) -> Iterator[tuple[int, int, float]]:
    """Receiver, sender, weight; a row of zero for a city that receives nothing, to name it."""
    links = weights.sparse
    for i, (start, end) in enumerate(zip(links.indptr[:-1], links.indptr[1:], strict=True)):
        if start == end:
            yield i, i, 0.0
        columns, values = links.indices[start:end].tolist(), links.data[start:end].tolist()
        for j, weight in zip(columns, values, strict=True):
            yield i, j, weight
