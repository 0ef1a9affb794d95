"""What a column of the regressors is: whose, lagged by which matrix, of which cities."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of Z: a regressor, lagged by a matrix or not, of one block or of all cities.

    `x` is None for what is no regressor: city means, and the lags in time.
    """

    name: str
    x: str | None = None
    W: str | None = None
    block: str | None = None

    @property
    def is_city_mean(self) -> bool:
        """Whether correlated random effects added it: a regressor may be called mean(x) too."""
        return self.x is None and self.name.startswith("mean(")
