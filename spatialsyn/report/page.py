"""One self-contained page: the answer, the figures, the tables; it opens without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import Environment

HEADINGS = {
    "en": {
        "study_area": "Study area",
        "effects": "Effects",
        "blocks": "Effects from block to block",
        "emitted_received": "Effects emitted and received by each city",
        "descriptives": "Descriptive statistics",
        "weights": "Weights matrices",
        "main": "Main model",
        "models": "Models side by side",
        "cities": "Effects city by city",
        "sweep": "Other weights and fixed effects",
        "grid": "Every specification of the grid",
        "specifications_direct": "Specification curve: direct effect",
        "specifications_indirect": "Specification curve: indirect effect",
        "specifications_total": "Specification curve: total effect",
        "equations": "Equations",
    },
    "zh": {
        "study_area": "研究区域",
        "effects": "效应",
        "blocks": "区域间效应",
        "emitted_received": "各城市的溢出与接收效应",
        "descriptives": "描述性统计",
        "weights": "空间权重矩阵",
        "main": "主模型",
        "models": "模型比较",
        "cities": "分城市效应",
        "sweep": "其他权重与固定效应",
        "grid": "全部模型设定",
        "specifications_direct": "设定曲线：直接效应",
        "specifications_indirect": "设定曲线：间接效应",
        "specifications_total": "设定曲线：总效应",
        "equations": "模型方程",
    },
}
TEMPLATE = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 Georgia, "Noto Serif SC", serif; color: #222; max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
h2 { border-bottom: 1px solid #bbb; padding-bottom: .2rem; }
.answer { background: #f4f6f8; border-left: 4px solid #33658a; padding: .6rem 1rem; }
.caution { color: #444; font-size: .95rem; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .9rem; }
.scroll { overflow-x: auto; } code { font-size: .85rem; }
nav a { margin-right: 1rem; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<nav>{% for key in pictures %}<a href="#figure-{{ key }}">{{ heading(key) }}</a>
{% endfor %}{% for key in tables %}<a href="#table-{{ key }}">{{ heading(key) }}</a>
{% endfor %}</nav>
<div class="answer">{% for sentence in answer %}<p>{{ sentence }}</p>{% endfor %}</div>
<ul class="caution">{% for sentence in cautions %}<li>{{ sentence }}</li>{% endfor %}</ul>
{% for key, picture in pictures.items() %}
<figure id="figure-{{ key }}">
<img alt="{{ heading(key) }}" src="data:image/png;base64,{{ picture }}">
<figcaption>{{ heading(key) }}: figures/{{ key }}.pdf</figcaption>
</figure>
{% endfor %}
{% for key, table in tables.items() %}
<h2 id="table-{{ key }}">{{ heading(key) }}</h2>
<div class="scroll">{{ table | safe }}</div>
{% endfor %}
<h2>{{ heading("equations") }}</h2>
<ul>{% for name, equation in equations.items() %}<li>{{ name }}: <code>{{ equation }}</code></li>
{% endfor %}</ul>
</body>
</html>
"""


def page(
    title: str,
    answer: Sequence[str],
    cautions: Sequence[str],
    equations: Mapping[str, str],
    tables: Mapping[str, str],
    pictures: Mapping[str, str],
    language: str = "en",
) -> str:
    """The page as text.

    Parameters
    ----------
    tables : name -> HTML fragment, already escaped (`Table.to_html`)
    pictures : name -> base64 of a png
    """

    def heading(key: str) -> str:
        kind, _, name = key.partition("weights_")
        if name:
            return f"{HEADINGS[language]['weights']}: {name}"
        return HEADINGS[language].get(kind, kind)

    template = Environment(autoescape=True).from_string(TEMPLATE)
    return template.render(
        title=title,
        answer=answer,
        cautions=cautions,
        equations=equations,
        tables=tables,
        pictures=pictures,
        language=language,
        heading=heading,
    )
