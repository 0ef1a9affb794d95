"""What a study draws: its figures by the names that a study file asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spatialsyn.effects.table import EFFECTS
from spatialsyn.explore import autocorrelation
from spatialsyn.report import (
    audit,
    autocorrelation_figure,
    block_matrix,
    block_plot,
    effects_plot,
    emitted_received,
    flow_map,
    specification_curve,
    spectrum_plot,
    study_area,
    weights_map,
)
from spatialsyn.report import map as draw
from spatialsyn.report.atlas import flows
from spatialsyn.report.atlas.classes import classify
from spatialsyn.report.atlas.labels import COLUMNS
from spatialsyn.report.labels import unquoted
from spatialsyn.report.words import word
from spatialsyn.studyfile.labels import labels_of
from spatialsyn.studyfile.sections import stem
from spatialsyn.weights import WeightsSeries

if TYPE_CHECKING:
    from spatialsyn.studyfile.job import Job

# Of the permutations of the autocorrelation.
SEED = 0
# Markers that the figure of effects can tell apart.
MOST_MODELS = 7


def outcome(job: Job) -> pd.DataFrame:
    """The outcome of the main model, city x year, as its formula makes it."""
    main = job.results[job.main]
    return pd.DataFrame(main.data.y, index=list(main.panel.ids), columns=list(main.data.years))


def _draw_study_area(job: Job) -> dict[str, Any]:
    language = job.study.report.language
    labels = language if COLUMNS[language] in job.panel.cities else None
    drawing = study_area(job.panel, job.by, labels, language=language, block_labels=labels_of(job))
    return {"study_area": drawing}


def _draw_weights(job: Job) -> dict[str, Any]:
    language, context = job.study.report.language, job.panel.context
    shown: dict[str, Any] = {}
    for name, w in job.weights.items():
        ends = (w.years[0], w.years[-1]) if isinstance(w, WeightsSeries) else ()
        shown |= {f"{name}_{year}": w.at(year) for year in ends} or {name: w}
    maps = {
        f"weights_{stem(name)}": weights_map(w, job.panel.cities, context, language=language)
        for name, w in shown.items()
    }
    return {"weights": audit(*job.weights.values(), y=outcome(job), language=language), **maps}


def _draw_specifications(job: Job) -> dict[str, Any]:
    chosen = job.study.report
    return {
        f"specifications_{effect}": specification_curve(
            job.runs, job.x, effect, labels=labels_of(job), language=chosen.language
        )
        for effect in EFFECTS
    }


def _draw_effects(job: Job) -> dict[str, Any]:
    chosen = job.study.report
    models = {name: job.results[name] for name in list(job.study.models)[:MOST_MODELS]}
    y = job.results[job.main].data.outcome
    labels, language = labels_of(job), chosen.language
    drawing = effects_plot(models, labels, labels.get(y, unquoted(y)), language=language)
    return {"effects": drawing}


def _draw_blocks(job: Job, name: str, plot: Callable[..., Any]) -> dict[str, Any]:
    chosen, results = job.study.report, job.results[job.main]
    effects, y = results.effects(job.x, by=job.by), results.data.outcome
    y = chosen.labels.get(y, unquoted(y))
    return {name: plot(effects, job.x, y, labels_of(job), language=chosen.language)}


def _draw_emitted_received(job: Job) -> dict[str, Any]:
    results = job.results[job.main]
    effects = results.effects(job.x, by="city")
    return {"emitted_received": emitted_received(results.panel, effects, **_look(job))}


def _draw_one_way(job: Job, effect: str, title: str) -> dict[str, Any]:
    """One half of `emitted_received`, in the classes of both: the two figures compare."""
    panel, look = job.results[job.main].panel, _look(job)
    effects = job.results[job.main].effects(job.x, by="city")
    both = [effects[way]["estimate"].to_numpy() for way in ("emitted", "received")]
    classes = classify(np.concatenate(both), "equal_interval")
    drawing = draw(
        panel.cities, effects[effect], word(title, look["language"]), panel.context,
        classes.limits, diverging=classes.diverging, **look,
    )  # fmt: skip
    return {effect: drawing}


def _look(job: Job) -> dict[str, Any]:
    """What maps of effects print beside the numbers: unit, blocks and their names, language."""
    language = job.study.report.language
    label = job.study.report.labels.get(job.x, unquoted(job.x))
    unit = word("effect of one unit of {}", language).format(label)
    blocks = job.by if job.results[job.main].panel.blocks else None
    printed = labels_of(job) if blocks else None
    return {"unit": unit, "blocks": blocks, "block_labels": printed, "language": language}


def crowded(blocks: pd.Series) -> str | None:
    """What the map of flows between `blocks` would need where they are too many for it."""
    if blocks.nunique() <= flows.BLOCKS:
        return None
    return f"a grouping of {flows.BLOCKS} blocks at most; block_matrix takes more"


def _draw_flows(job: Job) -> dict[str, Any]:
    results, language = job.results[job.main], job.study.report.language
    effects = results.effects(job.x, by=job.by)
    printed = labels_of(job)
    drawing = flow_map(results.panel, effects, job.x, block_labels=printed, language=language)
    return {"flows": drawing}


def _draw_autocorrelation(job: Job) -> dict[str, Any]:
    """The outcome of the main model, year by year, under every matrix."""
    chosen, main = job.study.report, job.results[job.main]
    name, panel = main.data.outcome, main.panel.subset(years=main.data.years)
    cells = pd.MultiIndex.from_product([panel.ids, panel.years], names=panel.frame.index.names)
    y, title = pd.Series(main.data.y.ravel(), cells, name=name), chosen.labels.get(name, name)
    return {
        f"autocorrelation_{w.name}": autocorrelation_figure(
            autocorrelation(panel, y, w.aligned(panel.ids), seed=SEED),
            f"{title}, W[{w.name}]",
            chosen.language,
        )
        for w in job.weights.values()
    }


def _draw_spectra(job: Job) -> dict[str, Any]:
    language = job.study.report.language
    return {"spectra": spectrum_plot(*job.weights.values(), language=language)}


FIGURES: dict[str, Callable[[Job], dict[str, Any]]] = {
    "study_area": _draw_study_area,
    "weights": _draw_weights,
    "effects": _draw_effects,
    "blocks": partial(_draw_blocks, name="blocks", plot=block_plot),
    "specifications": _draw_specifications,
    "emitted_received": _draw_emitted_received,
    "emitted": partial(_draw_one_way, effect="emitted", title="emitted to other cities"),
    "received": partial(_draw_one_way, effect="received", title="received from other cities"),
    "block_matrix": partial(_draw_blocks, name="block_matrix", plot=block_matrix),
    "flows": _draw_flows,
    "autocorrelation": _draw_autocorrelation,
    "spectra": _draw_spectra,
}
