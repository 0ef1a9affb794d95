"""Models of one W and one sample, side by side: what they share, and what each reads of it.

One table holds the products of all columns, outcomes and lags, of which a model reads its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spatialsyn.models.columns import Column
from spatialsyn.models.design import Design
from spatialsyn.numerics.lags import Array

# Numbers of models side by side: more leave the fast memory before they are used again.
ROOM = 200_000


@dataclass(frozen=True, eq=False)
class Beside:
    """Models of one W, one kind of fixed effects, as many cities and years.

    Attributes
    ----------
    one : the design of one of them; others differ in y, Wy, Z and columns
    columns : what the columns of Z are, for each of b models
    swept : (k, n T), columns, outcomes and their lags, which models share
    at : (p + 1 + m,) for each model, places in `swept` of its regressors, its y and Wy
    """

    one: Design
    columns: Sequence[tuple[Column, ...]]
    swept: Array
    at: Sequence[Sequence[int]]

    @classmethod
    def of(cls, design: Design) -> Beside:
        """One model."""
        parts = design.Z.transpose(2, 0, 1), design.y[None], design.Wy.transpose(2, 0, 1)
        rows = np.concatenate(parts).reshape(-1, design.y.size)
        swept = np.ascontiguousarray(rows)  # or else BLAS adds in another order
        return cls(design, [design.columns], swept, [range(len(swept))])

    @cached_property
    def products(self) -> Array:
        """(k, k), of which those of the rows of a model are read: each is a sum by itself."""
        last = np.arange(len(self.swept))
        for kin in self.kins:
            np.maximum.at(last, kin.at, kin.at.max(axis=1, keepdims=True))
        made = np.zeros((len(last), len(last)))
        for i, (row, end) in enumerate(zip(self.swept, last + 1, strict=True)):
            made[i, i:end] = (row[None] @ self.swept[i:end, :, None])[:, 0, 0]
        return made + np.triu(made, 1).T

    @cached_property
    def kins(self) -> list[Kin]:
        """The models by their number of columns."""
        places: dict[int, list[int]] = {}
        for i, at in enumerate(self.at):
            places.setdefault(len(at), []).append(i)
        return [Kin(self, own, np.array([self.at[i] for i in own])) for own in places.values()]


@dataclass(frozen=True, eq=False)
class Kin:
    """Those of the models `of` that have as many columns.

    Attributes
    ----------
    places : of b models among `of`
    at : (b, p + 1 + m), see `Beside`
    """

    of: Beside
    places: Sequence[int]
    at: NDArray[np.intp]

    def rows(self, room: int) -> Iterator[tuple[slice, Array]]:
        """Models, and (some, p + 1 + m, n T), their regressors, y and Wy, some at a time.

        The same memory comes with other numbers: fresh memory costs more than to fill it.

        Parameters
        ----------
        room : numbers of one model beside these
        """
        swept = self.of.swept
        size = self.at.shape[1], swept.shape[1]
        step = max(1, min(ROOM // max(room, size[0] * size[1]), len(self.at)))
        some = np.empty((step, *size))
        for start in range(0, len(self.at), step):
            part = slice(start, start + step)
            for own, places in zip(some, self.at[part], strict=False):
                np.take(swept, places, axis=0, out=own, mode="clip")
            yield part, some[: len(self.at[part])]
