"""A table as a Word document: three rules, a header that repeats, Times at ten points."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from spatialsyn.report.layout import Layout, Row, width

# Centimetres: what fits between the margins of A4, a letter at 10 points, the air of a cell.
UPRIGHT, ACROSS = 16.0, 24.7
LETTER, AIR = 0.168, 0.4


def word(table: Layout) -> bytes:
    """A Word document: title, three-line table with a repeated header, notes."""
    from docx import Document
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    document = Document()
    widths = _widths(table)
    _page(document, wide=sum(widths) > UPRIGHT)
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
        paragraph.add_run(note).font.size = Pt(9)
        paragraph.paragraph_format.space_before = Pt(4 if i == 0 else 0)
    stream = BytesIO()
    document.save(stream)
    return stream.getvalue()


def _page(document: Any, wide: bool) -> None:
    """A4 with 2.5 cm margins, and Times at 10 points for Latin and Chinese letters alike."""
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
    normal.font.name, normal.font.size = "Times New Roman", Pt(10)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), "SimSun")
    normal.paragraph_format.space_before = normal.paragraph_format.space_after = Pt(0)
    normal.paragraph_format.line_spacing = 1.0


def _word_grid(document: Any, table: Layout, widths: list[float]) -> None:
    """The cells, ruled above and below the header, above the foot, and at the end."""
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.oxml import OxmlElement
    from docx.shared import Cm

    size = len(table.columns) + 1
    grid = document.add_table(len(table.rows) + 1, size)
    grid.alignment, grid.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    for column, centimetres in zip(grid.columns, widths, strict=True):
        column.width = Cm(centimetres)
    header = Row(table.stub, table.columns, "header")
    ruled = [False, *table.ruled]
    following = [row.kind for row in table.rows] + ["end"]
    for i, (row, line) in enumerate(zip((header, *table.rows), grid.rows, strict=True)):
        # Neither a standard error nor a first entry may part from the line above it.
        together = following[i] == "below" or row.kind in ("header", "group")
        cells = line.cells
        if row.kind == "group":
            cells[0].merge(cells[-1])
            cells = cells[:1]
        for j, (cell, words) in enumerate(zip(cells, (row.label, *row.cells), strict=True)):
            _word_cell(cell, words, table.align if j else "left", row.kind, together)
        for j, cell in enumerate(line.cells):
            cell.width = Cm(sum(widths) if row.kind == "group" else widths[j])
        for element in line._tr.tc_lst:
            edges = {"top": 12 if i == 0 else 4 if ruled[i] else 0}
            edges["bottom"] = 4 if i == 0 else 12 if i == len(table.rows) else 0
            _word_rule(element, edges)
        properties = line._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if i == 0:
            properties.append(OxmlElement("w:tblHeader"))


def _widths(table: Layout) -> list[float]:
    """Centimetres of each column, as wide as its words; narrower where the page ends."""
    lines = [(table.stub, *table.columns), *(line for line in table.lines if any(line[1:]))]
    widths = [max(map(width, column)) * LETTER + AIR for column in zip(*lines, strict=True)]
    return [size * min(1.0, ACROSS / sum(widths)) for size in widths]


def _word_cell(cell: Any, words: str, align: str, kind: str, together: bool) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    paragraph.paragraph_format.keep_with_next = together
    edge = {"group": (3, 0), "header": (2, 2), "below": (0, 1)}.get(kind, (0, 0.5))
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
