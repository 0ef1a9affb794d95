"""Making a matrix symmetric: only where asked, and told by the recipe.

A search for another city, a trip or "my nearest city" has a direction; forgetting it is a
decision of the study.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scipy import sparse

from spatialsyn.errors import WeightsError, named

HOW: dict[str, Callable[[sparse.csr_array, sparse.csr_array], Any]] = {
    "mean": lambda W, back: (W + back) / 2,
    "max": lambda W, back: W.maximum(back),
    "min": lambda W, back: W.minimum(back),
    "product": lambda W, back: W.multiply(back),
}


def symmetrised(matrix: sparse.csr_array, how: str | None) -> sparse.csr_array:
    """`matrix` with both directions of a pair put together; unchanged if `how` is None.

    Parameters
    ----------
    how : None | "mean" | "max" | "min" | "product" of W[i, j] and W[j, i]
    """
    if how is None:
        return matrix
    if how not in HOW:
        raise WeightsError(f"symmetric={how!r} is not one of {named(HOW)}.")
    made = sparse.csr_array(HOW[how](matrix, matrix.T.tocsr()))
    made.eliminate_zeros()
    return made
