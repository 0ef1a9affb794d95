"""The noun `Weights`: who is connected to whom, how strongly, and how that was decided.

Row i is the receiver: W[i, j] is the pull of city j on city i.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.errors import AlignmentError, WeightsError, expect, listed, named
from spatialsyn.numerics.cholesky import spectrum
from spatialsyn.numerics.determinants import WAYS, chosen, determined
from spatialsyn.numerics.eigenvectors import diagonal_form
from spatialsyn.numerics.lags import Array, Matrix, dense
from spatialsyn.numerics.logdet import Eigenvalues, LogDet
from spatialsyn.numerics.schur import schur_form
from spatialsyn.numerics.solves import DENSE_TO
from spatialsyn.weights.checks import check_matrix, of_another_kind

# Ways to take a matrix apart, once for many models of it.
APART = {"eigenvectors": diagonal_form, "schur": schur_form}
# What is kept of a matrix once it was found.
FOUND = ("spectrum", "logdet")
# Rows whose sums differ from one by less were standardised.
ROW_SUM = 1e-9
# Above this share of links a matrix is kept dense: it multiplies faster so.
DENSE_FROM = 0.25
# The name of weights that were given none.
NAMELESS = "w"
# Between two standardizations.
THEN = ", then "
# Between those of several matrices, in their order.
BESIDE = " / "


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """One named spatial weights matrix.

    Attributes
    ----------
    matrix : (n, n), zero diagonal, non-negative; sparse or dense
    ids : the n city ids, in the order of the rows
    name : what models and tables call it
    recipe : how it was made: kind, columns, base years, unit
    standardization : "none" | "row" | "column" | "spectral" | "minmax"
    determinant : how ln|I - rho W| is found, see `with_logdet`
    standardised_before : the standardizations before the last one, in their order
    """

    matrix: Matrix
    ids: tuple[Any, ...]
    name: str = "w"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    standardization: str = "none"
    determinant: str = "auto"
    standardised_before: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise WeightsError(f"name={self.name!r}: the name of weights is a text, such as 'geo'.")
        what = f"W[{self.name}] needs ids, the city of every row"
        object.__setattr__(self, "ids", tuple(listed(self.ids, what, WeightsError)))
        object.__setattr__(self, "matrix", _stored(self.matrix, self.name))
        check_matrix(self.matrix, self.ids, self.name)

    @classmethod
    def from_matrix(
        cls, matrix: Any, ids: Sequence[Any] | None = None, name: str = "w", **recipe: Any
    ) -> Weights:
        """From an (n, n) array or sparse matrix whose rows are the cities `ids`, in this order.

        A DataFrame brings its own labels: rows and columns are put into the order of `ids`,
        which must name the same cities, and may be left out.
        """
        if isinstance(matrix, pd.DataFrame):
            matrix, ids = _labelled(matrix, ids, name)
        if ids is None:
            raise WeightsError(f"W[{name}] needs ids=[...], the city of every row.")
        what = f"W[{name}] needs ids, the city of every row"
        ids = listed(ids, what, WeightsError)
        return cls(matrix, tuple(ids), name, {"kind": "matrix", **recipe})._recognised()

    @classmethod
    def from_graph(cls, graph: Any, name: str = "w") -> Weights:
        """From a libpysal `Graph`."""
        from libpysal.graph import Graph

        expect(graph, Graph, "from_graph takes a libpysal.graph.Graph", WeightsError)
        ids = tuple(graph.unique_ids)
        return cls(graph.sparse, ids, name, {"kind": "libpysal Graph"})._recognised()

    @classmethod
    def from_w(cls, w: Any, name: str = "w") -> Weights:
        """From a libpysal `W`."""
        from libpysal.weights import W

        expect(w, W, "from_w takes a libpysal.weights.W; from_graph a Graph", WeightsError)
        return cls(w.sparse, tuple(w.id_order), name, {"kind": "libpysal W"})._recognised()

    def to_graph(self) -> Any:
        """A libpysal `Graph`."""
        from libpysal.graph import Graph

        return Graph.from_sparse(self.sparse, ids=np.array(self.ids, dtype=object))

    def to_w(self) -> Any:
        """A libpysal `W`, not transformed."""
        return self.to_graph().to_W()

    @property
    def n(self) -> int:
        """Number of cities."""
        return len(self.ids)

    @property
    def sparse(self) -> sparse.csr_array:
        """The matrix as a sparse array; to change it take a copy()."""
        return sparse.csr_array(self.matrix)

    def dense(self) -> Array:
        """The matrix as an (n, n) array; to change it take a copy()."""
        return dense(self.matrix)

    @cached_property
    def row_sums(self) -> Array:
        """Sum of every row."""
        return np.asarray(self.matrix.sum(axis=1)).ravel()

    @property
    def is_row_standardised(self) -> bool:
        """Whether every row sums to one."""
        return bool(np.abs(self.row_sums - 1).max() <= ROW_SUM)

    @property
    def standardizations(self) -> str:
        """All of them, "column, then row" where there are two; the last is `standardization`."""
        return THEN.join((*self.standardised_before, self.standardization))

    @property
    def isolates(self) -> tuple[Any, ...]:
        """Cities without any neighbour."""
        return tuple(i for i, total in zip(self.ids, self.row_sums, strict=True) if total == 0)

    @property
    def base_years(self) -> str | tuple[int, ...] | None:
        """Years whose data made the weights, if any did."""
        return self.recipe.get("base_years")

    varies = False  # over time, as a `WeightsSeries` does

    def over(self, years: Sequence[int]) -> Matrix:
        """The matrix of these years: one, (n, n)."""
        return self.matrix

    def logdet_over(self, years: Sequence[int]) -> LogDet:
        """The log-determinant of these years: that of the one matrix."""
        return self.logdet

    @cached_property
    def way(self) -> str:
        """How ln|I - rho W| is found: `determinant`, or the way that suits size and structure."""
        return chosen(self.matrix) if self.determinant == "auto" else self.determinant

    @cached_property
    def logdet(self) -> LogDet:
        """ln|I - rho W|, by `determinant` or the way that suits size and structure; kept."""
        how = self.way
        if how == "hessenberg" or how in APART:
            self._check_dense()
        if how in APART:
            return APART[how](self.matrix) or self.spectrum
        return self.spectrum if how == "eigenvalues" else determined(self.matrix, how)

    @cached_property
    def spectrum(self) -> Eigenvalues:
        """ln|I - rho W| from all eigenvalues, found once.

        Raises
        ------
        WeightsError
            Too many cities for a dense matrix.
        """
        self._check_dense()
        return spectrum(self.matrix)

    def _check_dense(self) -> None:
        if self.n > DENSE_TO:
            raise WeightsError(
                f"W[{self.name}] has {self.n} cities; its eigenvalues need a dense matrix, which "
                f'reaches {DENSE_TO}. A sparse W has more: with_logdet("sparse"), or "moments".'
            )

    def with_logdet(self, how: str) -> Weights:
        """The same matrix whose ln|I - rho W| is found in a way of one's own choice.

        Parameters
        ----------
        how : "auto" | "eigenvalues" | "eigenvectors" | "schur" | "sparse" | "hessenberg" |
            "moments"
            By size and structure; all eigenvalues of a dense matrix, exact; the same with their
            vectors where W is similar to a symmetric matrix, or with the Schur form of any W,
            which many models of one W share; factorisations of a sparse one, exact to the error
            that results print; those of a dense one, likewise; or an approximation by random
            probes, for sparse matrices that none of these reach.

        Raises
        ------
        WeightsError
            An unknown way.
        """
        if how not in ("auto", *WAYS):
            raise WeightsError(f"with_logdet({how!r}): use one of {named(('auto', *WAYS))}.")
        return replace(self, determinant=how)

    @cached_property
    def hash(self) -> str:
        """Fingerprint of the weights and ids; the order of the cities does not enter."""
        order = sorted(range(self.n), key=lambda i: (str(self.ids[i]), type(self.ids[i]).__name__))
        links = sparse.csr_array(self.matrix)[order][:, order].tocoo()
        rank = np.lexsort((links.col, links.row))
        digest = hashlib.sha256("\x1f".join(str(self.ids[i]) for i in order).encode())
        digest.update(np.c_[links.row, links.col][rank].astype("<i8").tobytes())
        # Twelve digits: the same matrix standardised in another order keeps its name.
        digest.update("".join(f"{w:.12e}" for w in links.data[rank]).encode())
        return digest.hexdigest()[:16]

    def standardize(self, how: str | Sequence[str] = "row") -> Weights:
        """Divide by row sums (``"row"``), column sums (``"column"``), the spectral radius
        (``"spectral"``) or the smaller of the largest row and column sums (``"minmax"``,
        Kelejian & Prucha 2010); ``["column", "row"]`` does one after the other."""
        from spatialsyn.weights.standardize import standardize

        return standardize(self, how)

    def rename(self, name: str) -> Weights:
        """The same matrix under another name; the recipe keeps the one it was made with."""
        made = replace(self, name=name)
        return replace(made, recipe=_with_old_name(self, name))

    def aligned(self, ids: Sequence[Any]) -> Weights:
        """The same matrix with its rows in the order of `ids`, which must be the same cities."""
        ids = tuple(listed(ids, "weights are aligned with ids, panel.ids", WeightsError))
        if ids == self.ids:
            return self
        if ids in self._reordered:
            return self._reordered[ids]
        position = {city: i for i, city in enumerate(self.ids)}
        absent = [i for i in ids if i not in position]
        extra = sorted(set(self.ids) - set(ids), key=str)
        if absent or extra:
            raise AlignmentError(
                f"weights {self.name!r} and the panel list different cities.\n"
                f"  in the panel only: {named(absent) or 'none'}  ({len(absent)} of {len(ids)})\n"
                f"  in the weights only: {named(extra) or 'none'}  ({len(extra)} of {self.n})\n"
                "Build the weights from panel.cities, or keep the common cities in both: "
                f"panel.subset(ids), weights.subset(ids).{of_another_kind(absent, self.ids)}"
            )
        order = [position[i] for i in ids]
        moved = self._rows(order, ids)
        for name in FOUND:  # a permutation keeps the eigenvalues
            if isinstance(found := self.__dict__.get(name), Eigenvalues):
                moved.__dict__[name] = found.reordered(order)
        self._reordered.clear()
        self._reordered[ids] = moved
        return moved

    @cached_property
    def _reordered(self) -> dict[tuple[Any, ...], Weights]:
        """The matrix in the last other order, with the log-determinant that a fit found."""
        return {}

    def subset(self, ids: Iterable[Any]) -> Weights:
        """The links among some of the cities.

        A standardised matrix is standardised again; links to the cities left out are
        lost, which the recipe records as the share of all weight; of a matrix that was cut
        before, the shares that it lost then stay, in ``weight_lost_before``.
        """
        keep = listed(ids, "subset needs a list of ids", WeightsError)
        foreign = [i for i in keep if i not in set(self.ids)]
        if foreign:
            raise WeightsError(f"weights {self.name!r} have no cities {named(foreign)}.")
        position = {city: i for i, city in enumerate(self.ids)}
        cut = self._rows([position[i] for i in keep], tuple(keep))
        rows = self.row_sums[[position[i] for i in keep]].sum()
        lost = 1 - float(cut.row_sums.sum() / rows) if rows else 0.0
        recipe = {"subset_of": self.hash, **self.recipe, "weight_lost": round(lost, 6)}
        if before := _losses(self.recipe):
            recipe["weight_lost_before"] = before
        plain = replace(cut, recipe=recipe, standardization="none")
        return plain if self.standardization == "none" else plain.standardize(self.standardization)

    def _recognised(self) -> Weights:
        """The same matrix, known as row-standardised if its rows sum to one."""
        return replace(self, standardization="row") if self.is_row_standardised else self

    def _rows(self, rows: list[int], ids: tuple[Any, ...]) -> Weights:
        return replace(self, matrix=self.matrix[rows][:, rows], ids=ids)

    def __repr__(self) -> str:
        links = self.sparse.nnz
        years = f", base years {self.base_years}" if self.base_years is not None else ""
        return (
            f"Weights {self.name!r}: {self.n} cities, {links} links, "
            f"{self.recipe.get('kind', 'matrix')}{said_of_cut(self.recipe)}, "
            f"standardised: {self.standardizations}{years}, hash {self.hash}"
        )


def said_of_cut(recipe: Mapping[str, Any]) -> str:
    """What leaving cities out did to a matrix; nothing where all are in."""
    lost = THEN.join(f"{share:.1%}" for share in _losses(recipe))
    return lost and f", cut from more cities ({lost} of the weight lost)"


def _losses(recipe: Mapping[str, Any]) -> tuple[float, ...]:
    """The share of all weight that every cut took, in their order."""
    last = (recipe["weight_lost"],) if "weight_lost" in recipe else ()
    return (*recipe.get("weight_lost_before", ()), *last)


def _with_old_name(weights: Weights, name: str) -> dict[str, Any]:
    """The recipe of weights that are to be called `name`: a name that they were given stays."""
    first = weights.recipe.get("renamed_from", weights.name)
    plain = {key: value for key, value in weights.recipe.items() if key != "renamed_from"}
    return plain if first in (NAMELESS, name) else {**plain, "renamed_from": first}


def joint_base_years(weights: Iterable[Weights]) -> str | tuple[int, ...] | None:
    """All years whose data made any of these matrices."""
    known = [w.base_years for w in weights if w.base_years is not None]
    if "all" in known:
        return "all"
    return tuple(sorted({int(year) for years in known for year in years})) if known else None


def _stored(matrix: Any, name: str) -> Matrix:
    """A float copy, dense where most cities are linked, with its zeros removed elsewhere."""
    if not sparse.issparse(matrix):
        try:
            matrix = np.asarray(matrix)
            _check_real(matrix, name)
            full = np.array(matrix, dtype=float)
        except WeightsError:
            raise
        except (TypeError, ValueError) as error:
            raise WeightsError(f"W[{name}] is not a matrix of numbers: {error}.") from error
        if full.ndim != 2:
            raise WeightsError(f"W[{name}] has the shape {full.shape}: it must be n x n.")
        if np.count_nonzero(full) > DENSE_FROM * full.size:
            full.setflags(write=False)
            return full
    _check_real(matrix, name)
    links = sparse.csr_array(matrix, dtype=float, copy=True)
    links.eliminate_zeros()
    links.sort_indices()
    if links.nnz > DENSE_FROM * links.shape[0] * links.shape[1]:
        full = links.toarray()
        full.setflags(write=False)
        return full
    for part in (links.data, links.indices, links.indptr):
        part.setflags(write=False)
    return links


def _check_real(matrix: Any, name: str) -> None:
    if matrix.dtype.kind == "c":
        raise WeightsError(f"W[{name}] holds complex numbers; weights are real: matrix.real.")


def _labelled(frame: pd.DataFrame, ids: Sequence[Any] | None, name: str) -> tuple[Any, Any]:
    """A labelled matrix in the order of `ids`, or of its own rows."""
    order = list(frame.index if ids is None else ids)
    for axis, labels in (("rows", frame.index), ("columns", frame.columns)):
        absent = [i for i in order if i not in set(labels)]
        extra = [i for i in labels if i not in set(order)]
        if absent or extra or labels.has_duplicates:
            raise AlignmentError(
                f"the {axis} of W[{name}] and its ids differ: without a label {named(absent)}, "
                f"foreign labels {named(extra)}. Label rows and columns by the same city ids, or "
                f"pass matrix.to_numpy() if the order is right.{of_another_kind(order, labels)}"
            )
    return frame.loc[order, order].to_numpy(), order
