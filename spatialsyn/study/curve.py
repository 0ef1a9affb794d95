"""The specification curve: one effect under every specification of a grid, in order.

Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, 1208-1214, on effects instead
of coefficients, with the interval of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from spatialsyn.errors import ModelError, named
from spatialsyn.notebook import as_html

# An effect is called significant where p is below this.
ALPHA = 0.05
# Shares that are numbers of models.
COUNTS = ("models", "without an estimate")


@dataclass(frozen=True, eq=False, repr=False)
class Curve:
    """One effect of x over all specifications, in ascending order.

    Attributes
    ----------
    x : the term, as the first model has it
    selection : which effect: ``{"effect": "total"}``
    axes : the choices of the grid that vary
    table : DataFrame
        ``model``, a column per axis, ``regressor, estimate, se, low, high, p``.
    failures : model -> why it has no estimate
    """

    x: str
    selection: Mapping[str, str]
    axes: tuple[str, ...]
    table: pd.DataFrame
    failures: Mapping[str, str]

    @property
    def shares(self) -> pd.Series:
        """Number of models, range of the estimates, shares of signs and significance."""
        value, significant = self.table["estimate"], self.table["p"] < ALPHA
        return pd.Series(
            {
                "models": len(value), "without an estimate": len(self.failures),
                "smallest": value.min(), "median": value.median(), "largest": value.max(),
                "positive": (value > 0).mean(), "negative": (value < 0).mean(),
                "significant": significant.mean(),
                "positive and significant": (significant & (value > 0)).mean(),
                "negative and significant": (significant & (value < 0)).mean(),
            },
            name=f"{', '.join(self.selection.values())} effect of {self.x}",
        )  # fmt: skip

    @property
    def caveat(self) -> str:
        """What the shares do not say."""
        count = len(self.table)
        parts = [
            f"{count} specifications of the same data are not {count} independent tests: shares "
            "are no p-values. Were there no effect at all, each would still be significant at "
            f"{ALPHA:.0%} with that probability, about {ALPHA * count:.1f} of them on average and "
            "often many at once or none; the one with the smallest p is the worst to quote. A "
            "placebo (ss.placebo) shows what chance does to one specification."
        ]
        regressors = self.table["regressor"].unique()
        if len(regressors) > 1:
            parts.append(
                f"x has several shapes ({named(regressors, 3)}): sizes compare where units do, "
                "signs always."
            )
        if self.failures:
            parts.append(
                f"{len(self.failures)} specifications have no estimate and count in no share."
            )
        return " ".join(parts)

    def by(self, axis: str) -> pd.DataFrame:
        """The shares for every choice on one axis: which choice the answer hangs on.

        Raises
        ------
        ModelError
            An axis that the grid does not have.
        """
        if axis not in self.axes:
            raise ModelError(f"the grid does not vary {axis!r}; it varies {named(self.axes)}.")
        rows = {}
        for choice, part in self.table.groupby(axis, sort=False):
            significant = part["p"] < ALPHA
            rows[choice] = {
                "models": len(part), "median": part["estimate"].median(),
                "smallest": part["estimate"].min(), "largest": part["estimate"].max(),
                "positive": (part["estimate"] > 0).mean(), "significant": significant.mean(),
            }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis(axis)

    @property
    def _shown(self) -> pd.Series:
        """`shares` as text, numbers of models to the last digit."""
        shares = self.shares
        texts = {
            key: f"{value:{'.0f' if key in COUNTS else '.3g'}}" for key, value in shares.items()
        }
        return pd.Series(texts, name=shares.name)

    def __repr__(self) -> str:
        return f"{self._shown.to_string()}\n{self.caveat}"

    def _repr_html_(self) -> str:
        return as_html(self._shown.to_frame(), self.caveat, index=True)


def curve(
    effects: pd.DataFrame,
    x: str,
    selection: Mapping[str, str],
    axes: list[str],
    failures: Mapping[str, str],
) -> Curve:
    """The rows of `effects` that are selected, one per model, in ascending order."""
    mine = effects
    for column, value in selection.items():
        there = column in ("effect", "to", "from") and column in mine
        known = list(mine[column].unique()) if there else []
        if value not in known:
            what = f"there are {named(known, 30)}" if known else "there is no such column"
            raise ModelError(f"no effects have {column} = {value!r}; {what}.")
        mine = mine[mine[column] == value]
    _check_single(mine, x)
    varied = tuple(axis for axis in axes if mine[axis].nunique() > 1)
    columns = ["model", *varied, "regressor", "estimate", "se", "low", "high", "p"]
    table = mine.sort_values(["estimate", "model"])[columns].reset_index(drop=True)
    return Curve(x, selection, varied, table, failures)


def _check_single(effects: pd.DataFrame, x: str) -> None:
    """Refuse a selection that leaves several effects of one model."""
    counts = effects["model"].value_counts()
    if counts.iloc[0] == 1:
        return
    several = effects[effects["model"] == counts.index[0]]
    differing = [
        f"{column}: {named(several[column].unique())}"
        for column in ("regressor", "to", "from")
        if column in several and several[column].nunique() > 1
    ]
    raise ModelError(
        f"a model has {counts.iloc[0]} such effects of {x!r}, which differ by "
        f"{'; '.join(differing)}. Choose one regressor, or one flow: "
        "runs.curve(x, {'effect': 'indirect', 'to': ..., 'from': ...})."
    )
