"""What the page knows of each model: effects on average, by city, by pair and by block.

An interval is a list [estimate, low, high], its ends None where it has none. Pairs are many:
they travel as single-precision numbers, estimates and standard errors, and models beyond
`MOST_BYTES` go without them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from spatialsyn.effects.table import EFFECTS, Effects
from spatialsyn.report.explorer.words import FIXED_EFFECTS, phrase
from spatialsyn.report.tables.display import decimals, fixed, interval
from spatialsyn.results import Results

LEVEL = 0.95
# Characters that the pairs of all models may take in the page.
MOST_BYTES = 6_000_000
# With more blocks than this, what comes from each is left out, and the answer is an average.
MOST_BLOCKS = 6
DIGITS = "{:.6g}"
CITY = ("direct", "received", "emitted", "net")

Interval = list[float | None]


def explored(
    fits: Mapping[str, Results], x: str, by: str | None, ids: Sequence[Any], language: str
) -> list[dict[str, Any]]:
    """Every model that has `x`, the first one first; a model met before under another name is
    left out.

    Parameters
    ----------
    by : grouping of the panel for the effects by block, None for no blocks
    ids : cities of the page; a model without one of them has no numbers for it
    """
    made, seen, room = [], set(), MOST_BYTES
    for name, fit in fits.items():
        matrices = tuple(w.hash for w in fit.weights.values())
        numbers = fit.params.to_numpy().tobytes()  # one model of two panels is no model met before
        key = (fit.model, matrices, fit.data.years, fit.panel.ids, fit.cov_kind, numbers)
        if x not in fit.regressors or key in seen:
            continue
        seen.add(key)
        room -= pair_bytes(len(ids))
        made.append(one_model(name, fit, x, by, ids, language, room >= 0))
        outcome = fit.data.outcome
        if outcome != next(iter(fits.values())).data.outcome:
            made[-1]["what"] = f"{outcome}: {made[-1]['what']}"
    return made


def pair_bytes(n: int) -> int:
    """Characters that the pairs of `n` cities take: two numbers of four bytes, in base64."""
    return 4 * -(-8 * n * n // 3)


def one_model(
    name: str,
    fit: Results,
    x: str,
    by: str | None,
    ids: Sequence[Any],
    language: str,
    pairs: bool,
) -> dict[str, Any]:
    """One model as the page's script reads it."""
    average = fit.effects(x, level=LEVEL)
    return {
        "name": name,
        "W": ", ".join(fit.model.lagged_by),
        "what": described(fit, language),
        "equation": fit.equation,
        "fit": fit_facts(fit, language),
        "average": {e: interval_of(average[e].iloc[0]) for e in EFFECTS},
        "city": _by_city(fit, x, ids),
        "blocks": block_sums(fit, x, by) if by in fit.panel.blocks else [],
        "pairs": _pairs(fit, x, ids) if pairs else None,
    }


def described(fit: Results, language: str) -> str:
    """Family, fixed effects, years, and the covariance where it is not the default."""
    facts = fit.glance().iloc[0]
    family = facts["family"].upper().replace("_", "-")
    parts = [family, phrase(FIXED_EFFECTS[facts["fixed_effects"]], language)]
    parts += [facts["years"].replace("-", "–")]
    parts += [facts[key] for key, usual in USUAL.items() if facts[key] != usual]
    return ", ".join(parts)


def fit_facts(fit: Results, language: str) -> list[list[str]]:
    """Spatial parameters with their intervals, and how well the model fits: name and text."""
    shown = [
        [row["term"], f"{fixed(row['estimate'], at)} {interval(row['low'], row['high'], at)}"]
        for row in fit.tidy(LEVEL).to_dict("records")
        if row["term"].startswith(SPATIAL)
        for at in [decimals(row["se"], 3)]
    ]
    facts = fit.glance().iloc[0]
    shown += [
        [phrase(name, language), fixed(float(facts[key]), places)]
        for key, name, places in FIT
        if not np.isnan(float(facts[key]))
    ]
    return shown


# Parameters of the spatial lags of outcome and error, by how their names begin.
SPATIAL = ("rho[", "lambda[", "alpha[", "share[", "tau", "eta[")
FIT = (
    ("nobs", "Observations", 0),
    ("loglik", "Log-likelihood", 2),
    ("aic", "AIC", 2),
    ("corr2", "Squared correlation", 3),
)
# Facts that are said only where they differ from these.
USUAL = {"estimator": "qml", "random": "none", "covariance": "expected"}


def block_sums(fit: Results, x: str, by: str | None) -> list[dict[str, Any]]:
    """Per block of cities: own effect, received from and emitted to all other cities, and what
    comes from each block.

    ``received``: change of y in a city of the block, on average, if x rose by one unit in
    every other city; ``emitted``: change of y in all other cities together, if x rose by one
    unit in one city of the block, on average. Both are sums of indirect effects by block, per
    receiver and per source, with the covariance of their terms.
    """
    receiver = fit.effects(x, by=by, level=LEVEL)
    source = fit.effects(x, by=by, per="source", level=LEVEL)
    to, sent = summed(receiver, ["effect", "to"]), summed(source, ["effect", "from"])
    names = list(dict.fromkeys(receiver.table["to"]))
    each = summed(receiver, ["effect", "to", "from"]) if len(names) <= MOST_BLOCKS else {}
    return [
        {
            "block": str(name),
            "own": to["direct", name],
            "received": to["indirect", name],
            "emitted": sent["indirect", name],
            "total": to["total", name],
            "from": [each["indirect", name, b] for b in names] if each else [],
        }
        for name in names
    ]


def summed(effects: Effects, columns: list[str]) -> dict[Any, Interval]:
    """Sums of the rows that agree in these columns, with their intervals."""
    estimate, spread = effects.table["estimate"].to_numpy(), effects.spread
    z = float(norm.ppf((1 + effects.level) / 2))
    made = {}
    for key, rows in effects.table.groupby(columns, sort=False).indices.items():
        value, half = estimate[rows].sum(), z * np.sqrt((spread[rows].sum(axis=0) ** 2).sum())
        made[key] = _short([value, value - half, value + half])
    return made


def _by_city(fit: Results, x: str, ids: Sequence[Any]) -> dict[str, list[Interval | None]]:
    effects = fit.effects(x, by="city", level=LEVEL)
    made = {}
    for effect in CITY:
        rows = effects[effect][["estimate", "low", "high"]].reindex(list(ids))
        made[effect] = [None if np.isnan(row[0]) else _short(row) for row in rows.to_numpy()]
    return made


def _pairs(fit: Results, x: str, ids: Sequence[Any]) -> str:
    """(2, n, n): estimate and standard error of dy_i/dx_j, row i receiving; NaN where the
    model lacks a city."""
    table = fit.effects(x, by="pair", level=LEVEL).table
    at = [list(ids).index(city) for city in fit.panel.ids]
    n = fit.panel.n
    made = np.full((2, len(ids), len(ids)), np.nan, dtype="<f4")
    made[:, np.array(at)[:, None], at] = table[["estimate", "se"]].to_numpy().T.reshape(2, n, n)
    return base64.b64encode(made.tobytes()).decode("ascii")


def interval_of(row: Any) -> Interval:
    return _short([row["estimate"], row["low"], row["high"]])


def _short(numbers: Any) -> Interval:
    return [None if np.isnan(v) else float(DIGITS.format(v)) for v in numbers]
