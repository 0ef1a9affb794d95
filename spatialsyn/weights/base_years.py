"""Whether the years that weights are made of come before what they are to explain."""

from __future__ import annotations

from collections.abc import Sequence

from spatialsyn.errors import named
from spatialsyn.weights.series import Links


def said_of_base_years(w: Links, sample: Sequence[int]) -> str:
    """What a reader must be told where weights are made of late years of the sample."""
    years = w.base_years
    if w.varies or years is None or isinstance(years, str):
        return ""
    middle = (sample[0] + sample[-1]) / 2
    late = [year for year in years if middle < year]
    if not late:
        return ""
    return (
        f"W[{w.name}] is made of values of {named(late)}, late for a sample of {sample[0]} to "
        f"{sample[-1]}: what drives y may have moved them. Take years before or at its start."
    )
