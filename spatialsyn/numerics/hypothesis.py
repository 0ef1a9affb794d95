"""What a test of a hypothesis says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HypothesisTest:
    """A statistic and how surprising it is under the null hypothesis.

    Attributes
    ----------
    null : what is tested, in words
    statistic, df, p : the value, its degrees of freedom, and the p-value
    note : the distribution when it is not chi-squared with `df`, and what limits the test
    """

    null: str
    statistic: float
    df: float
    p: float
    note: str = ""

    def __str__(self) -> str:
        small = "p < 0.0001" if self.p < 1e-4 else f"p = {self.p:.4f}"
        text = f"H0: {self.null}: statistic {self.statistic:.4g}, df {self.df:g}, {small}"
        return f"{text}\n{self.note}" if self.note else text
