"""The covariance of a model of a study file: a name, or one of two with a choice of its own.

    cov = "city"
    cov = { kind = "cluster", by = "region" }
    cov = { kind = "spatial-hac", km = 200 }

The names are those of `ss.fit`, the keys of the others the arguments of `Results.with_cov`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from spatialsyn.errors import ConfigError, SpatialsynError
from spatialsyn.models.choice import Covariance, check_choice


def check_covariance(section: str, cov: Covariance) -> None:
    """Refuse the name of no covariance, and a choice that is missing or there is none of.

    Raises
    ------
    ConfigError
        With the form that this covariance has.
    """
    try:
        check_choice(cov, _written)
    except SpatialsynError as error:
        raise ConfigError(f"[{section}] {error}") from error


def grouping_of(cov: Covariance) -> str | None:
    """The grouping that a covariance sums over, if it has one."""
    return cov.get("by") if isinstance(cov, Mapping) else None


def _written(cov: str | Mapping[str, Any]) -> str:
    """As a file has it."""
    if not isinstance(cov, Mapping):
        return f"cov = {json.dumps(cov)}"
    parts = (f"{key} = {json.dumps(value)}" for key, value in cov.items())
    return f"cov = {{ {', '.join(parts)} }}"
