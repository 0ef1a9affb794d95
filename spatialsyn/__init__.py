"""Spatial Durbin panels: from city boundaries to the effects a paper prints.

>>> import spatialsyn as ss
>>> panel = ss.datasets.guangdong()
>>> geo = ss.weights.contiguity(panel.cities, name="geo").standardize("row")
>>> model = ss.sdm("log(gdp) ~ urbanization", W="geo", fixed_effects="twoways")
>>> effects = ss.fit(model, panel, geo).effects("urbanization", by="region")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Loaded on first use: `import spatialsyn` alone reads neither geopandas nor matplotlib.
_HOMES = {
    "CityPanel": "cities.panel",
    "read_boundaries": "cities.boundaries",
    "read_panel": "cities.reader",
    "Weights": "weights.core",
    "WeightsSeries": "weights.series",
    "SpatialModel": "models.spec",
    "ols": "models.spec",
    "slx": "models.spec",
    "sar": "models.spec",
    "sdm": "models.spec",
    "sem": "models.spec",
    "sdem": "models.spec",
    "sac": "models.spec",
    "gns": "models.spec",
    "convex": "models.roles",
    "mess": "models.spec",
    "mess_sdm": "models.spec",
    "mess_sem": "models.spec",
    "mess_sac": "models.spec",
    "regimes": "models.roles",
    "simulate": "models.simulate",
    "monte_carlo": "experiments.monte_carlo",
    "fit": "fitting",
    "Results": "results",
    "Effects": "effects.table",
    "FirstStage": "models.strength",
    "HypothesisTest": "numerics.hypothesis",
    "beta_convergence": "convergence",
    "convergence_effect": "convergence",
    "grid": "study.grid",
    "swap": "study.grid",
    "Specification": "study.grid",
    "Study": "study.run",
    "Runs": "study.runs",
    "placebo": "study.placebo",
    "jackknife": "study.jackknife",
    "index_uncertainty": "study.index_uncertainty",
    "decay": "spillovers.decay",
    "mediation": "spillovers.mechanism",
    "moderated": "spillovers.moderation",
    "threshold": "spillovers.threshold",
    "validate": "validation",
    "wild_bootstrap": "wild",
    "wild_test": "wild",
    "wild_test_effects": "wild",
    **dict.fromkeys(
        (
            "SpatialsynError", "PanelError", "BoundaryError", "WeightsError", "AlignmentError",
            "FormulaError", "ModelError", "EstimationError", "ConfigError", "StoreError",
            "EngineError",
        ),
        "errors",
    ),
}  # fmt: skip
_MODULES = {
    "datasets": "cities.datasets",
    "explore": "explore",
    "diagnostics": "diagnostics",
    "measures": "measures",
    "weights": "weights",
    "report": "report",
}

__all__ = sorted([*_HOMES, *_MODULES])

if TYPE_CHECKING:
    from spatialsyn import diagnostics, explore, measures, report, weights
    from spatialsyn.cities import datasets
    from spatialsyn.cities.boundaries import read_boundaries
    from spatialsyn.cities.panel import CityPanel
    from spatialsyn.cities.reader import read_panel
    from spatialsyn.convergence import beta_convergence, convergence_effect
    from spatialsyn.effects.table import Effects
    from spatialsyn.errors import (
        AlignmentError,
        BoundaryError,
        ConfigError,
        EngineError,
        EstimationError,
        FormulaError,
        ModelError,
        PanelError,
        SpatialsynError,
        StoreError,
        WeightsError,
    )
    from spatialsyn.experiments.monte_carlo import monte_carlo
    from spatialsyn.fitting import fit
    from spatialsyn.models.roles import convex, regimes
    from spatialsyn.models.simulate import simulate
    from spatialsyn.models.spec import (
        SpatialModel,
        gns,
        mess,
        mess_sac,
        mess_sdm,
        mess_sem,
        ols,
        sac,
        sar,
        sdem,
        sdm,
        sem,
        slx,
    )
    from spatialsyn.models.strength import FirstStage
    from spatialsyn.numerics.hypothesis import HypothesisTest
    from spatialsyn.results import Results
    from spatialsyn.spillovers.decay import decay
    from spatialsyn.spillovers.mechanism import mediation
    from spatialsyn.spillovers.moderation import moderated
    from spatialsyn.spillovers.threshold import threshold
    from spatialsyn.study.grid import Specification, grid, swap
    from spatialsyn.study.index_uncertainty import index_uncertainty
    from spatialsyn.study.jackknife import jackknife
    from spatialsyn.study.placebo import placebo
    from spatialsyn.study.run import Study
    from spatialsyn.study.runs import Runs
    from spatialsyn.validation import validate
    from spatialsyn.weights.core import Weights
    from spatialsyn.weights.series import WeightsSeries
    from spatialsyn.wild import wild_bootstrap, wild_test, wild_test_effects


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"spatialsyn.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(import_module(f"spatialsyn.{_HOMES[name]}"), name)
    raise AttributeError(f"spatialsyn has no {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
