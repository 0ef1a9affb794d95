"""Formats of a table: text, Markdown, HTML, LaTeX, Word and Excel.

All print the same cells; none formats a number. What a format reserves is escaped here
and nowhere else. Files carry no clock: saved twice, a table gives the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from html import escape
from io import BytesIO
from pathlib import Path
from textwrap import fill
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd

from spatialsyn.errors import ConfigError
from spatialsyn.report.layout import Layout, Row, width
from spatialsyn.report.word import word

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
LATEX = str.maketrans(
    {
        **{letter: rf"$\{name}$" for letter, name in GREEK.items()},
        **{special: rf"\{special}" for special in "&%$#_{}"},
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        # Without T1 fonts these three print as Spanish punctuation and a dash.
        "<": "$<$", ">": "$>$", "|": "$|$",
        "−": "$-$", "×": r"$\times$", "²": "$^2$", "–": "--", "…": r"\dots{}", "\n": " ",
    }
)  # fmt: skip
MARKDOWN = str.maketrans(
    {**{special: f"\\{special}" for special in "\\`*_[]|~$"}, "&": "&amp;", "<": "&lt;",
     ">": "&gt;", "\n": " "}
)  # fmt: skip
# More lines than this do not fit an A4 page beside caption and notes.
ONE_PAGE = 50
# Zip entries need a date and office files two more; none of them may be today's.
DATE = (2000, 1, 1, 0, 0, 0)
CLOCK = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def text(table: Layout) -> str:
    """Monospaced lines."""
    header = (table.stub, *table.columns)
    # A group heading may run over the empty cells to its right.
    aligned = [header, *(line for line in table.lines if any(line[1:]))]
    widths = [max(map(width, column)) for column in zip(*aligned, strict=True)]
    printed = [
        "  ".join(
            [_padded(line[0], widths[0], left=True)]
            + [_padded(cell, size) for cell, size in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in (header, *table.lines)
    ]
    rule = "-" * max(map(width, printed))
    head = [table.title] if table.title else []
    notes = [fill(note, max(80, len(rule)), subsequent_indent="  ") for note in table.notes]
    return "\n".join([*head, rule, printed[0], rule, *printed[1:], rule, *notes])


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
    header = line(escaped((table.stub, *table.columns)))
    side = ":-:" if table.align == "center" else "--:"
    rule = line([":--", *[side] * len(table.columns)])
    notes = [f"{note}  " for note in escaped(table.notes)]
    return "\n".join([*head, header, rule, *rows, "", *notes]).rstrip() + "\n"


def html(table: Layout) -> str:
    """A fragment that needs no style sheet and loads nothing."""
    rule, thin = "1.5px solid currentColor", "0.75px solid currentColor"
    side = f"text-align:{table.align};padding:0 0.7em;white-space:nowrap"

    def line(row: Row, style: str) -> str:
        label = escape(row.label)
        if row.kind == "group":
            span = len(table.columns) + 1
            style += "text-align:left;padding-top:0.4em;font-style:italic;font-weight:normal"
            return f'<tr><th scope="rowgroup" colspan="{span}" style="{style}">{label}</th></tr>'
        stub = f"{style}text-align:left;padding:0 0.7em 0 0;font-weight:normal"
        cells = "".join(f'<td style="{style}{side}">{escape(cell)}</td>' for cell in row.cells)
        return f'<tr><th scope="row" style="{stub}">{label}</th>{cells}</tr>'

    head = "".join(
        f'<th scope="col" style="{side};border-bottom:{thin}">{escape(cell)}</th>'
        for cell in table.columns
    )
    body = [
        line(row, f"border-top:{thin};" if ruled else "")
        for row, ruled in zip(table.rows, table.ruled, strict=True)
    ]
    title = f'<caption style="text-align:left">{escape(table.title)}</caption>\n'
    notes = "<br>\n".join(escape(note) for note in table.notes)
    return (
        '<div class="spatialsyn-table">\n'
        f'<table style="border-collapse:collapse;border-top:{rule};border-bottom:{rule}">\n'
        f"{title if table.title else ''}<thead><tr>"
        f'<th scope="col" style="text-align:left;border-bottom:{thin}">{escape(table.stub)}</th>'
        f"{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>\n</table>\n"
        f'<p style="font-size:90%;margin-top:0.4em">{notes}</p>\n</div>\n'
    )


def latex(table: Layout) -> str:
    r"""A ``table`` float that needs ``\usepackage{booktabs}`` and nothing else.

    A table longer than a page becomes a ``longtable``, which needs the package of that name.
    """
    long = len(table.rows) > ONE_PAGE
    columns = rf"{{@{{}}l{table.align[0] * len(table.columns)}@{{}}}}"
    head = " & ".join(_tex(cell) for cell in (table.stub, *table.columns)) + r" \\"
    caption = [rf"\caption{{{_tex(table.title)}}}"] if table.title else []
    lines = _latex_lines(table, r" \\*" if long else r" \\")
    notes = " ".join(_tex(note) for note in table.notes)
    below = (
        [rf"\par\medskip\noindent\parbox{{\linewidth}}{{\footnotesize {notes}}}"] if notes else []
    )
    if long:
        header = [r"\toprule", head, r"\midrule"]
        top = [*(rf"{line} \\" for line in caption), *header, r"\endfirsthead"]
        ends = [*header, r"\endhead", r"\bottomrule", r"\endfoot"]
        body = [rf"\begin{{longtable}}{columns}", *top, *ends, *lines, r"\end{longtable}"]
        return "\n".join([r"\begingroup\small", *body, *below, r"\endgroup", ""])
    grid = [r"\toprule", head, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}", *below]
    start = [r"\begin{table}[htbp]", r"\centering\small", *caption]
    return "\n".join([*start, rf"\begin{{tabular}}{columns}", *grid, r"\end{table}", ""])


def _latex_lines(table: Layout, kept: str) -> list[str]:
    """The rows; `kept` ends a line that must not part from the next."""
    lines: list[str] = []
    following = [*(row.kind for row in table.rows[1:]), ""]
    for row, ruled, after in zip(table.rows, table.ruled, following, strict=True):
        if ruled:
            lines.append(r"\midrule")
        elif row.kind == "group" and lines:
            lines.append(r"\addlinespace")
        if row.kind == "group":
            span = rf"\multicolumn{{{len(table.columns) + 1}}}{{@{{}}l}}"
            lines.append(rf"{span}{{\textit{{{_tex(row.label)}}}}}{kept}")
        else:
            # A line that begins with [ or * would be read as an option of the \\ above it.
            guard = "{}" if row.label[:1] in ("[", "*") else ""
            cells = " & ".join(map(_tex, (row.label, *row.cells)))
            lines.append(guard + cells + (kept if after == "below" else r" \\"))
    return lines


def excel(table: Layout) -> bytes:
    """A workbook: the table as printed, and its numbers to the sixteen digits Excel keeps."""
    blank = ("",) * len(table.columns)
    lines = [*table.lines, *((note, *blank) for note in table.notes)]
    stream = BytesIO()
    with pd.ExcelWriter(stream, engine="openpyxl") as book:
        printed = pd.DataFrame([(table.stub, *table.columns), *lines])
        printed.to_excel(book, sheet_name="table", header=False, index=False)
        table.frame.to_excel(book, sheet_name="numbers", index=False)
        for sheet in book.sheets.values():
            for cell in (cell for line in sheet.iter_rows() for cell in line):
                # A city named "=1+1" is a name, not a formula.
                if cell.data_type == "f":
                    cell.data_type = "s"
    return _without_clock(stream.getvalue())


def csv(table: Layout) -> str:
    """The numbers behind the table, tidy, every digit kept."""
    return str(table.frame.to_csv(index=False, lineterminator="\n"))


def page(table: Layout) -> str:
    """`html` as a document of its own, so that a browser reads it as UTF-8."""
    return (
        f'<!doctype html>\n<html>\n<head><meta charset="utf-8"><title>{escape(table.title)}</title>'
        f"</head>\n<body>\n{html(table)}</body>\n</html>\n"
    )


def tex(table: Layout) -> str:
    """`latex` with a reminder of what it needs."""
    packages = "booktabs,longtable" if len(table.rows) > ONE_PAGE else "booktabs"
    return f"% needs \\usepackage{{{packages}}}\n{latex(table)}"


def _word(table: Layout) -> bytes:
    return _without_clock(word(table))


FORMATS: dict[str, Callable[[Layout], str | bytes]] = {
    ".tex": tex, ".docx": _word, ".html": page, ".md": markdown, ".csv": csv, ".xlsx": excel,
}  # fmt: skip


def save(table: Layout, path: str | os.PathLike[str]) -> Path:
    """Write `table` in the format its suffix names; the file is complete or absent."""
    path = Path(path)
    write = FORMATS.get(path.suffix.lower())
    if write is None:
        raise ConfigError(
            f"cannot save a table as {path.name!r}: the suffix {path.suffix!r} names no format. "
            f"Use one of {', '.join(FORMATS)}."
        )
    if not path.parent.is_dir():
        raise ConfigError(f"cannot save {path.name!r}: there is no folder {str(path.parent)!r}.")
    made = write(table)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(made if isinstance(made, bytes) else made.encode("utf-8"))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path


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


def _tex(words: str) -> str:
    """Escaped; neighbours in math mode, such as a Greek letter and its power, share it."""
    return re.sub(r"(?<!\\)\$\$", "", words.translate(LATEX))


def _padded(words: str, size: int, left: bool = False) -> str:
    blank = " " * max(0, size - width(words))
    return words + blank if left else blank + words
