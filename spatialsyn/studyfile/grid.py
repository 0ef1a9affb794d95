"""The [grid] of a study file: one model under every combination of the choices.

A file has no word for nothing: ``drop_years = [[], 2011]`` keeps all years first,
``winsor = [0, 0.01]`` does not cut, ``blocks = ["none", "region"]`` has one regime. A mapping has
all that `ss.regimes` takes: ``blocks = ["none", { grouping = "region", rho = true }]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from spatialsyn.errors import ConfigError, SpatialsynError, named
from spatialsyn.models.spec import SpatialModel
from spatialsyn.study.grid import Grid, grid, swap

NOTHING = "none"


class GridSection(BaseModel):
    """The model that is varied, and lists of what its parts may be; see `ss.grid`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    of: str
    W: list[str | list[str] | dict[str, Any]] | None = None
    fixed_effects: list[str] | None = None
    drop_years: list[int | list[int]] | None = None
    swap: dict[str, str | list[str]] = {}
    winsor: list[float] | None = None
    lag_x: list[int] | None = None
    blocks: list[str | dict[str, Any]] | None = None
    optional: str | list[str] = []
    instrument_W: dict[str, str] = {}


def specifications(
    section: GridSection, models: Mapping[str, SpatialModel], weights: list[str]
) -> Grid:
    """Every point of the grid, by name.

    Raises
    ------
    ConfigError
        A model or a matrix that the study does not have.
    ModelError
        A choice that is none, as `ss.grid` says it.
    """
    if section.of not in models:
        raise ConfigError(f"[grid] needs of = one of {named(models)}; got {section.of!r}.")
    blocks: list[Any] | None = section.blocks
    try:
        made = grid(
            models[section.of],
            W=section.W,
            fixed_effects=section.fixed_effects,
            drop_years=section.drop_years
            and [tuple(y) if isinstance(y, list) else y for y in section.drop_years],
            x=[swap(term, others) for term, others in section.swap.items()],
            winsor=section.winsor and [share or None for share in section.winsor],
            lag_x=section.lag_x,
            blocks=blocks and [None if b == NOTHING else b for b in blocks],
            optional=section.optional,
            instrument_W=section.instrument_W,
        )
    except SpatialsynError as error:
        raise type(error)(f"[grid] {error}") from error
    used = dict.fromkeys(w for spec in made.values() for w in spec.model.weights_names)
    check_weights("grid", used, weights)
    return made


def check_weights(section: str, used: Iterable[str], known: list[str]) -> None:
    """Refuse matrices that the study does not have."""
    foreign = [w for w in used if w not in known]
    if foreign:
        raise ConfigError(
            f"[{section}] names the unknown weights {named(foreign)}; the study has "
            f"{named(known) or 'none'}."
        )
