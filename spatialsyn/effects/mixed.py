"""What results with several matrices can answer: shares of a mixture, shares of channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from spatialsyn.effects.channels import ALL
from spatialsyn.effects.inference import check_level
from spatialsyn.effects.table import Effects
from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, check_whole, expect, named
from spatialsyn.models.design import Design
from spatialsyn.models.estimate import Estimate
from spatialsyn.models.formula import Regressors
from spatialsyn.models.likelihood import names as spatial_names
from spatialsyn.models.mixture import Mixture
from spatialsyn.models.posterior import Posterior, posterior
from spatialsyn.models.shares import share_interval, share_test
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.subsets import Averaged, averaged
from spatialsyn.numerics.hypothesis import HypothesisTest
from spatialsyn.weights.series import Links

Fitted = TypeVar("Fitted", bound="SeveralWeights")
# An indirect effect whose z is below this has no meaningful shares.
CLEAR = 2.0


class SeveralWeights:
    """The questions; the answers need these attributes of a `Results`."""

    model: SpatialModel
    weights: Mapping[str, Links]
    data: Regressors
    design: Design
    estimate: Estimate

    def _mixed(self) -> Mixture:
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
        mixture = self._mixed()
        assert self.estimate.cov is not None
        se = np.sqrt(np.diag(self.estimate.cov)[mixture.shares])
        table = pd.DataFrame(
            {
                "estimate": self.estimate.params[mixture.shares],
                "se": np.where(se > 0, se, np.nan),
            },
            index=pd.Index(mixture.weights, name="weights"),
        )
        return table.join(self.share_intervals())

    def share_intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Profile-likelihood intervals, ``low`` and ``high``, of the shares: inside [0, 1]."""
        check_level(level)
        names = self._mixed().weights
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
        self,
        names: str | Iterable[str],
        bootstrap: int = 0,
        seed: int = 0,
        n_jobs: int = 1,
        backend: str = "joblib",
        scheduler: str | None = None,
    ) -> HypothesisTest:
        """The likelihood-ratio test that a share is zero, or that several are.

        Zero is the end of their range: the ratio is a mixture of chi-squared distributions
        with 0 to k degrees of freedom, half and half for one share.

        Parameters
        ----------
        bootstrap : so many samples redrawn under the hypothesis give the p-value instead
        seed : of the bootstrap, and of the mixture's weights for more than three shares
        n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them
        """
        engine = Engine(n_jobs, backend, scheduler)
        self._mixed()
        check_whole("bootstrap", bootstrap, 0)
        return share_test(self.design, self.estimate, names, self.data.y, bootstrap, seed, engine)

    def posterior(self, draws: int = 1000, level: float = 0.95, seed: int = 0) -> Posterior:
        """The exact Bayesian posterior of rho and the shares of up to three matrices.

        Priors are uniform on rho and the shares, flat on the rest. With `with_draws` the
        effects of the draws follow: ``res.with_draws(post).effects(method="simulation")``.

        Parameters
        ----------
        draws, seed : of all parameters; the table is integrated and has no error of draws
        level : posterior probability of the intervals
        """
        self._mixed()
        check_level(level)
        check_whole("draws", draws, 1)
        found = posterior(self.design, draws, level, seed)
        return replace(found, of=self.estimate.params)

    def with_draws(self: Fitted, post: Posterior) -> Fitted:
        """The same results, whose simulated effects use the draws of a posterior."""
        expect(post, Posterior, "with_draws needs a posterior: results.posterior()", ModelError)
        if post.names != self.estimate.names:
            raise ModelError("this posterior belongs to another model: its parameters differ.")
        if post.of is None or not np.array_equal(post.of, self.estimate.params):
            raise ModelError(
                "this posterior belongs to another fit, whose estimates differ, of other data or "
                "weights or with other fixed effects: take results.posterior() of these results."
            )
        return replace(self, estimate=replace(self.estimate, draws=post.draws))  # type: ignore[type-var]

    def averaged(self, g: float | None = None) -> Averaged:
        """Posterior probability of every subset of the matrices, all equally likely before.

        Parameters
        ----------
        g : variance of the coefficients' prior, in units of that of their estimate; by
            default the number of observations: the prior is worth one of them
        """
        self._mixed()
        return averaged(self.model, self.data, self.weights, g)

    def channel_shares(self, x: str | Iterable[str] | None = None, **options: Any) -> Effects:
        """The share of each matrix in the indirect effect, with inference.

        A share may lie outside [0, 1] where matrices carry effects of opposite signs.
        `options` are those of `effects`: method, level, draws, seed.
        """
        made: Effects = self.effects(x, by="channel", **options)  # type: ignore[attr-defined]
        table = made.table
        whole = table[(table["effect"] == "indirect") & (table["channel"] == ALL)]
        unclear = whole["x"][~(whole["estimate"].abs() >= CLEAR * whole["se"])]
        kept = np.flatnonzero((table["effect"] == "indirect") & (table["channel"] != ALL))
        parts = replace(
            made,
            table=table.iloc[kept].reset_index(drop=True),
            spread=made.spread[kept],
            draws=None if made.draws is None else made.draws[:, kept],
            about="shares of the indirect effect",
        ).shares()
        note = (
            f"The indirect effect of {named(unclear)} is not clearly different from zero: its "
            "shares mean little."
        )
        shown = parts.table.assign(effect="share")
        return replace(parts, table=shown, note=note if len(unclear) else parts.note)

    @cached_property
    def _entered(self) -> Estimate:
        """The estimate of the design's own columns and lags: an own rho for every matrix."""
        params, cov, mixture = self.estimate.params, self.estimate.cov, self.design.mixture
        if mixture is None or cov is None:
            return self.estimate
        J, names = mixture.jacobian(params), (*self.design.names, *spatial_names(self.design))
        return replace(
            self.estimate, names=(*names, "sigma2"), params=mixture(params), cov=J @ cov @ J.T
        )

    def _with_shares(self, tidy: pd.DataFrame, level: float) -> pd.DataFrame:
        """`tidy` with profile intervals of the shares; zero is the end of their range, no null."""
        if self.design.mixture is not None:
            names = list(self.design.mixture.share_names)
            tidy.loc[names, ["z", "p"]] = np.nan
            tidy.loc[names, ["low", "high"]] = self.share_intervals(level).to_numpy()
        return tidy
