"""What only the results of a mixture of weights matrices can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TypeVar

import numpy as np
import pandas as pd

from spatialsyn.errors import ModelError
from spatialsyn.models.design import Design, sweep_effects
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.formula import Regressors
from spatialsyn.models.mixture import Mixture
from spatialsyn.models.posterior import Posterior, evidence, posterior
from spatialsyn.models.roles import Convex, Roles
from spatialsyn.models.shares import share_interval, share_test
from spatialsyn.models.spec import SpatialModel
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.weights.series import Links

Fitted = TypeVar("Fitted", bound="OfMixture")


@dataclass(frozen=True, eq=False)
class Averaged:
    """Posterior probabilities of the subsets of a mixture's matrices.

    Attributes
    ----------
    table : one row per subset: ``log_marginal, probability``, posterior means of rho and of
        the shares, zero for a matrix that is not in the subset
    inclusion : probability that a matrix belongs to the model
    means : rho and the shares, averaged over the subsets
    """

    table: pd.DataFrame
    inclusion: pd.Series
    means: pd.Series

    def __repr__(self) -> str:
        shown = self.table.to_string(float_format="{:.4g}".format)
        return f"{shown}\nInclusion: " + ", ".join(
            f"{n} {p:.3f}" for n, p in self.inclusion.items()
        )


class OfMixture:
    """The questions; the answers need these attributes of a `Results`."""

    model: SpatialModel
    weights: Mapping[str, Links]
    data: Regressors
    design: Design
    estimate: Estimate

    @property
    def _mixture(self) -> Mixture:
        if self.design.mixture is None:
            raise ModelError(
                'this model mixes no matrices, so there are no shares: W=ss.convex("geo", "dig").'
            )
        return self.design.mixture

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Shares of the matrices: estimate, se, and the 95% profile-likelihood interval.

        A share of zero lies on the boundary and has no standard error.
        """
        mixture = self._mixture
        assert self.estimate.cov is not None
        se = np.sqrt(np.diag(self.estimate.cov)[mixture.shares])
        columns = {
            "estimate": self.estimate.params[mixture.shares],
            "se": np.where(se > 0, se, np.nan),
        }
        table = pd.DataFrame(columns, index=pd.Index(mixture.weights, name="weights"))
        return table.join(self.share_intervals())

    def share_intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Profile-likelihood intervals, ``low`` and ``high``, of the shares: inside [0, 1]."""
        _check_level(level)
        names = self._mixture.weights
        if level not in self._intervals:
            ends = [share_interval(self.design, self.estimate, i, level) for i in range(len(names))]
            self._intervals[level] = pd.DataFrame(
                ends, columns=["low", "high"], index=pd.Index(names, name="weights")
            )
        return self._intervals[level].copy()

    @cached_property
    def _intervals(self) -> dict[float, pd.DataFrame]:
        """What was found so far, by level."""
        return {}

    def share_test(
        self, names: str | Iterable[str], bootstrap: int = 0, seed: int = 0
    ) -> HypothesisTest:
        """The likelihood-ratio test that a share is zero, or that several are.

        Zero is the end of their range: the ratio is a mixture of chi-squared distributions
        with 0 to k degrees of freedom, half and half for one share.

        Parameters
        ----------
        bootstrap : so many samples redrawn under the hypothesis give the p-value instead
        seed : of the bootstrap, and of the mixture's weights for more than three shares
        """
        self._mixture  # noqa: B018
        _check_whole("bootstrap", bootstrap, 0)
        return share_test(self.design, self.estimate, names, self.data.y, bootstrap, seed)

    def posterior(self, draws: int = 1000, level: float = 0.95, seed: int = 0) -> Posterior:
        """The exact Bayesian posterior of rho and the shares of up to three matrices.

        Priors are uniform on rho and the shares, flat on the rest. With `with_draws` the
        effects of the draws follow: ``res.with_draws(post).effects(method="simulation")``.
        """
        self._mixture  # noqa: B018
        _check_level(level)
        _check_whole("draws", draws, 1)
        return posterior(self.design, draws, level, seed)

    def with_draws(self: Fitted, post: Posterior) -> Fitted:
        """The same results, whose simulated effects use the draws of a posterior."""
        if post.names != self.estimate.names:
            raise ModelError("this posterior belongs to another model: its parameters differ.")
        return replace(self, estimate=replace(self.estimate, draws=post.draws))  # type: ignore[type-var]

    def averaged(self, g: float | None = None) -> Averaged:
        """Posterior probability of every subset of the matrices, all equally likely before.

        Parameters
        ----------
        g : variance of the coefficients' prior, in units of that of their estimate; by
            default the number of observations: the prior is worth one of them
        """
        names, rows = self._mixture.weights, {}
        if g is not None and not g > 0:
            raise ModelError(f"g={g!r} must be positive: the prior's variance, in estimates'.")
        for size in range(1, len(names) + 1):
            for chosen in combinations(names, size):
                design = sweep_effects(_only(self.model, chosen), self.data, self.weights)
                log, means = evidence(design, float(design.nobs if g is None else g))
                found = dict(zip(("rho", *(f"share[{n}]" for n in chosen)), means, strict=True))
                rows["+".join(chosen)] = {"log_marginal": log, **found}
        table = pd.DataFrame(rows).T.reindex(
            columns=["log_marginal", "rho", *(f"share[{name}]" for name in names)]
        )
        chance = np.exp(table["log_marginal"] - table["log_marginal"].max())
        table.insert(1, "probability", chance / chance.sum())
        member = table.drop(columns=["log_marginal", "probability", "rho"]).notna()
        inclusion = member.mul(table["probability"], axis=0).sum().set_axis(list(names))
        table = table.fillna(0.0).rename_axis("subset")
        values = table.drop(columns=["log_marginal", "probability"])
        return Averaged(table, inclusion, values.mul(table["probability"], axis=0).sum())


def _only(model: SpatialModel, chosen: tuple[str, ...]) -> SpatialModel:
    """The model with some of its mixture's matrices; WX of the mixture follow, others stay."""
    given = model.roles
    assert given.mixed is not None
    wx = given.wx
    if tuple(name for name, _ in wx) == given.mixed.names:
        wx = tuple(pair for pair in wx if pair[0] in chosen)
    return model.but(W=Roles(chosen, wx, given.wu, Convex(chosen, given.mixed.wx)))


def _check_whole(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ModelError(f"{name}={value!r}: give a whole number of at least {least}.")


def _check_level(level: float) -> None:
    if not (isinstance(level, float) and 0 < level < 1):
        raise ModelError(f"level={level!r} must lie between 0 and 1, for example 0.95.")
