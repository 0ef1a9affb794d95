"""The dummy-variable estimator with its leading bias removed.

    theta_c = D (theta + T I^-1 a),   a = (0, 1/(1 - sum rho), 1/(1 - lambda), 1/(2 s2))

with the information I of the n T observations at the estimate, and D multiplying sigma2
by T/(T-1) where city effects were estimated (Lee & Yu 2010, Journal of Econometrics 154,
section 4.2). It removes the O(1/n) bias of time effects; the transformation likelihood
is closer to unbiased in small panels and is the default.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spatialsyn.errors import EstimationError, digits
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.line import wider
from spatialsyn.models.qml import describe
from spatialsyn.numerics.transform import sweeps_cities, sweeps_time


def remove_bias(design: Design, estimate: Estimate) -> Estimate:
    """`estimate`, by dummies, corrected; its covariance is evaluated at the new parameters.

    The log-likelihood stays that of the dummy-variable maximum: the corrected point
    maximises none.
    """
    T = design.y.shape[1]
    p, m = len(design.names), design.Wy.shape[2]
    params = np.array(estimate.params, dtype=float)
    if sweeps_time(design.fixed_effects):
        a = np.zeros(len(params))
        a[p : p + m] = 1 / (1 - params[p : p + m].sum())
        if design.error is not None:
            a[-2] = 1 / (1 - params[-2])
        a[-1] = 1 / (2 * params[-1])
        expected = describe(design, params).cov
        assert expected is not None
        params = params + T * expected @ a
        if design.logdet is not None and not design.logdet.contains(params[p : p + m]):
            raise EstimationError(
                f"the bias correction moves rho to [{digits(params[p : p + m])}], outside "
                'its parameter space. Use correction="lee-yu".'
                f"{wider(design.logdet, float(params[p]))}"
            )
    if sweeps_cities(design.fixed_effects):
        params[-1] *= T / (T - 1)
    return replace(describe(design, params), loglik=estimate.loglik)
