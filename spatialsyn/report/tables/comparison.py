"""Effects of several models side by side: the same rows, one column a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from spatialsyn.effects.table import Effects
from spatialsyn.errors import ConfigError, expect, named

# What makes an effect one of a row, and not what it is.
ESTIMATED = ("estimate", "se", "low", "high", "p", "q")

# How the meaning of a table by block begins where columns send, and where they are models.
SENDERS = {"en": "Rows receive, columns send", "zh": "行为接收方，列为发出方"}
MODELS = {
    "en": "Rows say who receives and from whom, columns are models",
    "zh": "行为接收方与来源，列为模型",
}


def side_by_side(
    effects: Mapping[str, Effects], label: Callable[[dict[Any, Any]], str]
) -> pd.DataFrame:
    """One table of them all: ``head`` the model, ``row`` and ``label`` what is compared.

    Raises
    ------
    ConfigError
        No effects, or some that are told apart by other columns or have other intervals.
    """
    if not effects:
        raise ConfigError("effects_table needs effects: one, or several by the name of a column.")
    for made in effects.values():
        expect(made, Effects, "effects_table needs effects: results.effects(...)", ConfigError)
    kinds = {name: _kind(made) for name, made in effects.items()}
    first, *others = effects
    for name in others:
        if kinds[name] != kinds[first]:
            raise ConfigError(
                f"effects of {first!r} and of {name!r} are not of one kind: {kinds[first]}, and "
                f"{kinds[name]}. Make all of them with one by= and per=, or a table of each."
            )
    levels = sorted({made.level for made in effects.values()})
    if len(levels) > 1:
        raise ConfigError(f"the models' intervals have different levels: {named(levels)}.")
    parts = []
    for name, made in effects.items():
        said = [label(line) for line in made.table.to_dict("records")]
        parts.append(made.table.assign(head=name, row=said, label=said))
    return pd.concat(parts, ignore_index=True)


def _kind(effects: Effects) -> str:
    """What tells the rows apart, and what blocks are counted per."""
    columns = named(column for column in effects.table if column not in ESTIMATED)
    return f"by {columns}{f', per {effects.per}' if effects.per else ''}"
