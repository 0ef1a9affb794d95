"""Seeds: what is none is refused wherever one is taken, before anything is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from cases import made_up
from numpy.testing import assert_array_equal

import spatialsyn as ss
from spatialsyn.numerics.randomness import APART, apart, generator, sequence

PANEL, W = made_up(n=12, T=8)
LONG = made_up(n=12, T=12)[0]
FAR = ss.Weights.from_matrix(np.roll(np.eye(12), 3, axis=1), ids=W.ids, name="far")
BOTH = [W, FAR]
SAR = ss.sar("y ~ x + z", W="w", fixed_effects="individual")
MIXED = ss.sar("y ~ x", W=ss.convex("w", "far"), fixed_effects="individual")
TRUE = {"x": 1.0, "z": 0.5, "rho[w]": 0.4, "sigma2": 1.0}


def fitted(model=SAR):
    return ss.fit(model, PANEL, BOTH)


# Every function that takes a seed.
TAKEN = {
    "simulate": lambda seed: ss.simulate(SAR, PANEL, W, TRUE, seed=seed),
    "monte_carlo": lambda seed: ss.monte_carlo(SAR, PANEL, W, TRUE, draws=50, seed=seed),
    "placebo": lambda seed: ss.placebo(SAR, PANEL, W, draws=19, seed=seed),
    "effects": lambda seed: fitted().effects(method="simulation", draws=100, seed=seed),
    "jointly": lambda seed: fitted().effects().jointly(seed=seed),
    "wild": lambda seed: ss.wild_bootstrap(fitted(), draws=100, seed=seed),
    "rivals": lambda seed: ss.diagnostics.j_test(
        fitted(), fitted(SAR.but(W="far")), draws=99, seed=seed
    ),
    "share test": lambda seed: fitted(MIXED).share_test("far", bootstrap=99, seed=seed),
    "posterior": lambda seed: fitted(MIXED).posterior(seed=seed),
    "autocorrelation": lambda seed: ss.explore.autocorrelation(PANEL, "x", W, seed=seed),
    "bivariate": lambda seed: ss.explore.bivariate(PANEL, "x", "z", W, seed=seed),
    "lisa": lambda seed: ss.explore.lisa(PANEL, "x", W, seed=seed),
    "unit roots": lambda seed: ss.explore.unit_roots(LONG, "x", seed=seed),
    "mediation": lambda seed: ss.mediation(
        ss.sar("z ~ x", W="w"), ss.sar("y ~ x + z", W="w"), "x", "z", PANEL, W, seed=seed
    ),
    "threshold": lambda seed: ss.threshold(
        ss.slx("y ~ x", W="w", fixed_effects="individual"), PANEL, W, x="x", q="z", seed=seed
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", ["a", -1, 1.5, None], ids=repr)
@pytest.mark.parametrize("name", TAKEN)
def test_what_is_no_seed_is_refused(name, seed):
    with pytest.raises(ss.ConfigError, match=f"seed={seed!r}: give a whole number, 0 or more"):
        TAKEN[name](seed)


def test_the_stream_of_a_number_is_that_of_numpy():
    assert_array_equal(generator(3).random(9), np.random.default_rng(3).random(9))
    assert_array_equal(generator(3, 2011).random(9), np.random.default_rng([3, 2011]).random(9))
    stream = np.random.default_rng(3)
    assert generator(stream) is apart(stream) is stream


def test_data_are_drawn_apart_from_it():
    own = np.random.SeedSequence(3, spawn_key=(APART,))
    assert_array_equal(apart(3).random(9), np.random.default_rng(own).random(9))
    assert not np.isin(apart(3).random(1000), generator(3).random(1000)).any()
    assert_array_equal(
        apart(sequence(3)).random(9), np.random.default_rng(np.random.SeedSequence(3)).random(9)
    )
