"""Where the numbers of a page come from: every W, the panel, the versions."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import version

from spatialsyn.cities.panel import CityPanel
from spatialsyn.report.explorer.words import phrase
from spatialsyn.report.tables.display import Display
from spatialsyn.report.tables.phrases import known
from spatialsyn.report.tables.recipes import UNITS
from spatialsyn.results import Results
from spatialsyn.weights.series import Links

# What numbers and drawings depend on.
PACKAGES = (
    "spatialsyn", "numpy", "scipy", "pandas", "shapely", "pyproj", "geopandas", "libpysal", "spreg",
    "formulaic", "matplotlib", "mapclassify",
)  # fmt: skip


def panel_hash(panel: CityPanel) -> str:
    """SHA-256 of the panel's table, cities and years sorted, at full precision."""
    return hashlib.sha256(panel.frame.to_csv().encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of the packages that numbers depend on."""
    return {name: version(name) for name in PACKAGES}


def facts(panel: CityPanel, language: str) -> dict[str, str]:
    """The panel, the versions and the seed, as lines of a page."""
    size = phrase("{n} cities, {first}–{last}", language)
    shown = [f"Python {platform.python_version()}", *map(" ".join, versions().items())]
    return {
        phrase("Panel", language): size.format(
            n=panel.n, first=panel.years[0], last=panel.years[-1]
        ),
        phrase("Panel, SHA-256", language): panel_hash(panel),
        phrase("Versions", language): ", ".join(shown),
        phrase("Seed", language): phrase(
            "none: intervals are by the delta method, nothing was drawn", language
        ),
    }


def matrices(fits: Iterable[Results], language: str) -> list[tuple[str, ...]]:
    """Name, recipe, base years, standardization and hash of every W that a model names."""
    used: dict[str, Links] = {}
    for fit in fits:
        used |= {w.hash: w for name, w in fit.weights.items() if name in fit.model.weights_names}
    how = Display(language=language)
    return [
        (
            w.name,
            _recipe(w, how),
            _text(w.base_years) or phrase("none", language),
            how.standardised(w.standardizations),
            key,
        )
        for key, w in used.items()
    ]


def _recipe(w: Links, how: Display) -> str:
    made = [how.recipe(str(w.recipe.get("kind", "matrix")))]
    left = ("kind", "base_years")
    made += [
        f"{how.recipe(key.replace('_', ' '))} {_value(key, value, how)}"
        for key, value in w.recipe.items()
        if key not in left and value not in (None, "", ())
    ]
    return ", ".join(made)


def _value(key: str, value: object, how: Display) -> str:
    if key == "unit":
        return known(str(value), how.language, UNITS)
    listed = value if isinstance(value, tuple) else (value,)
    return ", ".join(how.value(str(part)) for part in listed)


def _text(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
