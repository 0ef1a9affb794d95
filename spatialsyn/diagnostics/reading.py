"""What a table of tests says, in one sentence.

The rule for lags in space is the one papers use (Elhorst 2014, section 2.7): keep the SDM
unless exactly one simpler model is rejected by neither Wald nor LR and the robust LM test
points to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spatialsyn.results import Results

LEVEL = 0.05
# Above this a coefficient is hardly its own.
INFLATED = 10.0
SUPPORT = {"sar": "robust LM lag", "sem": "robust LM error"}
# What is missing where these tests reject.
MISSING = {"LM lag": "a lag of y", "LM WX": "W X", "LM error": "a spatial error"}


def read(results: Results, table: pd.DataFrame, vif: pd.Series) -> str:
    """One sentence: the lags, the effects, the residuals, and collinearity."""
    p = {str(name): float(value) for name, value in zip(table["test"], table["p"], strict=True)}
    parts = [_lags(results, p), *_effects(p), *_residuals(p)]
    high = vif[vif > INFLATED]
    if len(high):
        parts.append(f"the VIF of {high.idxmax()} is {high.max():.0f}: read its effects jointly")
    return f"At {LEVEL:.0%}: {'; '.join(part for part in parts if part)}."


def _lags(results: Results, p: dict[str, float]) -> str:
    family = results.model.family.upper()
    given = "" if family == "OLS" else f" given {family}"
    found = [said for name, said in MISSING.items() if p.get(f"{name}{given}", 1.0) < LEVEL]
    lacks = f"lacks {', '.join(found)}" if found else ""
    if family != "SDM":
        return f"the {family} {lacks or 'lacks no lag in space'}"
    kept = [to for to in ("sar", "sem", "slx") if not _rejected(p, to)]
    alone = len(kept) == 1 and _rejected(p, kept[0]) is False
    if alone and p.get(SUPPORT.get(kept[0], ""), 0.0) < LEVEL:
        said = f"the SDM could be simplified to {kept[0].upper()}"
    elif not kept:
        said = "SAR, SEM and SLX are all rejected: keep the SDM"
    else:
        doubtful = " and ".join(to.upper() for to in kept)
        said = f"{doubtful} cannot be ruled out, but no single one is supported: keep the SDM"
    return f"{said}, though it {lacks}" if lacks else said


def _rejected(p: dict[str, float], to: str) -> bool | None:
    """Whether the simpler model is rejected; None where Wald and LR disagree."""
    found = [p.get(f"{test} to {to.upper()}", np.nan) < LEVEL for test in ("Wald", "LR")]
    known = [
        f for f, test in zip(found, ("Wald", "LR"), strict=True)
        if not np.isnan(p.get(f"{test} to {to.upper()}", np.nan))
    ]  # fmt: skip
    if known and all(known):
        return True
    return None if any(known) else False


def _effects(p: dict[str, float]) -> list[str]:
    said = []
    for who in ("city", "year"):
        chance = p.get(f"F {who} effects", np.nan)
        if not np.isnan(chance):
            said.append(f"{who} effects are {'there' if chance < LEVEL else 'not significant'}")
    chance = p.get("Hausman, correlated", np.nan)
    if not np.isnan(chance):
        related = "related to the regressors, keep them fixed"
        free = "not visibly related to the regressors, random ones would do"
        said.append(f"city effects are {related if chance < LEVEL else free} (p = {chance:.3f})")
    return said


def _residuals(p: dict[str, float]) -> list[str]:
    said = []
    if p.get("Moran's I, all years", 1.0) < LEVEL or p.get("Pesaran CD", 1.0) < LEVEL:
        said.append("residuals of cities are still dependent")
    if p.get("serial correlation", 1.0) < LEVEL:
        said.append('errors are correlated over years, use cov="city" or a dynamic model')
    if p.get("Jarque-Bera", 1.0) < LEVEL:
        said.append('errors are not normal, use cov="sandwich" for rho')
    return said
