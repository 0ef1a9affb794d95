"""The numbers of a regression table, gathered in one tidy frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.effects.table import Effects
from spatialsyn.errors import ConfigError, named
from spatialsyn.report.tables.arrangement import LONG, group_of
from spatialsyn.report.tables.display import NUMBER
from spatialsyn.report.tables.facts import Tests, glance
from spatialsyn.results import Results

FRAME = ["model", "part", "group", "term", *NUMBER, "text"]
# What `table` may be told of the effects it shows.
ASKED = ("x", "method", "level", "draws", "seed")
# Groups that "rho" alone stands for.
RHO = ("rho", "share")


def effects_of(
    fits: Mapping[str, Results], asked: Mapping[str, Any]
) -> dict[str, tuple[Effects, Effects | None]]:
    """Effects of every model that has any; with those of the long run where that exists."""
    unknown = [key for key in asked if key not in ASKED]
    if unknown:
        raise ConfigError(
            f"effects={{{named(unknown)}: ...}}: a table of models shows average effects and "
            f"takes {named(ASKED)}. For blocks, cities, years and orders make "
            "ss.report.effects_table(results.effects(...)), of several models "
            'effects_table({"borders": effects, "digital": others}).'
        )
    made: dict[str, tuple[Effects, Effects | None]] = {}
    for column, fit in fits.items():
        if fit.regressors:
            lasting = fit.effects(horizon="long", **asked) if comes_to_rest(fit) else None
            made[column] = fit.effects(**asked), lasting
    return made


def comes_to_rest(fit: Results) -> bool:
    """Whether a model is dynamic and its effects have a long run."""
    return fit.model.dynamic and float(fit.stability()["root"]) < 1


def gather(
    fits: Mapping[str, Results],
    effects: Mapping[str, tuple[Effects, Effects | None]],
    tests: Tests,
    sections: Sequence[str],
    level: float,
) -> pd.DataFrame:
    """Everything the table shows, one number or fact per row."""
    parts = []
    for column, fit in fits.items():
        found = [_effects(*effects[column])] if column in effects else []
        found += [_coefficients(fit, sections, level)]
        found += [_tests(tests, column)] if "tests" in sections else []
        found += [_facts(fit)] if "fit" in sections else []
        parts += [part.assign(model=column) for part in found if len(part)]
    if not parts:
        return pd.DataFrame(columns=FRAME)
    return pd.concat([part.reindex(columns=FRAME) for part in parts], ignore_index=True)


def _effects(made: Effects, lasting: Effects | None) -> pd.DataFrame:
    tables = [made.table]
    if lasting is not None:
        tables.append(lasting.table.assign(effect=lasting.table["effect"].map(LONG)))
    tidy = pd.concat(tables, ignore_index=True)
    return tidy.rename(columns={"x": "term", "effect": "group"}).assign(part="effect")


def _coefficients(fit: Results, sections: Sequence[str], level: float) -> pd.DataFrame:
    tidy = fit.tidy(level)
    tidy = tidy.assign(part="coefficient", group=[group_of(name, fit) for name in tidy["term"]])
    if "coefficients" in sections:
        return tidy
    return tidy[tidy["group"].isin(RHO)] if "rho" in sections else tidy.iloc[:0]


def _tests(tests: Tests, column: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"part": "test", "term": name, "estimate": made.statistic, "p": made.p,
             "text": made.text or None}
            for name, columns in tests.items() if (made := columns.get(column)) is not None
        ]
    )  # fmt: skip


def _facts(fit: Results) -> pd.DataFrame:
    """`glance`, one fact per row: numbers under ``estimate``, words under ``text``."""
    facts = glance(fit)
    words = {key: isinstance(fact, str) for key, fact in facts.items()}
    return pd.DataFrame(
        {
            "part": "fit",
            "term": list(facts),
            "estimate": [np.nan if words[key] else float(fact) for key, fact in facts.items()],
            "text": [fact if words[key] else None for key, fact in facts.items()],
        }
    )
