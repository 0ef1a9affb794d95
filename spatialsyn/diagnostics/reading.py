"""What a table of tests says, in one sentence.

The rule for lags in space is the one papers use (Elhorst 2010, Spatial Economic Analysis 5):
keep the SDM unless exactly one simpler model is rejected by neither Wald nor LR and the robust
LM test points to it.
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
    parts = [_lags(results, p), *_effects(p), *_residuals(results, p)]
    high = vif[vif > INFLATED]
    if len(high):
        parts.append(f"the VIF of {high.idxmax()} is {high.max():.0f}: read its effects jointly")
    return f"At {LEVEL:.0%}: {'; '.join(part for part in parts if part)}."


def _lags(results: Results, p: dict[str, float]) -> str:
    family = results.model.family.upper()
    given = "" if family == "OLS" else f" given {family}"
    missing = {said: p.get(f"{name}{given}", np.nan) for name, said in MISSING.items()}
    lacks = ", ".join(said for said, chance in missing.items() if chance < LEVEL)
    if family != "SDM":
        if all(np.isnan(chance) for chance in missing.values()):
            return "no test of further lags in space applies"
        return f"the {family} lacks {lacks or 'no lag in space'}"
    verdicts = {to: _rejected(p, to) for to in ("sar", "sem", "slx")}
    said = _simplified(verdicts, p)
    return f"{said}, though it lacks {lacks}" if lacks else said


def _simplified(verdicts: dict[str, str], p: dict[str, float]) -> str:
    """Which simpler model would do, if one would."""
    kept = [to for to, verdict in verdicts.items() if verdict != "rejected"]
    if not kept:
        return "SAR, SEM and SLX are all rejected: keep the SDM"
    if "untested" in verdicts.values():
        return "not every simpler model could be tested: keep the SDM"
    supported = p.get(SUPPORT.get(kept[0], ""), 0.0) < LEVEL
    if len(kept) == 1 and verdicts[kept[0]] == "kept" and supported:
        return f"the SDM could be simplified to {kept[0].upper()}"
    doubtful = ", ".join(to.upper() for to in kept)
    return f"{doubtful} cannot be ruled out, but no single one is supported: keep the SDM"


def _rejected(p: dict[str, float], to: str) -> str:
    """What Wald and LR say of the simpler model, as far as they apply."""
    chances = [p.get(f"{test} to {to.upper()}", np.nan) for test in ("Wald", "LR")]
    verdicts = {chance < LEVEL for chance in chances if not np.isnan(chance)}
    if not verdicts:
        return "untested"
    if len(verdicts) == 2:
        return "disputed"
    return "rejected" if verdicts == {True} else "kept"


def _effects(p: dict[str, float]) -> list[str]:
    said = []
    for who in ("city", "year"):
        chance = p.get(f"F {who} effects", np.nan)
        if not np.isnan(chance):
            said.append(f"{who} effects are {'there' if chance < LEVEL else 'not significant'}")
    chance = p.get("Hausman, correlated", np.nan)
    if not np.isnan(chance):
        related = "related to the regressors, keep them fixed"
        free = "not visibly related to the regressors, random ones are not rejected"
        shown = "p < 0.001" if chance < 0.001 else f"p = {chance:.3f}"
        said.append(f"city effects are {related if chance < LEVEL else free} ({shown})")
    return said


def _residuals(results: Results, p: dict[str, float]) -> list[str]:
    said = []
    if p.get("over-identification", 1.0) < LEVEL:
        said.append("the instruments disagree, so that some of them are not exogenous")
    if p.get("exogenous W", 1.0) < LEVEL:
        said.append("W moves with the error, keep the matrix that stands in for it")
    if p.get("Moran's I, all years", 1.0) < LEVEL or p.get("Pesaran CD", 1.0) < LEVEL:
        said.append("residuals of cities are still dependent")
    if p.get("serial correlation", 1.0) < LEVEL:
        said.append('errors are correlated over years, use cov="city" or a dynamic model')
    # Estimates from instruments need no normal errors.
    if results.design.instruments is None and p.get("Jarque-Bera", 1.0) < LEVEL:
        said.append('errors are not normal, use cov="sandwich" for rho')
    return said
