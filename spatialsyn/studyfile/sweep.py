"""The [sweep] of a study file: one model under every combination of some of its fields.

A field takes what it takes in [models]: ``lag_y = [false, true]``, a list of names for several
matrices, ``W = ["geo", ["geo", "dig"]]``, a mapping for roles. A file has no word for nothing:
``random = ["none", "individual"]`` and ``regimes = ["none", "region"]`` begin without.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from spatialsyn.errors import ConfigError, SpatialsynError, named
from spatialsyn.models.spec import SpatialModel
from spatialsyn.studyfile.grid import NOTHING, check_weights

# What may be varied; another formula is another model, or a swap of [grid].
FIELDS = tuple(SpatialModel.__dataclass_fields__.keys() - {"formula"})
FLAGS, OPTIONAL = ("lag_y",), ("W", "random", "regimes")


def swept(
    section: Mapping[str, Any], made: Mapping[str, SpatialModel], weights: list[str]
) -> dict[str, SpatialModel]:
    """Every combination of the fields listed in [sweep], for the model named by `of`.

    Raises
    ------
    ConfigError
        A model, field or matrix that the study does not have, or a value that is named twice.
    ModelError
        A combination that is no model.
    """
    if not section:
        return {}
    fields = dict(section)
    base = fields.pop("of", None)
    if not isinstance(base, str) or base not in made:
        raise ConfigError(f"[sweep] needs of = one of {named(made)}; got {base!r}.")
    listed = all(isinstance(values, list) and values for values in fields.values())
    if not fields or set(fields) - set(FIELDS) or not listed:
        raise ConfigError(
            f"[sweep] varies lists of {named(sorted(FIELDS), len(FIELDS))}; got {fields}. "
            'For example W = ["geo", "dig"], or lag_y = [false, true].'
        )
    for field in FLAGS:
        if not all(isinstance(value, bool) for value in fields.get(field, [])):
            raise ConfigError(f"[sweep] {field} = {fields[field]}: give true and false.")
    found: dict[str, SpatialModel] = {}
    for values in product(*fields.values()):
        point = dict(zip(fields, values, strict=True))
        name = f"{base}: " + ", ".join(_said(field, value) for field, value in point.items())
        if name in found:
            raise ConfigError(f"[sweep] has {name!r} twice: every value of a list once.")
        found[name] = _model(made[base], point, name)
    check_weights(
        "sweep", dict.fromkeys(w for m in found.values() for w in m.weights_names), weights
    )
    return found


def _model(base: SpatialModel, point: Mapping[str, Any], name: str) -> SpatialModel:
    nothing = {field: None for field in OPTIONAL if point.get(field) == NOTHING}
    try:
        return base.but(**{**point, **nothing})
    except SpatialsynError as error:
        raise type(error)(f"[sweep] {name}: {error}") from error


def _said(field: str, value: Any) -> str:
    """A value in the name of its model."""
    if isinstance(value, bool):
        return field if value else f"no {field}"
    if isinstance(value, list):
        return " + ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(
            _said(key, part) if isinstance(part, bool) else f"{key} {_said(key, part)}"
            for key, part in value.items()
        )
    return f"no {field}" if value == NOTHING and field in OPTIONAL else str(value)
