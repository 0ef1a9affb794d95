"""Weights from a table of travel times: the user's own, by road or rail.

    W[i, j] = t^-power,    t the time from city j to city i

A table of times need not be symmetric, and nothing here makes it so unless asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.cities.geodesy import Positions, check_dense
from spatialsyn.errors import WeightsError, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.checks import check_power, real
from spatialsyn.weights.core import Weights
from spatialsyn.weights.isolates import empty_rows, settle
from spatialsyn.weights.od import Pairs, read_pairs
from spatialsyn.weights.symmetry import symmetrised


def travel_time(
    table: pd.DataFrame,
    ids: Sequence[Any] | None = None,
    power: float = 1.0,
    cutoff: float | None = None,
    name: str = "travel",
    symmetric: str | None = None,
    isolates: str | None = None,
) -> Weights:
    """W[i, j] = 1 / t^power, t the time from city j to city i, zero beyond `cutoff`.

    Parameters
    ----------
    table : DataFrame
        Long (``origin``, ``destination``, ``value``) or square with the origins as rows, in
        any unit of time. Every pair is needed; write ``inf`` for what cannot be reached.
    cutoff : in the unit of the table
    symmetric : None | "mean" | "max" | "min" | "product" of the two weights of a pair
        With it, a pair that is listed one way only has this time both ways.
    isolates : None | "nearest" | "keep" | "drop"
        What to do with cities that no other reaches in time; "nearest" links them with the
        city that reaches them soonest, one way unless `symmetric`.
    """
    check_power(power)
    if cutoff is not None and not real(cutoff) > 0:
        raise WeightsError(f"cutoff={cutoff!r}: a positive time is needed.")
    pairs = read_pairs(table, ids, "travel times").without_own()
    time = _times(pairs, symmetric is not None)
    strength = time**-power  # zero where time is infinite
    near = np.where(time <= (np.inf if cutoff is None else cutoff), strength, 0.0)
    matrix = symmetrised(sparse.csr_array(near), symmetric)
    ever = symmetrised(sparse.csr_array(strength), symmetric).toarray()

    def fallback(lonely: Positions) -> sparse.csr_array:
        soonest = ever[lonely].argmax(axis=1)
        found = sparse.csr_array((ever[lonely, soonest], (lonely, soonest)), ever.shape)
        return found if symmetric is None else sparse.csr_array(found.maximum(found.T.tocsr()))

    reachable = ever[empty_rows(matrix)].any(axis=1).all()
    why = f"are reached from no other city{'' if cutoff is None else f' within {cutoff:g}'}"
    matrix, cities, told = settle(matrix, pairs.ids, isolates, why, fallback if reachable else None)
    recipe = {
        "kind": "travel time", "power": power, "cutoff": cutoff, "symmetric": symmetric,
        "unit": "time^-power",
    }  # fmt: skip
    return Weights(matrix, cities, name, recipe | told)


def _times(pairs: Pairs, both_ways: bool) -> Array:
    """Times to row i from column j, (n, n), infinite on the diagonal."""
    check_dense(len(pairs.ids), "times between all pairs")
    time = np.full((len(pairs.ids), len(pairs.ids)), np.nan)
    time[pairs.destination, pairs.origin] = pairs.value
    if both_ways:
        time = np.where(np.isnan(time), time.T, time)
    np.fill_diagonal(time, np.inf)
    holes = np.argwhere(np.isnan(time))
    if len(holes):
        absent = [(pairs.ids[j], pairs.ids[i]) for i, j in holes]
        raise WeightsError(
            f"the table of travel times has no time from and to {named(absent)}. Every pair is "
            "needed: write inf for what cannot be reached. Where each pair stands once for both "
            'ways, say symmetric="mean".'
        )
    if not time.all():
        zero = [(pairs.ids[j], pairs.ids[i]) for i, j in np.argwhere(time == 0)]
        raise WeightsError(f"travel times must be positive; they are zero for {named(zero)}.")
    return time
