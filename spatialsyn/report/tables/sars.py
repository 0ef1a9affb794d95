"""Which of Hong Kong and Macao are behind the numbers, for the notes of every table.

Their statistics are defined otherwise than those of the mainland's cities: maps show them,
models leave them out unless the table has them, and captions say which.
"""

from __future__ import annotations

from spatialsyn.cities.panel import CityPanel

NAMES = {
    "810000": {"en": "Hong Kong", "zh": "香港"},
    "820000": {"en": "Macao", "zh": "澳门"},
}
ABSENT = {
    "en": "Drawn on maps and not among the cities: {} (their statistics are not comparable).",
    "zh": "仅在地图中绘出、不在样本中：{}（统计口径不可比）。",
}
PRESENT = {
    "en": "Among the cities, with statistics defined otherwise: {}.",
    "zh": "样本包含统计口径不同的：{}。",
}


def sars(panel: CityPanel, language: str = "en") -> str:
    """What a caption says of them; empty where neither polygons nor table have them."""
    context = panel.context
    drawn = set() if context is None else {str(i) for i in context.index}
    inside = {str(i) for i in panel.ids}
    said = []
    for text, ids in ((ABSENT, drawn - inside), (PRESENT, inside)):
        names = [name[language] for code, name in NAMES.items() if code in ids]
        if names:
            said.append(text[language].format({"en": ", ", "zh": "、"}[language].join(names)))
    return " ".join(said)
