"""Curves, scatter plots, spectra and triangles show what they were given."""

import numpy as np
import pandas as pd
import pytest
from drawing import drawn
from numpy.testing import assert_allclose
from report.drawing import fitted

import spatialsyn as ss
from spatialsyn.errors import AlignmentError, ConfigError, WeightsError
from spatialsyn.models.posterior import Posterior
from spatialsyn.report.figures import shares
from spatialsyn.report.figures.scatter import moran


@pytest.fixture(scope="module")
def geo(panel):
    return ss.weights.contiguity(panel.cities, name="geo").standardize("row")


@pytest.fixture(scope="module")
def values(panel):
    return panel.at(2012)["y"]


@pytest.fixture
def curve():
    x = np.array([150.0, 50.0, 250.0])
    return pd.DataFrame({"x": x, "estimate": 1 / x, "low": 0.5 / x, "high": 2 / x})


def posterior(alpha, size=1000):
    """Draws of a Dirichlet distribution, as a posterior."""
    draws = np.random.default_rng(0).dirichlet(alpha, size)
    names = tuple(f"share[{name}]" for name in "abcd"[: len(alpha)])
    ends = np.quantile(draws, [0.025, 0.975], axis=0)
    table = pd.DataFrame({"mean": draws.mean(0), "low": ends[0], "high": ends[1]}, index=names)
    return Posterior(table, 0.95, names, draws, 0)


# --- curves --------------------------------------------------------------------------------


def test_the_curve_and_its_band_are_those_of_the_table(curve):
    ax = ss.report.curve_plot(curve, "km")
    (line,) = drawn(ax, "estimate")
    table = curve.sort_values("x")
    assert_allclose(line.get_xydata(), table[["x", "estimate"]])
    (band,) = drawn(ax, "band")
    (path,) = band.get_paths()
    for x, low, high in table[["x", "low", "high"]].to_numpy():
        heights = path.vertices[path.vertices[:, 0] == x, 1]
        assert_allclose([heights.min(), heights.max()], [low, high])
    assert "95% band, jointly" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_joint_bands_of_effects_over_years_can_be_drawn(panel, geo):
    dynamic = ss.sdm("y ~ x", W="geo", fixed_effects="twoways", lag_y=True)
    effects = ss.fit(dynamic, panel, geo).effects("x", horizon=range(4)).jointly()
    table = effects["indirect"].reset_index().rename(columns={"horizon": "x"})
    ax = ss.report.curve_plot(table, "years")
    assert_allclose(drawn(ax, "estimate")[0].get_ydata(), table["estimate"])


def test_a_band_is_pale_in_postscript_which_knows_no_transparency(curve, tmp_path):
    """A colour c of opacity a on white paper is 1 - a (1 - c)."""
    ax = ss.report.curve_plot(curve, "years")
    (band,) = ax.collections
    c, a = np.array(band.get_facecolor()[0][:3]), band.get_alpha()
    lines = ss.report.save(ax, tmp_path / "c.eps")[0].read_text(encoding="latin-1").splitlines()
    used = [line.split()[:3] for line in lines if line.endswith("setrgbcolor")]
    used = np.array(used, dtype=float)
    for colour in (1 - a * (1 - c), c):
        assert np.isclose(used, colour, atol=2e-3).all(axis=1).any()
    assert_allclose(band.get_facecolor(), [[*c, a]])
    assert band.get_alpha() == a


def test_points_that_each_have_an_opacity_do_not_keep_a_figure_from_postscript(curve, tmp_path):
    """matplotlib fails to take away an opacity that is an array: they stay as they are."""
    ax = ss.report.curve_plot(curve, "years")
    points = ax.scatter([0, 1, 2], [0, 0, 0], alpha=[0.2, 0.5, 1.0])
    assert ss.report.save(ax, tmp_path / "c.eps")[0].stat().st_size > 0
    assert_allclose(points.get_alpha(), [0.2, 0.5, 1.0])


def test_several_curves_differ_by_line_and_share_no_inner_band(curve):
    inner = curve.assign(inner_low=curve["low"] * 1.5, inner_high=curve["high"] / 1.5)
    assert len(drawn(ss.report.curve_plot(inner, "km"), "inner")) == 1
    ax = ss.report.curve_plot({"geo": inner, "eco": inner}, "km")
    assert not drawn(ax, "inner")
    assert len({line.get_linestyle() for line in drawn(ax, "estimate")}) == 2


def test_curves_that_cannot_be_right_are_refused(curve):
    for wrong, message in (
        (curve.rename(columns={"x": "km"}), "no column 'x'; it has 'km'"),
        (curve.assign(low=np.nan), "3 rows without a finite number"),
        (curve.assign(x=1.0), "several rows at x = 1"),
        (curve.assign(low=curve["high"] * 2), "outside of low .. high at x = 50"),
        (curve.iloc[:0], "has no rows"),
    ):
        with pytest.raises(ConfigError, match=message):
            ss.report.curve_plot(wrong, "km")
    with pytest.raises(ConfigError, match="1 to 5 curves; got 6"):
        ss.report.curve_plot({str(i): curve for i in range(6)}, "km")
    with pytest.raises(ConfigError, match="level=95 is no probability"):
        ss.report.curve_plot(curve, "km", level=95)


# --- Moran's scatter plot ------------------------------------------------------------------


@pytest.mark.parametrize("standardised", [True, False])
def test_the_slope_is_morans_i(panel, values, standardised):
    esda = pytest.importorskip("esda")
    w = ss.weights.contiguity(panel.cities, name="geo")
    w = w.standardize("row") if standardised else w
    order = list(w.ids)
    theirs = esda.Moran(values.loc[order].to_numpy(), w.to_w(), transformation="O", permutations=0)
    ax = ss.report.moran_scatter(values, w)
    (line,) = drawn(ax, "slope")
    (x0, x1), (y0, y1) = line.get_data()
    assert_allclose((y1 - y0) / (x1 - x0), theirs.I, rtol=1e-12)
    # It is also the least-squares slope of the points drawn.
    points = np.vstack([line.get_xydata() for line in drawn(ax, "cities")])
    assert len(points) == 21
    assert_allclose(points[:, 0] @ points[:, 1] / (points[:, 0] @ points[:, 0]), theirs.I)
    assert drawn(ax, "moran")[0].get_text() == f"I = {theirs.I:.3f}".replace("-", "\u2212")


def test_order_of_the_values_does_not_matter_and_extremes_are_named(panel, geo, values):
    shuffled = values.sample(frac=1, random_state=0)
    assert moran(shuffled, geo)[2] == moran(values, geo)[2]
    ax = ss.report.moran_scatter(values, geo, labels=panel.cities["name_en"], extremes=3)
    z, lagged, _ = moran(values, geo)
    farthest = np.argsort(-np.hypot(z, lagged))[:3]
    expected = {panel.cities["name_en"][geo.ids[i]] for i in farthest}
    assert {text.get_text() for text in drawn(ax, "label")} == expected


def test_a_line_to_a_name_puts_no_dot_on_the_symbol_of_the_city(panel, geo, values):
    """A black dot on an orange one read as another kind of city."""
    ax = ss.report.moran_scatter(values, geo, labels=panel.cities["name_en"], extremes=21)
    lines = drawn(ax, "leader")
    assert lines
    assert {len(line.get_xdata()) for line in lines} == {2}


def test_values_that_have_no_morans_i_are_refused(panel, geo, values):
    with pytest.raises(ConfigError, match=r"choose one year, panel\.at"):
        ss.report.moran_scatter(panel.frame["y"], geo)
    with pytest.raises(ConfigError, match="no finite number for '440100'"):
        ss.report.moran_scatter(values.mask(values.index == "440100"), geo)
    with pytest.raises(ConfigError, match="all values are the same"):
        ss.report.moran_scatter(values * 0 + 3, geo)
    with pytest.raises(AlignmentError, match=r"without a value: '440100'"):
        ss.report.moran_scatter(values.drop("440100"), geo)
    with pytest.raises(AlignmentError, match="labels has no entry"):
        ss.report.moran_scatter(values, geo, labels=pd.Series(dtype=str))


# --- spectra -------------------------------------------------------------------------------


def test_a_tick_or_a_circle_per_eigenvalue(panel, geo):
    near = ss.weights.knn(panel.cities, 4, name="near").standardize("row")
    ax = ss.report.spectrum_plot(geo, near)
    real = [np.sort([segment[0, 0] for segment in c.get_segments()]) for c in drawn(ax, "real")]
    assert_allclose(real[0], np.sort(np.linalg.eigvals(geo.dense()).real), atol=1e-9)
    values = np.linalg.eigvals(near.dense())
    off = values[np.abs(values.imag) > 1e-8]
    (circles,) = drawn(ax, "complex")
    assert len(off) == len(circles.get_xdata()) == 21 - len(real[1])
    assert_allclose(np.sort(circles.get_xdata()), np.sort(off.real), atol=1e-9)
    low, high = geo.logdet.interval
    expected = f"({low:.2f}, {high:.2f})".replace("-", "\u2212")
    assert drawn(ax, "interval")[0].get_text() == expected


def test_spectra_of_nothing_or_of_two_with_one_name_are_refused(geo):
    with pytest.raises(WeightsError, match="spectrum_plot needs at least one"):
        ss.report.spectrum_plot()
    with pytest.raises(WeightsError, match="spectrum_plot needs distinct names"):
        ss.report.spectrum_plot(geo, geo)
    with pytest.raises(WeightsError, match=r"one by one, spectrum_plot\(geo, eco\)"):
        ss.report.spectrum_plot([geo])


# --- shares --------------------------------------------------------------------------------


def test_the_mean_stands_where_its_shares_weigh_the_corners():
    found = posterior([2, 6, 3])
    ax = ss.report.shares_plot(found)
    (mean,) = drawn(ax, "mean")
    _, b, c = found.table["mean"]
    assert_allclose(mean.get_xydata()[0], [b + c / 2, c * np.sqrt(3) / 2], atol=1e-12)
    corners = {text.get_text(): text.get_position() for text in drawn(ax, "corner")}
    assert list(corners) == ["a", "b", "c"]
    assert corners["a"][0] < corners["c"][0] < corners["b"][0]


def test_ticks_say_the_share_of_the_corner_they_are_coloured_after():
    ax = ss.report.shares_plot(posterior([2, 6, 3]))
    inverse = np.linalg.inv(np.column_stack([shares.CORNERS, np.ones(3)]))
    for text in drawn(ax, "tick"):
        mine = shares.COLOURS.index(text.get_color())
        share = (np.array([*text.get_position(), 1.0]) @ inverse)[mine]
        assert share == pytest.approx(float(text.get_text()))


def test_the_density_of_even_draws_is_even_up_to_the_sides():
    """Without images beyond the sides it would halve there, and fall to a sixth in corners."""
    places = np.random.default_rng(1).dirichlet([1, 1, 1], 2000) @ shares.CORNERS
    reached = shares.mirrored(places, 0.4)
    middle, side, corner = (
        shares.kernel(np.array([at]) @ shares.CORNERS, reached, 0.1)[0]
        for at in ([1 / 3] * 3, [0.5, 0.5, 0.0], [1.0, 0.0, 0.0])
    )
    # 2000 draws leave about a tenth of noise at this width.
    assert_allclose([side / middle, corner / middle], 1, atol=0.25)


def test_regions_hold_their_part_of_the_draws():
    found = posterior([3, 6, 4], 2000)
    places = found.draws @ shares.CORNERS
    _, density, levels = shares.regions(places)
    width = 2000 ** (-1 / 6) * np.sqrt(places.var(axis=0).mean())
    own = shares.kernel(places, shares.mirrored(places, 4 * width), width)
    for level, part in zip(levels, shares.REGIONS, strict=True):
        assert np.mean(own >= level) == pytest.approx(part, abs=0.001)
    assert levels[0] < levels[1] < density.max()


def test_two_shares_are_a_density_on_the_unit_interval():
    found = posterior([3, 2])
    ax = ss.report.shares_plot(found, labels={"a": "Geography"})
    assert ax.get_xlim() == (0, 1)
    assert_allclose(drawn(ax, "mean")[0].get_xdata(), found.table["mean"].iloc[0])
    assert ax.get_xlabel() == "share of Geography"


def test_what_is_no_posterior_of_shares_is_refused(panel):
    with pytest.raises(ConfigError, match=r"got Results: fit a model with W=ss\.convex"):
        ss.report.shares_plot(fitted(panel)[0])
    with pytest.raises(ConfigError, match="2 or 3 matrices, not of 4"):
        ss.report.shares_plot(posterior([1, 1, 1, 1]))
    with pytest.raises(ConfigError, match="50 draws are too few"):
        ss.report.shares_plot(posterior([1, 1, 1], 50))
