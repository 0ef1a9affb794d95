"""Specification tests: which lags in space, which effects, and what the residuals hide."""

from spatialsyn.diagnostics.battery import battery, diagnose
from spatialsyn.diagnostics.endogenous_weights import weights_exogeneity
from spatialsyn.diagnostics.hausman import hausman
from spatialsyn.diagnostics.marginal import Probabilities, log_marginal, posterior
from spatialsyn.diagnostics.moran import residual_moran, residual_moran_by_year
from spatialsyn.diagnostics.nested import lr, wald
from spatialsyn.diagnostics.panel_effects import (
    fixed_effects_f,
    fixed_effects_lr,
    random_effects_lr,
)
from spatialsyn.diagnostics.random_effects import baltagi_song_koh
from spatialsyn.diagnostics.residuals import normality, pesaran_cd, serial_correlation, vif
from spatialsyn.diagnostics.rivals import j_test, j_tests
from spatialsyn.diagnostics.score import lm
from spatialsyn.diagnostics.separability import separability
from spatialsyn.diagnostics.table import Diagnostics

__all__ = [
    "Diagnostics",
    "Probabilities",
    "baltagi_song_koh",
    "battery",
    "diagnose",
    "fixed_effects_f",
    "fixed_effects_lr",
    "hausman",
    "j_test",
    "j_tests",
    "lm",
    "log_marginal",
    "lr",
    "normality",
    "pesaran_cd",
    "posterior",
    "random_effects_lr",
    "residual_moran",
    "residual_moran_by_year",
    "separability",
    "serial_correlation",
    "vif",
    "wald",
    "weights_exogeneity",
]
