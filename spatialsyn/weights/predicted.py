"""Flows as distance and early size alone predict them.

    E[W_ij] = exp(a + s ln m_j + r ln m_i + g ln d_ij),    j the sender, i the receiver

by Poisson pseudo maximum likelihood over all pairs, those without a flow included (Santos Silva
& Tenreyro 2006, Review of Economics and Statistics 88).

Observed flows answer to what drives the outcome, and estimates that take such a W as given are
biased (Qu & Lee 2015, J. Econometrics 184). Distance and the size of cities before the sample do
not: what they predict is a W of its own, or stands in for the observed one among the instruments
(``instrument_W=``; Kelejian & Piras 2014, Regional Science and Urban Economics 46).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.errors import AlignmentError, WeightsError, expect, named
from spatialsyn.numerics.lags import Array
from spatialsyn.weights.core import Weights
from spatialsyn.weights.economic import BaseYears, base_years_of, kilometres, masses

# Gradient of the likelihood, on columns of unit variance, that counts as zero.
GRADIENT, STEPS = 1e-10, 200
ONE_YEAR = (
    "predicted_flows(observed, mass, cities) takes the Weights of one year, "
    "ss.weights.flows(table, ids=panel.ids, isolates='keep'); of several, "
    "ss.weights.series({year: predicted_flows(...)})"
)
ELASTICITIES = ("sender_elasticity", "receiver_elasticity", "distance_elasticity")


def predicted_flows(
    observed: Weights,
    mass: pd.Series,
    cities: Any,
    name: str = "predicted",
    base_years: BaseYears = None,
) -> Weights:
    """W[i, j] = the flow from j to i that distance and the masses of both predict.

    Parameters
    ----------
    observed : Weights
        Flows, searches, common platforms: as they are, not standardised.
    mass : Series by city id, positive
        Size before the sample, ``panel.mean("population", years=(2011, 2012))``.
    cities : GeoDataFrame
        Polygons of the same cities; distances are geodesic kilometres.
    base_years : of the mass, where it does not carry them

    Returns
    -------
    Weights
        Dense, not standardised, in units of `observed`. The recipe tells the elasticities
        (``sender_elasticity`` and so on) and ``fit``, the squared correlation of observed
        and predicted flows.

    Raises
    ------
    WeightsError
        `observed` is standardised, or masses or distances do not vary.
    AlignmentError
        Cities of the three that are not the same.
    """
    expect(observed, Weights, ONE_YEAR, WeightsError)
    if observed.standardization != "none":
        raise WeightsError(
            f"W[{observed.name}] is standardised ({observed.standardizations}): what is predicted "
            "are flows. Take the matrix before .standardize(...), and standardize the prediction."
        )
    years = base_years_of(mass, base_years)
    m = pd.Series(masses(mass, "predicted_flows"), index=mass.index)
    absent = [city for city in observed.ids if city not in m.index]
    beyond = [*m.index[~m.index.isin(observed.ids) | m.index.duplicated()]]
    if absent or beyond:
        raise AlignmentError(
            f"W[{observed.name}] has {observed.n} cities and the mass {mass.name!r} {len(m)}; "
            f"without a mass: {named(absent) or 'none'}; without flows, or there twice: "
            f"{named(beyond) or 'none'}. "
            "Give both the same cities: mass[list(panel.ids)], "
            'ss.weights.flows(table, ids=panel.ids, isolates="keep").'
        )
    size = np.log(m.loc[list(observed.ids)].to_numpy())
    km = kilometres(pd.Series(size, index=list(observed.ids), name=mass.name), cities)
    receiver, sender = np.nonzero(np.isfinite(km))
    flow = observed.dense()[receiver, sender]
    x = np.column_stack([size[sender], size[receiver], np.log(km[receiver, sender])])
    elasticities, made = _fitted(x, flow, observed.name)
    matrix = np.zeros((observed.n, observed.n))
    matrix[receiver, sender] = made
    recipe = {
        "kind": "predicted flows", "of": observed.name, "column": mass.name, "base_years": years,
        **dict(zip(ELASTICITIES, np.round(elasticities, 4).tolist(), strict=True)),
        "fit": round(float(np.corrcoef(flow, made)[0, 1] ** 2), 4), "unit": "as before",
    }  # fmt: skip
    return Weights(matrix, observed.ids, name, recipe)


def _fitted(x: Array, flow: Array, name: str) -> tuple[Array, Array]:
    """Elasticities of the flow in the three columns of logarithms `x`, and predicted flows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import PoissonRegressor

    if np.ptp(flow) <= 1e-9 * flow.max():
        raise WeightsError(
            f"W[{name}] has the same flow between any two cities: there is nothing to predict. Is "
            "it made of flows, ss.weights.flows(...)?"
        )
    spread = x.std(axis=0)
    if spread.min() <= 1e-9 or np.linalg.matrix_rank(x - x.mean(axis=0)) < x.shape[1]:
        raise WeightsError(
            f"W[{name}]: masses and distances of {len(x)} pairs do not vary, or not apart from "
            "each other, so that they predict no flow. Take another mass, or more cities."
        )
    unit, mean = (x - x.mean(axis=0)) / spread, flow.mean()
    model = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=GRADIENT, max_iter=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(unit, flow / mean)
        except (ConvergenceWarning, ValueError) as error:
            raise WeightsError(
                f"W[{name}]: no finite elasticities fit these flows ({error}). With flows of few "
                "pairs only, use ss.weights.gravity(mass, cities) instead."
            ) from error
    return model.coef_ / spread, mean * model.predict(unit)
