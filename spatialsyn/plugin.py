"""Results as other table programs read them: the plug-in attributes of maketables.

maketables (py-econometrics) prints any object that has `__maketables_coef_table__` and its
companions, beside models of pyfixest, statsmodels and linearmodels. They are looked up by
name: nothing is imported here, and nothing needs to be installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from spatialsyn.models.covariance import in_words

if TYPE_CHECKING:
    from spatialsyn.results import Results

NUMBERS = {"estimate": "b", "se": "se", "z": "t", "p": "p", "low": "ci95l", "high": "ci95u"}
# What maketables calls a column of fixed effects, joined by a plus sign.
FIXED = {"none": None, "individual": "city", "time": "year", "twoways": "city+year"}
STATISTICS = {
    "N": "Observations", "cities": "Cities", "years": "Years", "weights": "Weights",
    "sigma2": "Error variance", "loglik": "Log-likelihood", "aic": "AIC", "bic": "BIC",
    "corr2": "Squared correlation", "r2_within": "R2 (within)", "r2_between": "R2 (between)",
    "r2_overall": "R2 (overall)",
}  # fmt: skip


class Tabled:
    """The attributes maketables asks for.

    Rows are the average effects, named ``x (direct)``, ``x (indirect)`` and ``x (total)``,
    then the coefficients; ``keep`` and ``drop`` of maketables choose among them.
    """

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        results = _of(self)
        rows = results.tidy().query("term != 'sigma2'")
        if results.regressors:
            effects = results.effects().table
            names = effects["x"] + " (" + effects["effect"] + ")"
            z = effects["estimate"] / effects["se"].where(effects["se"] > 0)
            rows = pd.concat([effects.assign(term=names, z=z), rows])
        table = rows.set_index("term")[list(NUMBERS)].rename(columns=NUMBERS)
        return table.rename_axis("Coefficient")

    def __maketables_stat__(self, key: str) -> Any:
        results = _of(self)
        facts = {**results.glance().iloc[0], "se_type": in_words(results.cov_kind)}
        if key.startswith("r2_"):
            return results.r2.get(key.removeprefix("r2_"))
        return facts.get("nobs" if key == "N" else key)

    @property
    def __maketables_depvar__(self) -> str:
        return _of(self).data.outcome

    @property
    def __maketables_fixef_string__(self) -> str | None:
        return FIXED[_of(self).model.fixed_effects]

    @property
    def __maketables_vcov_info__(self) -> dict[str, Any]:
        return {"vcov_type": in_words(_of(self).cov_kind), "clustervar": None}

    @property
    def __maketables_stat_labels__(self) -> dict[str, str]:
        return dict(STATISTICS)

    @property
    def __maketables_default_stat_keys__(self) -> list[str]:
        return ["N", "cities", "weights", "loglik", "corr2", "se_type"]


def _of(tabled: Tabled) -> Results:
    return cast("Results", tabled)
