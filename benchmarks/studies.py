"""How long a study of a thousand spatial Durbin specifications takes, with all effects.

    python benchmarks/studies.py [--models 1000] [--peer 20] [--runs 5] [--write docs/studies.md]

CPU seconds, which other work on the machine does not change much, of one process, of one that
forces every result to the disk, and of two with starting them; on a machine of two free cores
the last take half as long on the clock. spreg's `ML_LagFE` does the nearest thing, a
Durbin model of the same y and X with city effects; it is timed on some of the models, and
factorises I - rho W anew for each. The two take turns, and the medians are shown.
Panel and weights are made anew for every run.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from fit_speed import data, inverse, mutual, nearest, to_w
from in_spreg import durbin
from joblib.externals.loky import get_reusable_executor
from kept import keep

import spatialsyn as ss
from spatialsyn.study.record import sample_of

PAGE = """# Studies: how long a thousand models take

Written by `python benchmarks/studies.py --write docs/studies.md`. Every model is a spatial Durbin
model with Lee-Yu city, or city and year, effects: two matrices, two kinds of fixed effects, five
samples, five cuts of the tails, two lags and five regressors; or two matrices, two kinds of fixed
effects and every subset of eight controls, of one sample. The matrices are those of six nearest
neighbours, made mutual, and of neighbours' neighbours; *dense W* says inverse distance, and inverse
gaps of a regressor. Each model is estimated with standard errors and all direct, indirect and total
effects with theirs. CPU seconds of one machine
({machine}, one BLAS thread): compare them with
each other, not with those of another machine.

| data | models | estimated | one process | stored on disk | read again | two processes, both | spreg | spreg / one | rho |
|---|---|---|---|---|---|---|---|---|---|
{rows}

* *stored on disk*: every result is a file of its own, forced to the disk before the next. *Read
  again* is the same call on the full store: nothing is estimated.
* *two processes, both*: CPU seconds of the two together, with the seconds that each takes to start
  and to import; with two free cores the clock shows about half of it. Small models are not worth
  a second process.
* *spreg*: `ML_LagFE` with lagged regressors and its average effects (`spat_impacts="full"`) on the
  same y and X, made beforehand, {some} models timed and scaled to all, in turn with *one process*;
  of both the median of {runs} runs is shown. It is the nearest thing that spreg has: city effects
  without the transformation, a factorisation of I - rho W for every rho that it tries, no year
  effects, and effects without standard errors, so it does less. A dense W costs it more than twice
  the time, and us none: it factorises W as a sparse matrix, full or not.
* *rho*: how far ours lies from spreg's at most, in the models of these that have city effects only;
  spreg stops its search within some 1e-7.

Ours share one spectrum per matrix, with its eigenvectors from 50 cities on, or from 100 the Schur
form of one that is similar to no symmetric matrix (nearest neighbours that are not mutual), evaluate
each term of the formulas once, lag and sweep each column once for a sample and a matrix, multiply it
once with those that it stands beside, and find estimates and effects side by side.

What can stop a study, and what is lost then (tests/study/test_store.py, test_cluster.py). Small static
models are handed out up to 200 at a time, a tenth of a second's work, others one by one:

| what happens | what is lost | what the next call does |
|---|---|---|
| `kill -9`, power | the models being estimated | estimates what is missing; 200 results bit for bit |
| the disk is full, or read-only | the model being written | an error that says so; what is stored stays |
| a process dies (memory) | the models being estimated | an error that says so; goes on |
| a worker of a cluster dies | nothing | its models are estimated by another, in the same call |
| all workers die | nothing | waits for new ones, in the same call |
| a model cannot be estimated | nothing | it is a row with the message, stored like any other |
"""  # noqa: E501
WINSOR = [None, 0.005, 0.01, 0.02, 0.05]


def units(T: int, k: int, links: Callable[..., Any]) -> tuple[ss.CityPanel, list[ss.Weights]]:
    """300 units over T years; their W, and one of neighbours' neighbours, or of a gap if dense."""
    panel, w = data(300, T, k=k, links=links)
    if links is inverse:
        other = ss.weights.gap(panel.mean("x1", years=(2000, 2001)), name="o")
    else:
        twice = (w.dense() @ w.dense()) * (1 - np.eye(300))
        other = ss.Weights.from_matrix(twice, ids=w.ids, name="o")
    return panel, [w, other.standardize("row")]


def large(
    T: int, links: Callable[..., Any] = mutual
) -> tuple[ss.CityPanel, list[ss.Weights], dict[str, ss.Specification]]:
    """A grid over samples, regressors and what is done to them."""
    panel, weights = units(T, 7, links)
    model = ss.sdm("y ~ x0 + x1 + x2", W="w", fixed_effects="twoways")
    swaps = ss.swap("x2", ["x3", "x4", "x5", "x6"])
    last = panel.years[-1]
    dropped = [None, 2000, 2007, last, (last - 1, last)]
    return panel, weights, grid(model, ["w", "o"], swaps, dropped)


def subsets(
    links: Callable[..., Any] = mutual,
) -> tuple[ss.CityPanel, list[ss.Weights], dict[str, ss.Specification]]:
    """Eight controls that models leave out, over ten years."""
    panel, weights = units(10, 9, links)
    controls = [f"x{i}" for i in range(1, 9)]
    model = ss.sdm(f"y ~ x0 + {' + '.join(controls)}", W="w")
    kinds = ["individual", "twoways"]
    return panel, weights, ss.grid(model, W=["w", "o"], fixed_effects=kinds, optional=controls)


def guangdong() -> tuple[ss.CityPanel, list[ss.Weights], dict[str, ss.Specification]]:
    """21 cities over 9 years, two matrices."""
    panel = ss.datasets.guangdong()
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    income = panel.mean("gdp_per_capita", years=(2011, 2012))
    eco = ss.weights.gap(income, name="eco").standardize("row")
    model = ss.sdm(
        "log(gdp) ~ log(fiscal_expenditure) + urbanization + log(loans)",
        W="geo",
        fixed_effects="twoways",
    )
    other = ["deposits", "fiscal_revenue", "education_expenditure", "average_wage"]
    swaps = ss.swap("log(loans)", [f"log({name})" for name in other])
    return panel, [geo, eco], grid(model, ["geo", "eco"], swaps, [None, 2011, 2015, 2019, 2013])


def grid(
    model: ss.SpatialModel, names: list[str], swaps: object, dropped: list[object]
) -> dict[str, ss.Specification]:
    """Two matrices, two kinds of effects, five samples, five cuts, two lags, five regressors."""
    return ss.grid(
        model,
        W=names,
        fixed_effects=["individual", "twoways"],
        drop_years=dropped,
        x=swaps,
        winsor=WINSOR,
        lag_x=[0, 1],
    )


def peer(study: ss.Study, names: list[str]) -> tuple[float, dict[str, float]]:
    """CPU seconds of spreg per model and its effects, on what was made beforehand.

    Its rho too, of models with city effects only: it has no others.
    """
    from spatialsyn.models.data import read

    by_name = {name: to_w(w) for name, w in study.weights.items()}
    spent, rho = 0.0, {}
    for name in names:
        spec = study.models[name]
        found, _ = read(spec.model, study.panel, sample_of(study.panel, spec))
        X = found.X[..., [x != "Intercept" for x in found.names]]
        y, X = found.y.T.reshape(-1, 1), X.transpose(1, 0, 2).reshape(-1, X.shape[2])
        start = time.process_time()
        theirs = durbin(y, X, by_name[spec.model.W])
        spent += time.process_time() - start
        if spec.model.fixed_effects == "individual":
            rho[name] = float(np.squeeze(theirs.rho))
    return spent / len(names), rho


def apart(runs: ss.Runs, rho: dict[str, float]) -> float:
    """How far the rho of models lies from spreg's, at most."""
    found = runs.parameters.set_index(["model", "term"])["estimate"]
    named = {name: f"rho[{runs.models[name].model.W}]" for name in rho}
    return max(abs(found[name, named[name]] - theirs) for name, theirs in rho.items())


def fresh(made: Callable[[], Any], count: int) -> ss.Study:
    """The first models of a data set, with matrices whose spectra are still to be found."""
    panel, weights, models = made()
    return ss.Study(panel, weights, dict(list(models.items())[:count]))


def timed(study: ss.Study, store: str | None, n_jobs: int) -> tuple[float, ss.Runs]:
    """CPU seconds of this process and of those that it started, and what was found."""
    before = spent()
    runs = study.run(store, n_jobs=n_jobs)
    get_reusable_executor().shutdown(wait=True)  # a process is counted once it has ended
    return spent() - before, runs


def spent() -> float:
    """CPU seconds so far, those of children that ended too."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def row(name: str, made: Callable[[], Any], options: argparse.Namespace) -> tuple[str, float]:
    """The row of one data set, and how many times our time spreg takes."""
    spans, peers = [], []
    for _ in range(options.runs):
        study = fresh(made, options.models)
        span, runs = timed(study, None, 1)
        spans.append(span)
        chosen = list(study.models)
        per_model, rho = peer(study, chosen[:: max(1, len(chosen) // options.peer)])
        peers.append(len(chosen) * per_model)
    with tempfile.TemporaryDirectory() as folder:
        stored, _ = timed(fresh(made, options.models), folder, 1)
        again, _ = timed(fresh(made, options.models), folder, 1)
    two, same = timed(fresh(made, options.models), None, 2)
    assert same.effects().equals(runs.effects())
    one, theirs = median(spans), median(peers)
    numbers = [f"{one:.2f}", *(f"{value:.1f}" for value in (stored, again, two, theirs))]
    cells = [name, len(chosen), len(chosen) - len(runs.failures), *numbers, f"{theirs / one:.0f}"]
    cells.append(f"{apart(runs, rho):.0e}")
    return f"| {' | '.join(map(str, cells))} |", theirs / one


def main() -> None:
    """Print the table, or write the page."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--models", type=int, default=1000)
    arguments.add_argument("--peer", type=int, default=20)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--write", type=Path)
    options = arguments.parse_args()
    rows, ratios = [], {}
    cases = {"Guangdong, n = 21, T = 9": guangdong}
    cases |= {f"n = 300, T = {T}": partial(large, T) for T in (10, 15)}
    cases["n = 300, T = 10, W not symmetrisable"] = partial(large, 10, nearest)
    cases["n = 300, T = 10, dense W"] = partial(large, 10, inverse)
    cases["n = 300, T = 10, subsets of controls"] = subsets
    cases["n = 300, T = 10, subsets of controls, dense W"] = partial(subsets, inverse)
    for name, made in cases.items():
        shown, ratios[name] = row(name, made, options)
        rows.append(shown)
        print(rows[-1], flush=True)
    machine = f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    if options.write:
        keep("studies", ratios)
        page = PAGE.format(
            rows="\n".join(rows), machine=machine, some=options.peer, runs=options.runs
        )
        options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
