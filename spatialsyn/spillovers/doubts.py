"""The profile likelihood of a decay as tables, and in words what to doubt about its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialsyn.errors import ModelError, percent
from spatialsyn.spillovers.profile import STEP, Interval


def intervals(ends: list[Interval], names: list[str]) -> pd.DataFrame:
    """The interval of every decay, and whether it is open or in pieces."""
    rows = [
        {
            "low": np.exp(one.low), "high": np.exp(one.high), "open_below": one.open_below,
            "open_above": one.open_above, "pieces": one.pieces,
        }
        for one in ends
    ]  # fmt: skip
    return pd.DataFrame(rows, index=pd.Index(names, name="distance"))


def tabulated(ends: list[Interval], names: list[str], top: float) -> pd.DataFrame:
    """The profile likelihood of every decay, and its ratio to that at the peak, `top`."""
    parts = [
        pd.DataFrame({"distance": name, "decay": np.exp(one.points), "loglik": one.values})
        for name, one in zip(names, ends, strict=True)
    ]
    profile = pd.concat(parts, ignore_index=True)
    return profile.assign(lr=2 * (top - profile["loglik"]))


def half_distances(
    kind: str, estimate: pd.Series, se: pd.Series, interval: pd.DataFrame
) -> pd.DataFrame:
    """ln 2 / delta, over which exponential weights fall by half; 0 or infinite where it is open."""
    if kind != "exponential":
        power = float(estimate.iloc[0])
        raise ModelError(
            "weights that fall with a power of the distance have no half distance: they halve "
            f"where it is 2^(1/delta) times as long, here {2 ** (1 / power):.4g} times. "
            'kind="exponential" has one.'
        )
    half = np.log(2) / estimate
    low = (np.log(2) / interval["high"]).mask(interval["open_above"], 0.0)
    high = (np.log(2) / interval["low"]).mask(interval["open_below"], np.inf)
    return pd.DataFrame({"estimate": half, "se": half / estimate * se, "low": low, "high": high})


def said_of(
    name: str, kind: str, estimate: pd.Series, se: pd.Series, interval: pd.DataFrame, level: float
) -> str:
    """The decay with one distance and its interval, in words."""
    row = interval.loc[name]
    said = (
        f"Decay of {name} ({kind}): {estimate[name]:.4g}, se {se[name]:.3g}, "
        f"{percent(level)} interval {row['low']:.4g} .. {row['high']:.4g}"
    )
    if kind == "exponential":
        half = half_distances(kind, estimate, se, interval).loc[name]
        said += (
            f"; weights halve over a distance of {half['estimate']:.4g} "
            f"({half['low']:.4g} .. {half['high']:.4g})"
        )
    return f"{said}."


def doubts(row: pd.Series, tried: pd.Series, at: float | None) -> list[str]:
    """Sentences about an interval that is open, in pieces, or, with `at`, around no peak."""
    said = []
    if at is not None:
        ends = [("low", tried.min()), ("high", tried.max())]
        near = 2 * STEP
        if any(
            np.isclose(at, row[side], rtol=near) and not np.isclose(at, end, rtol=near)
            for side, end in ends
        ):
            said.append(
                f"The likelihood is highest where estimates end: {at:.4g} is no peak, and beyond "
                "it rho leaves its parameter space."
            )
        else:
            said.append("The likelihood is highest at, or flat up to, an end of what was searched.")
    below = row["open_below"] and np.isclose(row["low"], tried.min())
    above = row["open_above"] and np.isclose(row["high"], tried.max())
    if below and above:
        said.append("The interval is open at both ends: the data do not identify delta.")
    elif below:
        said.append("The interval is open below: weights that hardly fall with distance fit too.")
    elif above:
        said.append("The interval is open above: only the very nearest may count.")
    if (row["open_below"] and not below) or (row["open_above"] and not above):
        said.append("The interval ends where estimates end: the data do not bound delta there.")
    if row["pieces"] > 1:
        said.append(f"The likelihood has several peaks: the interval has {row['pieces']} parts.")
    return said
