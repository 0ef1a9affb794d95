"""How long a study of a thousand spatial Durbin specifications takes, with all effects.

    python benchmarks/studies.py [--models 1000] [--peer 20]

One process is timed in CPU seconds, two in seconds on the clock, with starting them, with
nothing stored and with every result forced to the disk. spreg's `Panel_FE_Lag` does the
nearest thing, an individual-effects lag model of the same y, X and WX without effects; it
is timed on some of the models, and its log-determinant on eigenvalues found anew each time.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
import warnings

import numpy as np
from fit_speed import data, to_w

import spatialsyn as ss
from spatialsyn.study.run import sample_of

WINSOR = [None, 0.005, 0.01, 0.02, 0.05]


def large() -> tuple[ss.CityPanel, list[ss.Weights], dict[str, ss.Specification]]:
    """300 units over 15 years, two matrices."""
    panel, w = data(300, 15, k=7)
    other = ss.Weights.from_matrix((w.dense() @ w.dense()) * (1 - np.eye(300)), ids=w.ids, name="o")
    model = ss.sdm("y ~ x0 + x1 + x2", W="w", fixed_effects="twoways")
    swaps = ss.swap("x2", ["x3", "x4", "x5", "x6"])
    dropped = [None, 2000, 2007, 2014, (2013, 2014)]
    return panel, [w, other.standardize("row")], grid(model, ["w", "o"], swaps, dropped)


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


def peer(panel: ss.CityPanel, weights: list[ss.Weights], specs: list[ss.Specification]) -> float:
    """CPU seconds of spreg per model, on matrices and columns made beforehand."""
    import spreg

    from spatialsyn.models.data import read

    by_name = {w.name: (w, to_w(w)) for w in weights}
    spent = 0.0
    for spec in specs:
        found, _ = read(spec.model, panel, sample_of(panel, spec))
        w, old = by_name[spec.model.W]
        X = found.X[..., [name != "Intercept" for name in found.names]]
        Z = np.concatenate([X, np.tensordot(w.dense(), X, axes=1)], axis=2)
        y = found.y.T.reshape(-1, 1)
        Z = Z.transpose(1, 0, 2).reshape(len(y), -1)
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spreg.Panel_FE_Lag(y, Z, old)
        spent += time.process_time() - start
    return spent / len(specs)


def timed(study: ss.Study, store: str | None, n_jobs: int) -> tuple[float, float, ss.Runs]:
    """CPU seconds of this process, seconds on the clock, and what was found."""
    cpu, clock = time.process_time(), time.perf_counter()
    runs = study.run(store, n_jobs=n_jobs)
    return time.process_time() - cpu, time.perf_counter() - clock, runs


def main() -> None:
    """Print a table per data set."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--models", type=int, default=1000)
    arguments.add_argument("--peer", type=int, default=20)
    options = arguments.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    for name, made in (("n = 21, T = 9 (Guangdong)", guangdong), ("n = 300, T = 15", large)):
        panel, weights, models = made()
        chosen = dict(list(models.items())[: options.models])
        study = ss.Study(panel, weights, chosen)
        cpu, clock, runs = timed(study, None, 1)
        with tempfile.TemporaryDirectory() as folder:
            stored, _, _ = timed(study, folder, 1)
            again, _, _ = timed(study, folder, 1)
        _, two, same = timed(study, None, 2)
        assert same.effects().equals(runs.effects())
        every = max(1, len(chosen) // options.peer)
        theirs = peer(panel, weights, list(chosen.values())[::every])
        print(f"{name}: {runs}")
        print(f"  one process        {cpu:7.1f} s CPU, {clock:.1f} s on the clock")
        print(f"  one, stored        {stored:7.1f} s CPU; read again {again:.1f} s")
        print(f"  two processes      {two:7.1f} s on the clock")
        print(
            f"  spreg, no effects  {theirs * len(chosen):7.1f} s CPU (from {options.peer} models)"
        )


if __name__ == "__main__":
    main()
