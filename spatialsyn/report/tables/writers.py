"""Formats of a table: text, Markdown and HTML; LaTeX, Word and Excel have modules of their own.

All print the same cells; none formats a number. What a format reserves is escaped here
and nowhere else. Files carry no clock: saved twice, a table gives the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from textwrap import fill
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from spatialsyn.cities.writing import destination, written
from spatialsyn.errors import ConfigError
from spatialsyn.report.tables.latex import tex
from spatialsyn.report.tables.layout import Layout, Row, width
from spatialsyn.report.tables.word import word
from spatialsyn.report.tables.workbook import excel

MARKDOWN = str.maketrans(
    {**{special: f"\\{special}" for special in "\\`*_[]|~$"}, "&": "&amp;", "<": "&lt;",
     ">": "&gt;", "\n": " "}
)  # fmt: skip
# Zip entries need a date and office files two more; none of them may be today's.
DATE = (2000, 1, 1, 0, 0, 0)
CLOCK = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def text(table: Layout) -> str:
    """Monospaced lines."""
    rows = [*table.headers, *table.rows]
    widths = _text_widths(table, rows)
    printed = [_text_line(table, row, widths) for row in rows]
    rule, heads = "-" * max(map(width, printed)), len(table.headers)
    head = [table.title] if table.title else []
    notes = [fill(note, max(80, len(rule)), subsequent_indent="  ") for note in table.notes]
    body = [*printed[:heads], rule, *printed[heads:]]
    return "\n".join([*head, rule, *body, rule, *notes])


def _text_widths(table: Layout, rows: Sequence[Row]) -> list[int]:
    """Width of the stub and of every column; a shared cell widens the last it takes."""
    # A group heading may run over the empty cells to its right.
    filled = [row for row in rows if any(row.cells)]
    widths = [max((width(row.label) for row in filled), default=0)] + [0] * len(table.columns)
    for row in sorted(filled, key=lambda row: table.each(row.cells)):
        each = table.each(row.cells)
        for j, cell in enumerate(row.cells):
            last = (j + 1) * each
            room = sum(widths[last - each + 1 : last + 1]) + 2 * (each - 1)
            widths[last] += max(0, width(cell) - room)
    return widths


def _text_line(table: Layout, row: Row, widths: Sequence[int]) -> str:
    if row.kind == "group":
        return row.label
    each, parts = table.each(row.cells), [_padded(row.label, widths[0], left=True)]
    for j, cell in enumerate(row.cells):
        room = sum(widths[j * each + 1 : (j + 1) * each + 1]) + 2 * (each - 1)
        shared = each > 1
        before = (room - width(cell)) // 2 if shared else 0
        words = _padded(" " * before + cell, room, left=True) if shared else cell
        parts.append(_padded(words, room, left=table.align == "left"))
    return "  ".join(parts).rstrip()


def markdown(table: Layout) -> str:
    """A pipe table with its notes."""

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    def escaped(cells: Iterable[str]) -> list[str]:
        return [cell.translate(MARKDOWN) for cell in cells]

    rows = []
    for row, cells in zip(table.rows, map(escaped, table.lines), strict=True):
        rows.append(line([f"*{cells[0]}*", *cells[1:]] if row.kind == "group" else cells))
    head = [f"**{table.title.translate(MARKDOWN)}**", ""] if table.title else []
    over = [cell for cell in table.over for _ in range(table.each(table.over))]
    columns = [" ".join(parts) for parts in zip(over, table.columns, strict=True)] if over else []
    header = line(escaped((table.stub, *(columns or table.columns))))
    side = {"center": ":-:", "right": "--:", "left": ":--"}[table.align]
    rule = line([":--", *[side] * len(table.columns)])
    notes = [f"{note}  " for note in escaped(table.notes)]
    return "\n".join([*head, header, rule, *rows, "", *notes]).rstrip() + "\n"


def html(table: Layout) -> str:
    """A fragment that needs no style sheet and loads nothing."""
    rule, thin = "1.5px solid currentColor", "0.75px solid currentColor"
    wrap = "normal" if table.align == "left" else "nowrap"
    side = f"text-align:{table.align};padding:0 0.7em;white-space:{wrap};vertical-align:top"

    def cell(words: str, each: int, name: str, style: str) -> str:
        span = f' colspan="{each}"' if each > 1 else ""
        return f'<{name}{span} style="{style}">{escape(words)}</{name.split()[0]}>'

    def line(row: Row, style: str) -> str:
        label = escape(row.label)
        if row.kind == "group":
            span = len(table.columns) + 1
            style += "text-align:left;padding-top:0.4em;font-style:italic;font-weight:normal"
            return f'<tr><th scope="rowgroup" colspan="{span}" style="{style}">{label}</th></tr>'
        stub = f"{style}text-align:left;padding:0 0.7em 0 0;font-weight:normal;vertical-align:top"
        shared = "" if table.each(row.cells) == 1 else ";text-align:center"
        cells = [cell(c, table.each(row.cells), "td", style + side + shared) for c in row.cells]
        return f'<tr><th scope="row" style="{stub}">{label}</th>{"".join(cells)}</tr>'

    def header(row: Row) -> str:
        each, last = table.each(row.cells), row.kind == "header"
        below = f"border-bottom:{thin}"
        style = f"{side};{'' if last else 'text-align:center;'}{below}"
        cells = [cell(c, each, f'th scope="{"col" if last else "colgroup"}"', style)
                 for c in row.cells]  # fmt: skip
        stub = f"text-align:left;{below if last else ''}"
        return f'<tr><th scope="col" style="{stub}">{escape(row.label)}</th>{"".join(cells)}</tr>'

    body = [
        line(row, f"border-top:{thin};" if ruled else "")
        for row, ruled in zip(table.rows, table.ruled, strict=True)
    ]
    title = f'<caption style="text-align:left">{escape(table.title)}</caption>\n'
    notes = "<br>\n".join(escape(note) for note in table.notes)
    language = ' lang="zh-CN"' if table.language == "zh" else ""
    return (
        f'<div class="spatialsyn-table"{language}>\n'
        f'<table style="border-collapse:collapse;border-top:{rule};border-bottom:{rule}">\n'
        f"{title if table.title else ''}<thead>"
        f"{''.join(map(header, table.headers))}</thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody>\n</table>\n"
        f'<p style="font-size:90%;margin-top:0.4em">{notes}</p>\n</div>\n'
    )


def csv(table: Layout) -> str:
    """The numbers behind the table, tidy, every digit kept."""
    return str(table.frame.to_csv(index=False, lineterminator="\n"))


def page(table: Layout) -> str:
    """`html` as a document of its own, so that a browser reads it as UTF-8."""
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if table.language == "zh" else "en"}">\n'
        f'<head><meta charset="utf-8"><title>{escape(table.title)}</title>'
        f"</head>\n<body>\n{html(table)}</body>\n</html>\n"
    )


FORMATS: dict[str, Callable[[Layout], str | bytes]] = {
    ".tex": tex,
    ".docx": lambda table: _without_clock(word(table)),
    ".html": page,
    ".md": markdown,
    ".csv": csv,
    ".xlsx": lambda table: _without_clock(excel(table)),
}


def save(table: Layout, path: str | os.PathLike[str]) -> Path:
    """Write `table` in the format its suffix names; the file is complete or absent."""
    path = destination(path)
    write = FORMATS.get(path.suffix.lower())
    if write is None:
        raise ConfigError(
            f"cannot save a table as {path.name!r}: the suffix {path.suffix!r} names no format. "
            f"Use one of {', '.join(FORMATS)}."
        )
    made = write(table)
    return written(path, made if isinstance(made, bytes) else made.encode("utf-8"))


def _without_clock(archive: bytes) -> bytes:
    """The same zip file with every date the same."""
    stream = BytesIO()
    with ZipFile(BytesIO(archive)) as old, ZipFile(stream, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = CLOCK.sub(rb"\g<1>2000-01-01T00:00:00Z", content)
            new.writestr(ZipInfo(name, DATE), content, ZIP_DEFLATED)
    return stream.getvalue()


def _padded(words: str, size: int, left: bool = False) -> str:
    blank = " " * max(0, size - width(words))
    return words + blank if left else blank + words
