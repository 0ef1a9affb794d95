"""Draws the figures of docs/figures.md from data that come with the package.

    python docs/gallery.py            those that the page shows, into docs/figures
    python docs/gallery.py FOLDER     all of them in English and Chinese

The data are the cities of Guangdong and, where a model is shown, invented numbers on their
real borders: strong enough spillovers make a figure readable. Nothing here is a finding.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

import spatialsyn as ss

mpl.use("Agg")
DPI = 140
# Colours of the small pictures: enough for flat fills and thin lines.
PALETTE = 96


def invented() -> tuple[ss.CityPanel, list[ss.Weights]]:
    """A dynamic panel of 21 cities and 12 years whose spillovers run through three matrices."""
    units = ss.datasets.boundaries("guangdong")
    ids = [unit for unit in units.index if not unit.startswith("8")]
    real = ss.datasets.guangdong()
    wealth = real.mean("gdp_per_capita", years=(2011, 2012))
    weights = [
        ss.weights.contiguity(units.loc[ids], name="geo").standardize("row"),
        ss.weights.gap(wealth, name="eco").standardize("row"),
        ss.weights.knn(units.loc[ids], 3, name="near").standardize("row"),
    ]
    rng = np.random.default_rng(5)
    n, T = len(ids), 12
    geo, eco, near = (w.aligned(ids).dense() for w in weights)
    W = 0.65 * geo + 0.2 * eco + 0.15 * near
    va, gdp = rng.normal(size=(2, n, T))
    y, before = np.zeros((n, T)), np.zeros(n)
    for t in range(T):
        signal = 0.6 * va[:, t] + 0.5 * W @ va[:, t] - 0.3 * gdp[:, t] + 0.4 * before
        before = y[:, t] = np.linalg.solve(np.eye(n) - 0.4 * W, signal + 0.25 * rng.normal(size=n))
    index = pd.MultiIndex.from_product([ids, range(2011, 2011 + T)], names=["adcode", "year"])
    columns = {"synergy": y.ravel(), "va": va.ravel(), "gdp": gdp.ravel()}
    frame = pd.DataFrame(columns, index=index).reset_index()
    return ss.CityPanel(frame, cities=units, blocks=["region"]), weights


def figures(language: str) -> dict[str, object]:
    """Every figure of the gallery by the name of its file."""
    real = ss.datasets.guangdong()
    panel, (geo, eco, near) = invented()
    formula = "synergy ~ va + gdp"
    model = ss.sdm(formula, W="geo", fixed_effects="twoways")
    results = ss.fit(model, panel, geo)
    moving = ss.sdm("synergy ~ va", W="geo", fixed_effects="twoways", lag_y=True)
    dynamic = ss.fit(moving, panel, geo)
    mixed = ss.sdm(formula, W=ss.convex("geo", "eco", "near"), fixed_effects="twoways")
    both = ss.fit(mixed, panel, [geo, eco, near])
    single, chance = ss.jackknife(model, panel, geo), ss.placebo(model, panel, geo)
    odds = ss.diagnostics.posterior(model, panel, [geo, eco, near])
    pair, region = (results.effects("va", by=by) for by in ("pair", "region"))
    city = results.effects("va", by="city")
    steps = dynamic.effects("va", horizon=range(9)).jointly()["indirect"].reset_index()
    zh = language == "zh"
    synergy, va, years = ("协同度", "虚拟集聚", "年") if zh else ("synergy", "va", "years")
    china = ss.datasets.boundaries("prefectures")
    latitude = pd.Series(china["lat"] - china["lat"].median(), index=china.index)
    names = panel.cities["name_zh" if zh else "name_en"].str.replace("市", "")
    out = {"va": va, "gdp": "GDP"}
    report, common = ss.report, {"language": language}
    return {
        "map": report.map(
            real.cities, real.at(2019)["gdp_per_capita"], context=real.context, blocks="region",
            labels=language, unit="GDP, 2019", **common,
        ),
        "maps": report.maps(
            real.cities, {str(y): real.at(y)["digital_finance"] for y in (2011, 2015, 2019)},
            context=real.context, blocks="region", across=3, **common,
        ),
        "national": report.map(china, latitude, unit="\u00b0", diverging=True, **common),
        "fade": report.map(
            panel.cities, city["net"], context=panel.context, uncertainty="fade",
            scheme="equal_interval", labels=language, **common,
        ),
        "greyscale": report.map(
            panel.cities, panel.at(2012)["va"], context=panel.context, greyscale=True,
            width_mm="single", **common,
        ),
        "emitted_received": report.emitted_received(panel, city, blocks="region", **common),
        "study_area": report.study_area(real, labels=language, **common),
        "weights": report.weights_map(eco, panel.cities, panel.context, labels=language, **common),
        "flows": report.flow_map(panel, pair, labels=language, **common),
        "block_flows": report.flow_map(panel, region, **common),
        "effects": report.effects_plot(results, labels=out, outcome=synergy, **common),
        "blocks": report.block_plot(region, labels=out, outcome=synergy, **common),
        "block_matrix": report.block_matrix(region, labels=out, outcome=synergy, **common),
        "curve": report.curve_plot(steps.rename(columns={"horizon": "x"}), years, **common),
        "moran": report.moran_scatter(
            np.log(real.at(2019)["gdp_per_capita"]), geo, name="ln GDP", labels=names, **common
        ),
        "spectra": report.spectrum_plot(geo, eco, near, **common),
        "audit": report.audit(geo, eco, near, **common),
        "shares": report.shares_plot(both.posterior(), **common),
        "jackknife": report.jackknife_plot(
            single, "va", labels=out | names.to_dict(), outcome=synergy, **common
        ),
        "placebo": report.placebo_plot(chance, "va", labels=out, outcome=synergy, **common),
        "probabilities": report.probabilities_plot(odds, **common),
        "response": report.animate(
            panel, dynamic.effects("va", by="city", horizon=range(6)), labels=language, **common
        ),
    }  # fmt: skip


def shrink(path: Path) -> None:
    """Keep few colours, as a small picture needs no more."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(folder: Path, shown: str | None) -> None:
    """Write the figures that a page shows, or all of them, as .png and one as .gif."""
    for language in ("en", "zh"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            drawn = figures(language)
        for name, figure in drawn.items():
            path = folder / f"{name}_{language}.png"
            if name == "response":
                if language == "en":
                    figure.save(path.with_name("response.gif"), dpi=60, fps=1.5)
                figure = figure.draw(2)
            if shown is not None and f"/{path.name}" not in shown:
                continue
            ss.report.save(figure, path, dpi=DPI)
            shrink(path)
        plt.close("all")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{len(list(folder.iterdir()))} files, {size / 1e6:.2f} MB in {folder}")


if __name__ == "__main__":
    here = Path(__file__).parent
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), None)
    else:
        main(here / "figures", (here / "figures.md").read_text(encoding="utf-8"))
