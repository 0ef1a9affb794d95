"""Effects against spatialreg, splm and spreg, and where the latter leaves a part out."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from peers import cross_section, fits, long_matrix, panel_data, shared

import spatialsyn as ss

# spatialreg's searches stop about 1e-8 from the maximum in rho; six digits are asked.
RTOL = 1e-6
SETS = {
    "columbus": ("w_columbus.csv", "CRIME ~ INC + HOVAL"),
    "baltimore": (
        "w_baltimore_knn5.csv",
        "PRICE ~ NROOM + NBATH + PATIO + FIREPL + AC + AGE + LOTSZ + SQFT",
    ),
}
EXACT = {
    "sar": "lag_impacts_exact",
    "sdm": "lag_durbin_all_impacts_exact",
    "sac": "sac_impacts_exact",
    "gns": "sac_durbin_all_impacts_exact",
    "sdem": "error_durbin_all_impacts",
    "slx": "slx_durbin_all_impacts",
}


def fitted(name: str, family: str) -> ss.Results:
    weights, formula = SETS[name]
    frame = pd.read_csv(shared("reference", f"{name}.csv"))
    panel, w = cross_section(frame, long_matrix(shared("reference", weights), len(frame)))
    return ss.fit(getattr(ss, family)(formula, W="w"), panel, w)


def theirs(name: str, record: str) -> dict:
    return fits(f"{name}_spatialreg")[record]["result"]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("family", EXACT)
def test_effects_match_the_exact_impacts_of_spatialreg(name, family):
    effects, impacts = fitted(name, family).effects(), theirs(name, EXACT[family])
    names = [x.removesuffix(" dy/dx") for x in impacts["bnames"]]
    for kind in ("direct", "indirect", "total"):
        assert_allclose(effects[kind].loc[names, "estimate"], impacts[kind], rtol=RTOL)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("family", "record"), [("sar", "lag"), ("sdm", "lag_durbin_all")])
def test_simulated_effects_match_those_of_spatialreg(name, family, record):
    """Both take normal draws of the same parameters; theirs are 2,000, ours tell their error.

    Allowed are five standard errors of a mean and of a standard deviation, for a kurtosis up to
    twice the normal one, and of the rank of a quantile: tails are long.
    """
    impacts, size = theirs(name, f"{record}_impacts_sim"), 2000
    names = [x.removesuffix(" dy/dx") for x in impacts["bnames"]]
    effects = fitted(name, family).effects(method="simulation", draws=20_000, seed=1)
    for kind in ("direct", "indirect", "total"):
        simulated, rows = impacts[f"sim_{kind}"], (effects.table["effect"] == kind).to_numpy()
        assert effects.table[rows]["x"].tolist() == names
        draws, sd = effects.draws[:, rows], np.array(simulated["sd"])
        assert_allclose((draws.mean(axis=0) - simulated["mean"]) / sd, 0, atol=5 / np.sqrt(size))
        assert_allclose(draws.std(axis=0) / sd, 1, atol=5 * np.sqrt(5 / 4 / size))
        for p, quantile in ((0.025, "q025"), (0.975, "q975")):
            rank = (draws < simulated[quantile]).mean(axis=0)
            assert_allclose(rank, p, atol=5 * np.sqrt(0.025 * 0.975 / size))


def test_effects_of_panels_match_splm():
    panel, w = panel_data("cigar")
    file = shared("reference", "cigar_splm_impacts_old.json")
    impacts = json.loads(file.read_text())["fits"]["impacts_sar_individual"]["result"]
    model = ss.sar("logc ~ logp + logy", W="w", fixed_effects="individual", correction="direct")
    effects = ss.fit(model, panel, w).effects()
    for kind in ("direct", "indirect", "total"):
        # splm stops near 1e-8 in rho; logy, a thousandth, is the difference of larger numbers.
        assert_allclose(effects[kind]["estimate"], impacts[kind], rtol=RTOL, atol=1e-8)


def test_the_direct_effect_of_spreg_leaves_theta_out():
    """Lagged regressors come back over two links, so theta is part of the direct effect."""
    import spreg
    from libpysal.weights import W as Links

    res = fitted("columbus", "sdm")
    frame = pd.read_csv(shared("reference", "columbus.csv"))
    matrix = res.weights["w"].dense()
    near = {i: list(np.flatnonzero(row)) for i, row in enumerate(matrix)}
    links = Links(near, {i: list(matrix[i, j]) for i, j in near.items()}, silence_warnings=True)
    how = {"slx_lags": 1, "method": "full", "spat_impacts": "full"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas is ahead of it
        y, names = frame[["CRIME"]].to_numpy(float), ["INC", "HOVAL"]
        peer = spreg.ML_Lag(y, frame[names].to_numpy(float), w=links, name_x=names, **how)
    lines = peer.summary.split("SPATIAL DURBIN MODEL IMPACTS")[1].splitlines()
    cells = [line.split() for line in lines]
    printed = {row[0]: np.array(row[1:], float) for row in cells if row and row[0] in names}
    S, effects = np.linalg.inv(np.eye(49) - res.rho["w"] * matrix), res.effects()
    for x in names:
        direct, indirect, total = printed[x]
        ours = [effects[kind].loc[x, "estimate"] for kind in ("direct", "indirect", "total")]
        missing = np.trace(S @ matrix) / 49 * res.params[f"W[w]*{x}"]
        # Four decimals are printed.
        assert_allclose(total, ours[2], atol=1e-4)
        assert_allclose([direct + missing, indirect - missing], ours[:2], atol=1e-4)
        assert abs(missing) > 0.02
