"""The wild cluster bootstrap of fitted results, for panels of few cities.

With few cities clustered standard errors are too small and normal p-values too bold. In 600
simulated Durbin panels of Guangdong's 21 cities and 12 years, with two-way effects, serial
correlation 0.6 and unequal variances, tests at 5 % reject a true null (x, W*x or rho) in 8-12 %
of samples by the standard errors clustered by city, in 8-23 % by the expected information,
and in 5-7 % by `wild_test`. Quantiles of the draws (`wild_bootstrap`) make intervals of 95 %
that cover effects in 87-93 %, as clustered ones do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd

from spatialsyn.engine.tasks import Engine
from spatialsyn.errors import ModelError, expect, named
from spatialsyn.models.bootstrap import CLUSTERS, Wild, null_tests, with_draws
from spatialsyn.models.clusters import CLUSTER, clustered
from spatialsyn.models.design import Design
from spatialsyn.results import Results


def wild_bootstrap(
    results: Results,
    cluster: str | pd.Series = "city",
    weights: str = "rademacher",
    draws: int = 999,
    seed: int = 0,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> Results:
    """The same estimates with bootstrap draws; ``effects(method="bootstrap")`` reads them.

    Residuals of a cluster change sign together (Cameron, Gelbach & Miller 2008, Review of
    Economics and Statistics 90). Standard errors are the standard deviations of the draws.
    sigma2 has none: the weights keep the size of the residuals.

    Parameters
    ----------
    cluster : "city" | "period" | a grouping of the panel, or a Series, the group of each city
        What may be dependent within: the years of a city, the cities of a year, or all that is
        in a group of cities; the latter two for models without a lag of y and without a
        spatial error only.
    weights : "rademacher" | "webb"
        Signs, or six points where there are fewer than about ten clusters.
    draws, seed : number of samples, and the seed they come from
    n_jobs, backend, scheduler : see `ss.Study.run`
        For models whose samples are refitted one by one, those with a spatial error or several
        spatial lags of y; others take milliseconds. The numbers do not depend on them.

    Raises
    ------
    ModelError
        Random effects, correction="bias-corrected", or choices that do not exist.
    EstimationError
        Too many samples have no estimate.
    """
    engine = Engine(n_jobs, backend, scheduler)
    _check(results)
    design, kind, name = _clusters(results, cluster)
    estimate = with_draws(design, results.estimate, Wild(kind, weights, draws, seed), engine)
    assert estimate.draws is not None
    lost = draws - len(estimate.draws)
    made = f"{draws} draws{f' ({lost} lost)' if lost else ''}, {weights} weights, seed {seed}"
    return replace(results, estimate=estimate, cov_kind=f"wild bootstrap by {name}, {made}")


def wild_test(
    results: Results,
    names: str | Iterable[str] | None = None,
    cluster: str | pd.Series = "city",
    weights: str = "rademacher",
    draws: int = 999,
    seed: int = 0,
    n_jobs: int = 1,
    backend: str = "joblib",
    scheduler: str | None = None,
) -> pd.DataFrame:
    """Is a coefficient zero? p-values of the wild cluster bootstrap-t with the null imposed.

    Parameters
    ----------
    names : name or list of names of `results.params`, sigma2 aside
        Coefficients of regressors and of their lags, rho, lambda; all by default.
    cluster, weights, draws, seed : see `wild_bootstrap`
    n_jobs, backend, scheduler : see `ss.Study.run`; the numbers do not depend on them

    Returns
    -------
    DataFrame
        One row per name: ``term, estimate, se, t, p``; se is clustered.
    """
    engine = Engine(n_jobs, backend, scheduler)
    _check(results)
    known = [name for name in results.params.index if name not in ("sigma2", "phi")]
    chosen = known if names is None else [names] if isinstance(names, str) else list(names)
    absent = [name for name in chosen if name not in known]
    if absent:
        raise ModelError(f"{named(absent)} cannot be tested; there are {named(known, 40)}.")
    design, kind, _ = _clusters(results, cluster)
    how = Wild(kind, weights, draws, seed)
    found = null_tests(design, results.estimate, chosen, how, engine)
    table = pd.DataFrame(found, columns=["se", "t", "p"])
    table.insert(0, "term", chosen)
    table.insert(1, "estimate", results.params[chosen].to_numpy())
    return table


def _clusters(results: Results, cluster: Any) -> tuple[Design, str, str]:
    """The design with its clusters, their kind, and what they are called."""
    panel = results.panel
    if isinstance(cluster, str) and (cluster in CLUSTERS or cluster not in panel.blocks):
        return results.design, cluster, cluster
    design, name = clustered(results.design, CLUSTER, cluster, panel)
    return design, CLUSTER, str(name)


def _check(results: Results) -> None:
    expect(results, Results, "the bootstrap needs what ss.fit returns", ModelError)
    model = results.model
    if model.correction == "bias-corrected" and model.fixed_effects != "none":
        raise ModelError(
            'the bootstrap refits every sample, and correction="bias-corrected" is not one fit. '
            'Use correction="lee-yu".'
        )
