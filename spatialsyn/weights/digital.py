"""Weights of digital connection: flows between cities, and common platforms.

    flows         W[i, j] = what city j sends to city i: searches, migration, parcels, equity
    comembership  W[i, j] = platforms that cities i and j are both on

Flows and memberships are data of the sample like any other, so they take base years; see
`economic`. A matrix from directed data stays directed unless `symmetric` is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from spatialsyn.errors import WeightsError, expect, named
from spatialsyn.weights.core import Weights
from spatialsyn.weights.economic import BaseYears, base_years_of
from spatialsyn.weights.isolates import settle
from spatialsyn.weights.od import ENDS, Pairs, read_pairs
from spatialsyn.weights.symmetry import symmetrised

RECEIVERS = ("destination", "origin")
MEASURES = ("count", "jaccard")


def flows(
    table: pd.DataFrame,
    ids: Sequence[Any] | None = None,
    receiver: str = "destination",
    name: str = "flows",
    base_years: BaseYears = None,
    symmetric: str | None = None,
    isolates: str | None = None,
) -> Weights:
    """W[i, j] = the flow from city j to city i, from an origin-destination table.

    Parameters
    ----------
    table : DataFrame
        Long (``origin``, ``destination``, ``value`` and, if there are several years,
        ``year``), or square with the origins as rows. A pair that is not listed has no
        flow. Flows within a city are left out; the recipe tells their share (``own``).
    ids : the cities, such as ``panel.ids``; by default those of the table
    receiver : "destination" | "origin"
        Whom a flow makes depend on the other. A parcel reaches its destination; but who
        searches for another city (the origin of the search) learns from it.
    base_years : single years, such as (2011, 2015) for two, or "all"
        Of a table with years, the mean over these is taken; otherwise it says when the
        flows were observed.
    symmetric : None | "mean" | "max" | "min" | "product"
        Keep the direction (default), or put the two flows of a pair together.
    isolates : None | "keep" | "drop"
        What to do with cities that receive nothing.
    """
    expect(table, pd.DataFrame, "flows come as a DataFrame", WeightsError)
    if receiver not in RECEIVERS:
        raise WeightsError(f"receiver={receiver!r} is not one of {named(RECEIVERS)}.")
    years = base_years_of(table, base_years)
    pairs = _yearly_mean(table, ids, years) if "year" in table else read_pairs(table, ids, "flows")
    if not np.isfinite(pairs.value).all():
        raise WeightsError("flows must be finite numbers.")
    total, between = pairs.value.sum(), pairs.without_own()
    if not between.value.any():
        raise WeightsError("the table of flows has no flow between two different cities.")
    matrix = between.matrix()
    matrix.eliminate_zeros()
    if receiver == "origin":
        matrix = matrix.T.tocsr()
    why = f"{'receive' if receiver == 'destination' else 'send'} no flow at all"
    matrix, cities, told = settle(symmetrised(matrix, symmetric), pairs.ids, isolates, why)
    recipe = {
        "kind": "flows", "receiver": receiver, "symmetric": symmetric, "base_years": years,
        "own": round(float(1 - between.value.sum() / total), 6), "unit": "units of the table",
    }  # fmt: skip
    return Weights(matrix, cities, name, recipe | told)


def comembership(
    incidence: pd.DataFrame,
    measure: str = "count",
    name: str = "platforms",
    base_years: BaseYears = None,
    isolates: str | None = None,
) -> Weights:
    """W[i, j] = on how many platforms cities i and j both are, from a city x platform table.

    Parameters
    ----------
    incidence : DataFrame, cities as rows, platforms as columns
        1 (or True) where the city is on the platform, else 0.
    measure : "count" | "jaccard"
        Common platforms, or their share in all platforms of either city: a city that is
        on every platform shares many with everybody.
    base_years : when cities were on the platforms, such as (2011, 2012), or "all"
    isolates : None | "keep" | "drop"
        What to do with cities that share no platform with any other.
    """
    expect(incidence, pd.DataFrame, "comembership takes a city x platform table", WeightsError)
    if measure not in MEASURES:
        raise WeightsError(f"measure={measure!r} is not one of {named(MEASURES)}.")
    years = base_years_of(incidence, base_years)
    member = _members(incidence)
    matrix = sparse.csr_array(member @ member.T)
    if measure == "jaccard":
        count = np.asarray(member.sum(axis=1))
        common = matrix.tocoo()
        either = count[common.row] + count[common.col] - common.data
        common.data = common.data / either
        matrix = common.tocsr()
    matrix = sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))
    matrix.eliminate_zeros()
    why = "share no platform with any other city"
    matrix, ids, told = settle(matrix, tuple(incidence.index), isolates, why)
    recipe = {
        "kind": "co-membership", "measure": measure, "platforms": incidence.shape[1],
        "base_years": years,
        "unit": "common platforms" if measure == "count" else "share of common platforms",
    }  # fmt: skip
    return Weights(matrix, ids, name, recipe | told)


def _yearly_mean(
    table: pd.DataFrame, ids: Sequence[Any] | None, years: str | tuple[int, ...]
) -> Pairs:
    """The mean over the base years; a pair that a year does not list has no flow in it."""
    table = table.reset_index(drop=True)
    numbers = pd.to_numeric(table["year"], errors="coerce")
    if numbers.isna().any():
        raise WeightsError("the table of flows has rows whose year is missing or no number.")
    known = sorted({int(year) for year in numbers})
    chosen = known if years == "all" else [int(year) for year in years]
    absent = [year for year in chosen if year not in known]
    if absent:
        raise WeightsError(
            f"the table of flows has no year {named(absent)}; it has {named(known)}."
        )
    observed = table[numbers.isin(chosen)]
    for year, rows in observed.groupby(numbers):
        read_pairs(rows, None, f"flows of {int(year)}")
    value = pd.to_numeric(observed["value"])
    mean = value.groupby([observed[end] for end in ENDS], sort=False).sum() / len(chosen)
    cities = dict.fromkeys([*table["origin"], *table["destination"]]) if ids is None else ids
    return read_pairs(mean.rename("value").reset_index(), tuple(cities), "flows")


def _members(incidence: pd.DataFrame) -> sparse.csr_array:
    """The table as zeros and ones."""
    values = incidence.to_numpy()
    if values.dtype == bool:
        values = values.astype(float)
    numbers = pd.DataFrame(values, index=incidence.index).apply(pd.to_numeric, errors="coerce")
    bad = ~numbers.isin([0, 1]).all(axis=1)
    if bad.any():
        raise WeightsError(
            f"a city is on a platform (1) or not (0); there are other values for "
            f"{named(incidence.index[bad])}. Counts become memberships by table > 0."
        )
    if not numbers.size or not numbers.to_numpy().any():
        raise WeightsError("no city is on any platform of this table.")
    return sparse.csr_array(numbers.to_numpy(dtype=float))
