"""The [index_uncertainty] of a study file: a model with its indices made otherwise.

of        the model
indices   the measures of the file, one or several, that are drawn anew; it reads their columns
redraw    "indicators" or "weights"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from spatialsyn.cities.panel import CityPanel
from spatialsyn.measures.redraw import Redrawn
from spatialsyn.models.spec import SpatialModel
from spatialsyn.study.index_uncertainty import IndexUncertainty, index_uncertainty
from spatialsyn.studyfile.measures import Options, in_section

SECTION = "index_uncertainty"


class IndexSection(BaseModel):
    """What is drawn anew, and how often; see `ss.index_uncertainty`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    of: str
    indices: str | list[str]
    redraw: Literal["indicators", "weights"] = "indicators"
    draws: int = 200
    seed: int = 0
    rescale: bool = True

    @property
    def names(self) -> list[str]:
        """The measures that are drawn anew."""
        return [self.indices] if isinstance(self.indices, str) else self.indices


def redrawn(section: IndexSection, indices: Mapping[str, Any]) -> dict[str, Redrawn]:
    """The `indices`, by their column, drawn anew."""
    given = {"redraw": section.redraw, "draws": section.draws, "seed": section.seed}
    return {name: in_section(SECTION, made.redrawn, given) for name, made in indices.items()}


def uncertain(
    model: SpatialModel, panel: CityPanel, weights: Any, arguments: Options
) -> IndexUncertainty:
    """What `ss.index_uncertainty` finds, or refuses."""
    parts = [model, panel, weights]
    made: IndexUncertainty = in_section(SECTION, index_uncertainty, arguments, parts)
    return made
