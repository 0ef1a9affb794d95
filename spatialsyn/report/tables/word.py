"""A table as a Word document: three rules, a header that repeats, Times at ten points."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from spatialsyn.report.tables.layout import Layout, Row, ems, text_shares

# Centimetres: what fits between the margins of A4, a point, and the air of a cell.
UPRIGHT, ACROSS = 16.0, 24.7
POINT, AIR = 2.54 / 72, 0.45
# Type sizes tried before the page is turned, and before words are broken.
SIZES = (10.0, 9.0, 8.0, 7.0)
# How much wider than its words a column becomes where the line has room.
SPARE = 1.3
# Type size of tables of text.
TEXT = 9.0
SONG = "SimSun"
# Space before and after a line, in points.
EDGES = {"group": (3, 0), "over": (2, 1), "header": (2, 2), "below": (0, 1)}
# Space before a line that stands under a rule.
UNDER_RULE = 3


def word(table: Layout) -> bytes:
    """A Word document: title, three-line table with a repeated header, notes."""
    from docx import Document
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    document = Document()
    points, widths = _sizes(table)
    _page(document, points, wide=sum(widths) > UPRIGHT)
    document.core_properties.title, document.core_properties.author = table.title[:255], ""
    document.core_properties.comments = ""
    if table.title:
        title = document.add_paragraph()
        title.alignment = WD_ALIGN_PARAGRAPH.CENTER
        title.add_run(table.title).bold = True
        title.paragraph_format.space_after, title.paragraph_format.keep_with_next = Pt(4), True
    _word_grid(document, table, widths)
    for i, note in enumerate(table.notes):
        paragraph = document.add_paragraph()
        paragraph.add_run(note).font.size = Pt(min(9.0, points))
        paragraph.paragraph_format.space_before = Pt(4 if i == 0 else 0)
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


def _page(document: Any, points: float, wide: bool) -> None:
    """A4 with 2.5 cm margins; Times for Latin letters, Song for Chinese ones."""
    from docx.enum.section import WD_ORIENT
    from docx.oxml.ns import qn
    from docx.shared import Cm, Pt

    section = document.sections[0]
    size = (Cm(29.7), Cm(21.0)) if wide else (Cm(21.0), Cm(29.7))
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = size
    for margin in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, margin, Cm(2.5))
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(points)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), SONG)
    # Ideographs are Chinese: where Song is missing they would be in a Japanese font.
    for spoken in document.styles.element.iter(qn("w:lang")):
        spoken.set(qn("w:eastAsia"), "zh-CN")
    normal.paragraph_format.space_before = normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.line_spacing = 1.0


def _word_grid(document: Any, table: Layout, widths: list[float]) -> None:
    """The cells, ruled above and below the header, above the foot, and at the end."""
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.oxml import OxmlElement
    from docx.shared import Cm, Pt

    heads = len(table.headers)
    rows = [*table.headers, *table.rows]
    grid = document.add_table(len(rows), len(table.columns) + 1)
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for column, centimetres in zip(grid.columns, widths, strict=True):
        column.width = Cm(centimetres)
    ruled = [False] * heads + table.ruled
    following = [row.kind for row in rows[1:]] + ["end"]
    for i, (row, line) in enumerate(zip(rows, grid.rows, strict=True)):
        # Neither a standard error nor a first entry may part from the line above it.
        together = following[i] == "below" or row.kind in ("over", "header", "group")
        for cell, centimetres in zip(line.cells, widths, strict=True):
            cell.width = Cm(centimetres)
        for j, (cell, words) in enumerate(_merged(table, row, line.cells)):
            shared = j > 0 and table.each(row.cells) > 1
            align = "left" if j == 0 else "center" if shared else table.align
            _word_cell(cell, words, align, row.kind, together)
            if i == heads or ruled[i]:
                cell.paragraphs[0].paragraph_format.space_before = Pt(UNDER_RULE)
        top = 12 if i == 0 else 4 if ruled[i] else 0
        bottom = 4 if i == heads - 1 else 12 if i == len(rows) - 1 else 0
        for j, element in enumerate(line._tr.tc_lst):
            under = 4 if row.kind == "over" and j > 0 else bottom
            _word_rule(element, {"top": top, "bottom": under})
        properties = line._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if i < heads:
            properties.append(OxmlElement("w:tblHeader"))


def _merged(table: Layout, row: Row, cells: Sequence[Any]) -> list[tuple[Any, str]]:
    """The cells of a line with their words; a heading has one, shared cells are merged."""
    if row.kind == "group":
        return [(cells[0].merge(cells[-1]), row.label)]
    each, made = table.each(row.cells), [(cells[0], row.label)]
    for j, words in enumerate(row.cells):
        first, last = cells[j * each + 1], cells[(j + 1) * each]
        made.append((first.merge(last) if each > 1 else first, words))
    return made


def _sizes(table: Layout) -> tuple[float, list[float]]:
    """Type size and the centimetres of each column: as wide as its words where they fit.

    The type becomes smaller before the page is turned, and columns of text share what is
    left of the line.
    """
    lines = [*map(table.spread, table.headers), *(line for line in table.lines if any(line[1:]))]
    words = [max(map(ems, column)) for column in zip(*lines, strict=True)]
    if table.align == "left":
        return TEXT, [share * UPRIGHT for share in text_shares(table)]
    for limit in (UPRIGHT, ACROSS):
        for points in SIZES:
            widths = [size * points * POINT + AIR for size in words]
            if sum(widths) <= limit:
                # Where Times is missing its stand-in may be a quarter wider.
                room = min(SPARE, limit / sum(widths))
                return points, [size * room for size in widths]
    return points, _squeezed(lines, points)


def _squeezed(lines: Sequence[Sequence[str]], points: float) -> list[float]:
    """Centimetres of columns that together are wider than the page: broken between words.

    Each has room for its longest word, and they share what is left by what else they lack.
    """
    columns = [
        (max(map(ems, column)), max(ems(word) for cell in column for word in cell.split() or [""]))
        for column in zip(*lines, strict=True)
    ]
    least = [word * points * POINT + AIR for _, word in columns]
    lack = [(whole - word) * points * POINT for whole, word in columns]
    if sum(least) >= ACROSS or not sum(lack):
        return [size * ACROSS / sum(least) for size in least]
    return [size + (ACROSS - sum(least)) * more / sum(lack)
            for size, more in zip(least, lack, strict=True)]  # fmt: skip


def _word_cell(cell: Any, words: str, align: str, kind: str, together: bool) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    paragraph.paragraph_format.keep_with_next = together
    edge = EDGES.get(kind, (0, 2 if align == "left" else 0.5))
    paragraph.paragraph_format.space_before, paragraph.paragraph_format.space_after = map(Pt, edge)
    paragraph.add_run(words).italic = kind == "group"


def _word_rule(cell: Any, edges: dict[str, int]) -> None:
    """Lines of a cell, in eighths of a point; zero draws none."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders = OxmlElement("w:tcBorders")
    for edge, size in edges.items():
        if size:
            line = OxmlElement(f"w:{edge}")
            for key, value in (("val", "single"), ("sz", str(size)), ("color", "000000")):
                line.set(qn(f"w:{key}"), value)
            borders.append(line)
    cell.get_or_add_tcPr().append(borders)
