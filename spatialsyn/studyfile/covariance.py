"""The covariance of a model of a study file: a name, or one of two with a choice of its own.

    cov = "city"
    cov = { kind = "cluster", by = "region" }
    cov = { kind = "spatial-hac", km = 200 }

The names are those of `ss.fit`, the keys of the others the arguments of `Results.with_cov`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from spatialsyn.errors import ConfigError, SpatialsynError
from spatialsyn.models.clusters import CLUSTER
from spatialsyn.models.covariance import HAC, check_kind

Covariance: TypeAlias = str | dict[str, Any] | None

# What is chosen beside the kind, how it looks in a file, and what it is.
CHOICES = {
    CLUSTER: ("by", 'by = "region"', "a grouping of the panel"),
    HAC: ("km", "km = 200", "its reach in kilometres"),
}


def check_covariance(section: str, cov: Covariance) -> None:
    """Refuse the name of no covariance, and a choice that is missing or there is none of.

    Raises
    ------
    ConfigError
        With the form that this covariance has.
    """
    kind = cov.get("kind") if isinstance(cov, dict) else cov
    try:
        check_kind(kind)
    except SpatialsynError as error:
        raise ConfigError(f"[{section}] {error}") from error
    if kind in CHOICES:
        key, example, what = CHOICES[kind]
        if not isinstance(cov, dict) or set(cov) != {"kind", key} or not _fits(key, cov[key]):
            raise ConfigError(
                f'[{section}] cov = {cov!r}: write cov = {{ kind = "{kind}", {example} }}, {what}.'
            )
    elif isinstance(cov, dict):
        raise ConfigError(
            f"[{section}] cov = {cov!r}: only {' and '.join(map(repr, CHOICES))} have a choice "
            f'beside their kind; write cov = "{kind or "city"}".'
        )


def grouping_of(cov: Covariance) -> str | None:
    """The grouping that a covariance sums over, if it has one."""
    return cov.get("by") if isinstance(cov, dict) else None


def _fits(key: str, value: Any) -> bool:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) if key == "by" else numeric
