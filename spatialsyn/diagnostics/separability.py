"""Are the lags in time and in space of a dynamic model separable?

    eta_j = -tau rho_j of every W_j   makes   A = S^-1 (tau I + sum eta_j W_j) = tau I

what a city passes on to its neighbours it does within the year, and indirect effects are the same
multiple of direct ones in all years to come (Parent & LeSage 2011, Computational Statistics & Data
Analysis 55; Elhorst 2014, section 4.6).
"""

from __future__ import annotations

import numpy as np

from spatialsyn.diagnostics.relatives import is_results
from spatialsyn.errors import ModelError
from spatialsyn.numerics.hypothesis import HypothesisTest, wald
from spatialsyn.results import Results


def separability(results: Results) -> HypothesisTest:
    """The Wald test of eta = -tau rho, of a model with y(t-1), Wy(t-1) and Wy.

    It takes the covariance of `results`, robust ones included.

    Raises
    ------
    ModelError
        The model lacks one of the three lags.
    """
    is_results(results, "separability")
    model = results.model
    names = model.roles.wy
    own_rho = model.regimes is not None and model.regimes.rho
    if not (model.lag_y and names and set(names) == set(model.lag_wy)) or own_rho:
        raise ModelError(
            "separability tests eta = -tau rho, one rho and one eta of each matrix: it needs "
            "lag_y=True, lag_wy=True and a family with Wy."
        )
    params, cov = results.params, np.nan_to_num(results.cov.to_numpy())
    at = {name: i for i, name in enumerate(params.index)}
    gradient, value = np.zeros((len(names), len(params))), np.zeros(len(names))
    for row, W in enumerate(names):
        tau, eta, rho = "tau", f"eta[{W}]", f"rho[{W}]"
        value[row] = params[eta] + params[tau] * params[rho]
        gradient[row, [at[eta], at[tau], at[rho]]] = 1, params[rho], params[tau]
    return wald("eta = -tau rho (separable in space and time)", value, gradient @ cov @ gradient.T)
