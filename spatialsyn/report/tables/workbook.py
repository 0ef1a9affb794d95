"""A table as an Excel workbook: a sheet as printed, and a sheet with its numbers."""

from __future__ import annotations

from io import BytesIO
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd

from spatialsyn.report.tables.layout import Layout, width

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

# Characters of the default type between the edges of a column and its words; of a wide column.
AIR, WIDEST = 2, 60
# Characters of a number: sign, sixteen digits and an exponent are shown in fewer.
NUMBER = 12
# The default type, and points of a line of it.
BODY, LINE = "Calibri", 15.0


def excel(table: Layout) -> bytes:
    """A workbook: the table as printed, and its numbers to the sixteen digits Excel keeps."""
    blank = ("",) * len(table.columns)
    above = [(table.title, *blank)] if table.title else []
    heads = [table.spread(row) for row in table.headers]
    notes = [(note, *blank) for note in table.notes]
    stream = BytesIO()
    with pd.ExcelWriter(stream, engine="openpyxl") as book:
        printed = pd.DataFrame([*above, *heads, *table.lines, *notes])
        printed.to_excel(book, sheet_name="table", header=False, index=False)
        table.frame.to_excel(book, sheet_name="numbers", index=False)
        for sheet in book.sheets.values():
            for cell in (cell for line in sheet.iter_rows() for cell in line):
                # A city named "=1+1" is a name, not a formula, and one named "#N/A" no error.
                if cell.data_type in ("f", "e"):
                    cell.data_type = "s"
        _dress(book.sheets["table"], table, len(above))
        _widen(book.sheets["numbers"])
    return stream.getvalue()


def _dress(sheet: Worksheet, table: Layout, above: int) -> None:
    """Columns as wide as their words, cells aligned, three rules, one page wide when printed."""
    from openpyxl.styles import Alignment, Border, Font, Side
    from openpyxl.worksheet.properties import PageSetupProperties

    rows, heads = [*table.headers, *table.rows], len(table.headers)
    if above:
        sheet["A1"].font = Font(name=BODY, bold=True)
    thick, thin = Side("medium"), Side("thin")
    ruled = [False] * heads + table.ruled
    for i, row in enumerate(rows):
        top = thick if i == 0 else thin if ruled[i] or i == heads else None
        border = Border(top=top, bottom=thick if i == len(rows) - 1 else None)
        for j, cell in enumerate(sheet[above + i + 1]):
            cell.border = border
            aligned, text = table.align if j else "left", j > 0 and table.align == "left"
            cell.alignment = Alignment(horizontal=aligned, vertical="top", wrap_text=text)
            if row.kind == "group":
                cell.font = Font(name=BODY, italic=True)
        _share(sheet, above + i + 1, table.each(row.cells), len(row.cells))
    lines = [line for line in map(table.spread, rows) if any(line[1:])]
    widths = [min(WIDEST, max(map(width, column)) + AIR) for column in zip(*lines, strict=True)]
    for letter, size in zip(_letters(sheet), widths, strict=True):
        sheet.column_dimensions[letter].width = size
    for i, row in enumerate(rows if table.align == "left" else []):
        _fold(sheet, above + i + 1, list(zip(table.spread(row), widths, strict=True)))
    for i, note in enumerate(table.notes, start=above + len(rows) + 1):
        sheet.merge_cells(None, i, 1, i, len(widths))
        sheet.cell(i, 1).alignment = Alignment(vertical="top", wrap_text=True)
        _fold(sheet, i, [(note, sum(widths))])
    sheet.page_setup.orientation = "portrait" if len(table.columns) < 7 else "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _fold(sheet: Worksheet, line: int, cells: list[tuple[str, float]]) -> None:
    """Make a line as high as its words need in cells of these widths."""
    needed = max(ceil(width(words) / max(size - AIR, 1)) for words, size in cells)
    sheet.row_dimensions[line].height = LINE * max(1, needed)


def _share(sheet: Worksheet, line: int, each: int, count: int) -> None:
    """Merge the columns that each of `count` cells of a line takes."""
    from openpyxl.styles import Alignment

    for first in range(2, 2 + each * count, each) if each > 1 else ():
        sheet.merge_cells(None, line, first, line, first + each - 1)
        sheet.cell(line, first).alignment = Alignment(horizontal="center", vertical="top")


def _widen(sheet: Worksheet) -> None:
    """Columns as wide as their words, and the names of the columns always in sight."""
    for letter, column in zip(_letters(sheet), sheet.iter_cols(values_only=True), strict=False):
        widths = [width(value) if isinstance(value, str) else NUMBER
                  for value in column if value is not None]  # fmt: skip
        sheet.column_dimensions[letter].width = min(WIDEST, max(widths, default=0) + AIR)
    sheet.freeze_panes = "A2"


def _letters(sheet: Worksheet) -> list[str]:
    from openpyxl.utils import get_column_letter

    return [get_column_letter(i + 1) for i in range(sheet.max_column)]
