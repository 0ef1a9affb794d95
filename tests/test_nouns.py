"""Every public noun prints in a few lines, and is copied, pickled, compared and hashed."""

from __future__ import annotations

import copy
import pickle
from functools import cache

import geopandas as gpd
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import spatialsyn as ss

mpl.use("Agg")
N, T = 18, 10
TWO = {"fixed_effects": "twoways"}
SDM = ss.sdm("y ~ x + z", W="geo", **TWO)
LINES, CHARACTERS, OF_HTML = 110, 9000, 40_000


@cache
def panel():
    rng = np.random.default_rng(0)
    ids = [f"k{i:02d}" for i in range(N)]
    cells = [box(100 + i % 6, 30 + i // 6, 101 + i % 6, 31 + i // 6) for i in range(N)]
    cities = gpd.GeoDataFrame({"city": ids}, geometry=cells, crs=4326)
    frame = pd.DataFrame([(i, year) for i in ids for year in range(2001, 2001 + T)])
    frame.columns = ["city", "year"]
    frame[["y", "x", "z"]] = rng.normal(size=(N * T, 3))
    frame["y"] += 2 * frame["x"]  # instruments have something to say of Wy
    frame["q"] = np.exp(rng.normal(size=N * T))
    frame["side"] = frame["city"].map(lambda i: "west" if int(i[1:]) % 6 < 2 else "east")
    return ss.CityPanel(frame, city="city", cities=cities.set_index("city"), blocks=["side"])


@cache
def geo():
    return ss.weights.contiguity(panel().cities, name="geo").standardize("row")


@cache
def far():
    return ss.weights.inverse_distance(panel().cities, name="far").standardize("row")


@cache
def fitted(model=SDM):
    return ss.fit(model, panel(), [geo(), far()])


@cache
def grid():
    return ss.grid(SDM, W=["geo", "far"], optional="z")


@cache
def runs():
    return ss.Study(panel(), [geo(), far()], grid()).run()


DYNAMIC, MIXED = SDM.but(lag_y=True), ss.sar("y ~ x", W=ss.convex("geo", "far"), **TWO)
SAR = ss.sar("y ~ x", W="geo", **TWO)
NOUNS = {
    "panel": panel,
    "weights": geo,
    "series": lambda: ss.weights.series({y: geo() for y in panel().years}),
    "model": lambda: SDM,
    "convex": lambda: ss.convex("geo", "far"),
    "regimes": lambda: ss.regimes("side"),
    "roles": lambda: SDM.roles,
    "results": fitted,
    "dynamic": lambda: fitted(DYNAMIC),
    "mixture": lambda: fitted(MIXED),
    "design": lambda: fitted().design,
    "data": lambda: fitted().data,
    "estimate": lambda: fitted().estimate,
    "sample": lambda: fitted().sample,
    "effects": lambda: fitted().effects(),
    "by city": lambda: fitted().effects("x", by="city"),
    "by pair": lambda: fitted().effects(by="pair"),
    "by year": lambda: fitted(DYNAMIC).effects("x", by="city", horizon=range(4)),
    "scenario": lambda: fitted().scenario({"x": ("east", "+10%")}),
    "diagnostics": lambda: fitted().diagnostics(),
    "test": lambda: fitted().diagnostics()["LM lag"],
    "probabilities": lambda: fitted().diagnostics().families,
    "posterior": lambda: fitted(MIXED).posterior(draws=100),
    "averaged": lambda: fitted(MIXED).averaged(),
    "first stage": lambda: fitted(SAR.but(estimator="2sls")).first_stage(),
    "swap": lambda: ss.swap("z", "q"),
    "grid": grid,
    "specification": lambda: next(iter(grid().values())),
    "study": lambda: ss.Study(panel(), [geo(), far()], grid()),
    "runs": runs,
    "curve": lambda: runs().curve("x", "total"),
    "placebo": lambda: ss.placebo(SAR, panel(), geo(), draws=19),
    "jackknife": lambda: ss.jackknife(SAR, panel(), geo()),
    "decay": lambda: ss.decay(ss.slx("y ~ x", W="km", **TWO), panel()),
    "mediation": lambda: ss.mediation(
        SAR.but(formula="z ~ x"), SAR.but(formula="y ~ x + z"), "x", "z", panel(), geo(),
        draws=100,
    ),
    "threshold": lambda: ss.threshold(
        SAR.but(fixed_effects="individual"), panel(), geo(), x="x", q="q", draws=100
    ),
    "moderated": lambda: ss.moderated(
        fitted(SDM.but(formula="y ~ x + z + x:z")), "x", at={"z": [0.0, 1.0]}
    ),
    "wild": lambda: ss.wild_bootstrap(fitted(SAR), draws=100),
    "convergence": lambda: ss.beta_convergence(panel(), "q"),
    "monte carlo": lambda: ss.monte_carlo(
        SAR, panel(), geo(), fitted(SAR).params.to_dict(), draws=50
    ),
    "autocorrelation": lambda: ss.explore.autocorrelation(panel(), "y", geo(), permutations=99),
    "lisa": lambda: ss.explore.lisa(panel(), "y", geo(), permutations=99),
    "unit roots": lambda: ss.explore.unit_roots(panel(), "y"),
    "composite": lambda: ss.measures.composite(panel(), {"x": +1, "z": -1}, method="entropy"),
    "coupling": lambda: ss.measures.coupling(panel(), {"a": ["x"], "b": ["z"]}),
    "disparity": lambda: ss.measures.disparity(panel(), "q", by="side"),
    "table": lambda: ss.report.table(fitted()),
    "weights table": lambda: ss.report.weights_table(geo(), far()),
    "film": lambda: ss.report.animate(panel(), made("by year")),
}  # fmt: skip


@cache
def made(name):
    return NOUNS[name]()


@pytest.fixture(params=NOUNS)
def noun(request):
    yield made(request.param)
    plt.close("all")


@pytest.mark.filterwarnings("ignore:the process has a root")
def test_it_prints_in_a_few_lines_and_without_arrays(noun):
    for text in (repr(noun), str(noun)):
        assert text.count("\n") < LINES
        assert len(text) < CHARACTERS
        assert "array(" not in text
        assert " object at 0x" not in text
    if hasattr(noun, "_repr_html_"):
        assert len(noun._repr_html_()) < OF_HTML
    assert all(isinstance(name, str) for name in dir(noun))


@pytest.mark.filterwarnings("ignore:the process has a root")
def test_it_is_copied_pickled_compared_and_hashed(noun):
    copies = [copy.copy(noun), copy.deepcopy(noun), pickle.loads(pickle.dumps(noun))]
    for one in copies:
        assert type(one) is type(noun)
        assert repr(one) == repr(noun)
        assert (one == noun) in (True, False)
    assert noun == noun
    assert noun != 3
    if not isinstance(noun, dict):
        assert isinstance(hash(noun), int)
        assert noun in {noun}


def test_a_long_table_of_effects_is_shown_in_part_and_kept_whole():
    found = fitted().effects(by="pair")
    count = 2 * N * N
    assert len(found.table) == count
    for text in (repr(found), found._repr_html_()):
        assert f"first and last 10 of {count} rows" in text
    whole = found.to_text().splitlines()
    assert len(whole) >= count + 2
    assert repr(found).splitlines()[1:11] == whole[1:11]
    short = fitted().effects()
    assert repr(short) == short.to_text()
    assert "first and last" not in repr(short)
