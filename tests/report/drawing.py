"""Material of the figure tests: the cities of Guangdong with invented numbers."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd

import spatialsyn as ss

MINUS, POWERS = "\N{MINUS SIGN}", str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def invented_panel():
    """21 cities x 6 years with a spatial Durbin process on the real borders."""
    units = ss.datasets.boundaries("guangdong")
    ids = [unit for unit in units.index if not unit.startswith("8")]
    rng = np.random.default_rng(1)
    n, T = len(ids), 6
    W = ss.weights.contiguity(units.loc[ids], name="geo").standardize("row").aligned(ids).dense()
    x, z = rng.normal(size=(2, n, T))
    y = np.linalg.solve(np.eye(n) - 0.3 * W, 0.6 * x + 0.2 * W @ x + 0.03 * z)
    frame = pd.DataFrame(itertools.product(ids, range(2011, 2011 + T)), columns=["adcode", "year"])
    frame = frame.assign(x=x.ravel(), z=z.ravel(), y=(y + rng.normal(size=(n, T))).ravel())
    return ss.CityPanel(frame, cities=units, blocks=["region"])


def fitted(panel):
    """A spatial Durbin model of that panel, and its weights."""
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    return ss.fit(ss.sdm("y ~ x + z", W="geo", fixed_effects="twoways"), panel, geo), geo


def two_matrices():
    """The embedded panel, a model of it by contiguity, and weights by contiguity and distance."""
    panel = ss.datasets.guangdong()
    geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
    km = ss.weights.inverse_distance(panel.cities, power=2, name="km").standardize("row")
    model = ss.sdm("log(gdp) ~ urbanization + log(loans)", W="geo", fixed_effects="twoways")
    return panel, model, [geo, km]


def drawn(ax, name):
    """The artists of one kind."""
    return [artist for artist in ax.get_children() if artist.get_gid() == name]


def value(text):
    """The number that a reader sees: 1,234 or −0.5 or 1.2 × 10⁻⁹."""
    head, _, tail = text.replace(MINUS, "-").replace(",", "").partition("\N{MULTIPLICATION SIGN}")
    return float(head) * stated(tail)


def stated(text):
    """The power of ten that a name states; 1 if it states none."""
    found = re.search("10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    return 10.0 ** int(found[1].translate(POWERS)) if found else 1.0
