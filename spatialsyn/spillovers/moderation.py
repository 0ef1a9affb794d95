"""Effects of x at chosen values of what it interacts with.

In ``y ~ va + va:size`` one unit more of va moves the columns va and va:size, by one and by
size; at size = s everywhere its effects are those of the coefficients beta + gamma s and
theta + theta_gamma s, with the covariance of both in their standard errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from spatialsyn.effects.request import inferred, reading_by, split_channel
from spatialsyn.effects.table import Effects
from spatialsyn.errors import ModelError, expect, named
from spatialsyn.models.data import regressors
from spatialsyn.models.marginal import check_repeatable, slopes
from spatialsyn.results import Results


def moderated(
    results: Results,
    x: str,
    at: Mapping[str, Iterable[float]],
    by: Any = None,
    method: str = "delta",
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Effects:
    """Effects of `x` where the moderators have the values `at` in every city and year.

    Parameters
    ----------
    x : column of the panel that enters the formula, alone and in interactions
    at : moderator -> values, ``{"sme_share": [0.2, 0.5, 0.8]}``; of several moderators, all
        combinations
    by, method, level, draws, seed : see `Results.effects`

    Returns
    -------
    Effects
        With a column ``at size`` for every moderator; ``test({"x": one, "effect":
        "indirect"}, {"x": other, "effect": "indirect"})`` tells whether the effects differ.

    Raises
    ------
    ModelError
        A moderator without an interaction with x, values that are not numbers, a formula that
        standardises or winsorises.
    """
    expect(results, Results, "moderated needs what ss.fit returns", ModelError)
    check_repeatable(results.model)
    values = _checked(results, x, at)
    asked, chosen = {}, []
    for point in product(*values.values()):
        where = dict(zip(values, point, strict=True))
        panel = results.panel.assign(**where)
        if regressors(results.model, panel, results.sample).names != results.data.names:
            raise ModelError(f"{named(values)} makes categories, whose columns change with it.")
        label = f"{x} at {', '.join(f'{name} = {value:.6g}' for name, value in where.items())}"
        if label in asked:
            raise ModelError(f"two values of {named(values)} are the same: {label}.")
        asked[label] = slopes(results.model, panel, x, results.sample)
        chosen.append(where)
    by, channels = split_channel(by, "receiver")
    reading, how = reading_by(by, results.panel, "receiver"), (method, level, draws, seed)
    when = (None, None, True)
    made = inferred(results.design, results.estimate, asked, reading, when, how, channels)
    table, rows = made.table.copy(), len(made.table) // len(chosen)
    for i, name in enumerate(values):
        table.insert(1 + i, f"at {name}", np.repeat([where[name] for where in chosen], rows))
    note = "\n".join(filter(None, [made.note, _beyond(results, values)]))
    return replace(made, table=table, note=note)


def _checked(results: Results, x: str, at: Any) -> dict[str, tuple[float, ...]]:
    """The values of every moderator, each of which interacts with x."""
    data = results.data
    variables = sorted(frozenset().union(*data.sources))
    if x not in variables:
        raise ModelError(f"{x!r} is no variable of this model; there are {named(variables, 40)}.")
    if not isinstance(at, Mapping) or not at:
        raise ModelError('at is a mapping of moderators to values, {"size": [0.2, 0.5, 0.8]}.')
    found = {}
    for name, given in at.items():
        together = [n for n, s in zip(data.names, data.sources, strict=True) if {x, name} <= s]
        if name == x or not together:
            raise ModelError(
                f"{name!r} does not moderate {x!r}: no term of {results.model.formula!r} holds "
                f"both. Add the interaction, '{x}:{name}'."
            )
        listed = tuple(given) if isinstance(given, Iterable) else (given,)
        numbers = [isinstance(v, int | float | np.number) and np.isfinite(v) for v in listed]
        if isinstance(given, str) or not listed or not all(numbers):
            raise ModelError(f"at {name!r}: {given!r} is not a list of numbers.")
        found[name] = tuple(float(v) for v in listed)
    return found


def _beyond(results: Results, values: Mapping[str, tuple[float, ...]]) -> str:
    """A sentence about values that no city has had."""
    said = []
    for name, listed in values.items():
        seen = results.panel.array(name)
        low, high = np.nanmin(seen), np.nanmax(seen)
        outside = [v for v in listed if not low <= v <= high]
        if outside:
            said.append(
                f"{name} = {named(outside)} was never observed ({low:.4g} .. {high:.4g}): there "
                "the effects extrapolate a straight line."
            )
    return " ".join(said)
