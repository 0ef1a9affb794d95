"""The outcome of a test, with the reason where it does not apply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HypothesisTest:
    """A statistic and what it says.

    Attributes
    ----------
    name : of the test
    null : the hypothesis
    statistic, df, p : value, degrees of freedom of its chi-squared distribution, p-value;
        not a number where the test does not apply
    note : why it does not apply, or how to read it
    """

    name: str
    null: str
    statistic: float
    df: int
    p: float
    note: str = ""

    def __repr__(self) -> str:
        value = f"chi2({self.df}) = {self.statistic:.4g}, p = {self.p:.4g}"
        if np.isnan(self.p):
            value = "does not apply"
        return f"{self.name}: {value}. H0: {self.null}. {self.note}".strip()
