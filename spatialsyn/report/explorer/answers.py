"""What a model says about one regressor, in a few sentences with intervals."""

from __future__ import annotations

from spatialsyn.effects.table import EFFECTS
from spatialsyn.errors import percent
from spatialsyn.report.explorer.models import LEVEL, MOST_BLOCKS, Interval, block_sums, interval_of
from spatialsyn.report.tables.display import Labels, decimals, fixed
from spatialsyn.report.words import word
from spatialsyn.results import Results

SENTENCES = {
    "en": {
        "lead": "Change in {y} for one unit more of {x}, with {level} intervals.",
        "block": "{block}: own {own}; from all other cities {received}; to all other cities "
        "together {emitted}.",
        "average": "On average over cities: direct {direct}; indirect {indirect}; total {total}.",
        "number": "{} ({} to {})",
        "zero": "{} ({} to {}, contains zero)",
        "none": "none in this model",
        "open": "{} (interval not available)",
    },
    "zh": {
        "lead": "{x}增加一个单位时{y}的变化（{level} 置信区间）。",
        "block": "{block}：本市 {own}；来自其他所有城市 {received}；对其他所有城市合计 {emitted}。",
        "average": "各城市平均：直接效应 {direct}；间接效应 {indirect}；总效应 {total}。",
        "number": "{}（{} 至 {}）",
        "zero": "{}（{} 至 {}，区间包含零）",
        "none": "在此模型中没有",
        "open": "{}（没有区间）",
    },
}


def answers(
    results: Results, x: str, by: str | None = None, labels: Labels = None, language: str = "en"
) -> list[str]:
    """The effects of `x` in words: own, received and emitted per block, or on average.

    Parameters
    ----------
    by : grouping of the panel; None, or one of more than six blocks, for averages over all
        cities
    labels : print labels of variables and blocks

    See `models.block_sums` for what is summed.
    """
    words, known = SENTENCES[language], labels or {}
    y = results.data.outcome
    lead = words["lead"].format(x=known.get(x, x), y=known.get(y, y), level=percent(LEVEL))
    if by is None or results.panel.blocks[by].nunique() > MOST_BLOCKS:
        average = results.effects(x, level=LEVEL)
        parts = {effect: said(interval_of(average[effect].iloc[0]), language) for effect in EFFECTS}
        return [lead, words["average"].format(**parts)]
    return [
        lead,
        *(
            words["block"].format(
                block=known.get(sums["block"], word(sums["block"], language)),
                **{key: said(sums[key], language) for key in ("own", "received", "emitted")},
            )
            for sums in block_sums(results, x, by)
        ),
    ]


def said(interval: Interval, language: str) -> str:
    """An estimate with its interval; effects that are zero by construction have none."""
    words, (estimate, low, high) = SENTENCES[language], interval
    assert estimate is not None
    if low is None or high is None:
        return words["open"].format(fixed(estimate, 3))
    if estimate == low == high == 0:
        return words["none"]
    places = decimals((high - low) / 4, 3)
    form = words["zero" if low <= 0 <= high else "number"]
    return form.format(*(fixed(value, places) for value in (estimate, low, high)))
