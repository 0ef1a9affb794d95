r"""A table in LaTeX: booktabs, letters that every engine prints, notes below.

Most tables need ``\usepackage{booktabs}`` only. Longer ones than a page need ``longtable``,
columns of text ``array``, ones too wide for the smallest type ``graphicx``; Chinese needs
``ctex`` and xelatex or lualatex. The first line of a saved file says which.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from spatialsyn.report.tables.layout import Layout, Row, ems, in_lines, text_shares

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "∞": "infty", "→": "rightarrow", "≤": "leq",
    "≥": "geq", "±": "pm",
}  # fmt: skip
LATEX = str.maketrans(
    {
        **{letter: rf"$\{name}$" for letter, name in GREEK.items()},
        **{special: rf"\{special}" for special in "&%$#_{}"},
        "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        # Without T1 fonts these three print as Spanish punctuation and a dash.
        "<": "$<$", ">": "$>$", "|": "$|$",
        "−": "$-$", "×": r"$\times$", "²": "$^2$", "³": "$^3$", "·": r"$\cdot$", "–": "--",
        "—": "---", "…": r"\dots{}", "’": "'", "\n": " ",
    }
)  # fmt: skip
# Points between margins of 25 mm on A4, some of them spared, and letters in a line of notes.
ACROSS, DOWN, NOTE = 455.0, 690.0, 110
# Points of a caption with a line, of the rules with the space around them, above a group, between
# lines of text, and above the notes; whatever the size of the type.
CAPTION, RULES, GROUP, BETWEEN, ABOVE_NOTES = 27.0, 16.0, 5.0, 2.0, 6.0
# Last of the Latin letters with accents.
LATIN, QUOTES = 0x17F, "“”‘’"
# Ems of a line that words which do not fit leave blank.
RAGGED = 1.5
# Lines of a table stand close, also in a manuscript with double spacing and in one with ctex.
CLOSE = r"\linespread{1}"
# Type sizes tried: name, points, leading, space of a column.
SIZES = (
    (r"\small", 9.0, 11.0, 6.0),
    (r"\footnotesize", 8.0, 9.5, 4.0),
    (r"\scriptsize", 7.0, 8.0, 3.0),
)


class Fit(NamedTuple):
    """How a table is fitted to the page."""

    size: str
    space: float
    wide: bool
    long: bool
    notes_apart: bool = False


def latex(table: Layout) -> str:
    """A ``table`` float, or a ``longtable`` where it is longer than a page."""
    table = with_narrow_heads(table)
    size, space, wide, long, notes_apart = _fitted(table)
    settings = [rf"\setlength{{\tabcolsep}}{{{space:g}pt}}"] if space < SIZES[0][-1] else []
    caption = [rf"\caption{{{escaped(table.title)}}}"] if table.title else []
    apart = [r"\setlength{\belowcaptionskip}{5pt}"] if table.title and not long else []
    notes = " ".join(escaped(note) for note in table.notes)
    below = (
        [rf"\par\medskip\noindent\parbox{{\linewidth}}{{{CLOSE}\footnotesize {notes}}}"]
        if notes
        else []
    )
    if long:
        body = _longtable(table, caption)
        return "\n".join([rf"\begingroup{CLOSE}{size}", *settings, *body, *below, r"\endgroup", ""])
    grid = [
        rf"\begin{{tabular}}{_columns(table)}", r"\toprule", *_headers(table), r"\midrule",
        *_lines(table, r" \\"), r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    shown = [r"\resizebox{\linewidth}{!}{%", *grid, "}"] if wide else grid
    start = [r"\begin{table}[htbp]", rf"\centering{CLOSE}{size}", *settings, *apart, *caption]
    end = [r"\end{table}"]
    rest = [*end, *below] if notes_apart else [*below, *end]
    return "\n".join([*start, *shown, *rest, ""])


def tex(table: Layout) -> str:
    """`latex` with a reminder of what it needs."""
    engine = " and \\usepackage{ctex}, with xelatex or lualatex" if _is_chinese(table) else ""
    return f"% needs \\usepackage{{{','.join(packages(table))}}}{engine}\n{latex(table)}"


def packages(table: Layout) -> list[str]:
    """The packages that a table needs."""
    how, text = fitted(table), table.align == "left"
    needed = {"longtable": how.long, "array": text, "graphicx": how.wide and not how.long}
    return ["booktabs", *(name for name, used in needed.items() if used)]


def escaped(words: str) -> str:
    """Escaped; neighbours in math mode, such as a Greek letter and its power, share it."""
    # Two hyphens would print as a dash.
    parts = (part.translate(LATEX) for part in re.split("(?<=-)(?=-)", words))
    quoted = re.sub(r'"([^"]*)"', r"``\1''", "{}".join(parts))
    shared = re.sub(r"(?<!\\)\$\$", "", quoted)
    # One power of two digits, where TeX refuses a power of a power.
    return re.sub(r"(?:\^\d){2,}", lambda powers: f"^{{{powers[0].replace('^', '')}}}", shared)


def _is_chinese(table: Layout) -> bool:
    """Whether there are letters beyond the Latin ones and their quotes, which every engine has."""
    return any(
        ord(letter) > LATIN and letter not in QUOTES
        for row in [*table.headers, *table.rows, Row(table.title, table.notes)]
        for part in map(escaped, (row.label, *row.cells))
        for letter in part
    )


def with_narrow_heads(table: Layout) -> Layout:
    """The same table where it fits the page; else with headers in lines, as wide as its cells.

    Headers with lines in them are printed so.
    """
    if table.align == "left" or not _fitted(table).wide:
        return table
    room = max((ems(cell) for line in table.lines for cell in line[1:]), default=0.0)
    return replace(table, columns=tuple(in_lines(head, room) for head in table.columns))


def fitted(table: Layout) -> Fit:
    """The largest type in which a table fits the page.

    A table that is too long in every type breaks across pages in the first that is narrow
    enough; one that is too wide in every type has its headers in lines, then it is scaled down,
    and where that leaves no room for its notes they follow it.
    """
    return _fitted(with_narrow_heads(table))


def _fitted(table: Layout) -> Fit:
    lines = [*map(table.spread, table.headers), *(line for line in table.lines if any(line[1:]))]
    words = sum(max(map(_widest, column)) for column in zip(*lines, strict=True))
    notes = sum(map(ems, table.notes)) * 2 / NOTE * SIZES[1][2] + ABOVE_NOTES * bool(table.notes)
    narrow = []
    for size, points, leading, space in SIZES:
        across = words * points + 2 * space * len(lines[0])
        shrunk = 1.0 if table.align == "left" else min(1.0, ACROSS / across)
        grid = _height(table, points, leading) * shrunk
        long = grid + notes + CAPTION * bool(table.title) > DOWN
        if shrunk == 1.0 and not long:
            return Fit(size, space, wide=False, long=False)
        narrow += [(size, space)] if shrunk == 1.0 else []
    if narrow:
        return Fit(*narrow[0], wide=False, long=long)
    return Fit(size, space, wide=True, long=False, notes_apart=long)


def _widest(cell: str) -> float:
    return max(map(ems, cell.split("\n")))


def _height(table: Layout, points: float, leading: float) -> float:
    """Points from the first rule to the last."""
    groups = sum(row.kind == "group" for row in table.rows)
    heads = len(table.headers) + max((head.count("\n") for head in table.columns), default=0)
    text = BETWEEN * len(table.rows) if table.align == "left" else 0.0
    lines = _printed_lines(table, points) + heads
    return lines * leading + groups * GROUP + RULES + text


def _printed_lines(table: Layout, points: float) -> float:
    """Lines of the body: text in columns is broken into several."""
    if table.align != "left":
        return len(table.rows)
    room = [share * _room(table) * ACROSS / points - RAGGED
            for share in text_shares(table)]  # fmt: skip
    broken = (max(ceil(ems(cell) / w) for cell, w in zip(line, room, strict=True))
              for line in table.lines)  # fmt: skip
    return sum(max(1, lines) for lines in broken)


def _room(table: Layout) -> float:
    """Share of the line that columns of text have, less the space between them."""
    return 1 - 0.03 * len(table.columns)


def _columns(table: Layout) -> str:
    if table.align != "left":
        return rf"{{@{{}}l{table.align[0] * len(table.columns)}@{{}}}}"
    ragged = [
        rf">{{\raggedright\arraybackslash}}p{{{share * _room(table):.3f}\linewidth}}"
        for share in text_shares(table)
    ]
    return f"{{@{{}}{''.join(ragged)}@{{}}}}"


def _headers(table: Layout) -> list[str]:
    lines = [_line(table, row) + r" \\" for row in table.headers]
    if table.over:
        each = table.each(table.over)
        starts = range(2, len(table.columns) + 2, each)
        ruled = "".join(rf"\cmidrule(lr){{{start}-{start + each - 1}}}" for start in starts)
        lines.insert(1, ruled)
    return lines


def _longtable(table: Layout, caption: list[str]) -> list[str]:
    header = [r"\toprule", *_headers(table), r"\midrule"]
    top = [*(rf"{line} \\" for line in caption), *header, r"\endfirsthead"]
    ends = [*header, r"\endhead", r"\bottomrule", r"\endfoot"]
    start = rf"\begin{{longtable}}{_columns(table)}"
    return [start, *top, *ends, *_lines(table, r" \\*"), r"\end{longtable}"]


def _lines(table: Layout, kept: str) -> list[str]:
    """The rows; `kept` ends a line that must not part from the next."""
    lines: list[str] = []
    following = [*(row.kind for row in table.rows[1:]), ""]
    for row, ruled, after in zip(table.rows, table.ruled, following, strict=True):
        if ruled:
            lines.append(r"\midrule")
        elif row.kind == "group" and lines:
            lines.append(r"\addlinespace")
        elif table.align == "left" and lines:
            lines.append(rf"\addlinespace[{BETWEEN:g}pt]")
        together = row.kind == "group" or after == "below"
        lines.append(_line(table, row) + (kept if together else r" \\"))
    return lines


def _stacked(head: str) -> str:
    """A header, its lines one below the other."""
    lines = r" \\ ".join(_guarded(line) + escaped(line) for line in head.split("\n"))
    return rf"\shortstack{{{lines}}}" if "\n" in head else lines


def _line(table: Layout, row: Row) -> str:
    """The cells of one row, shared ones over the columns they take."""
    if row.kind == "group":
        span = rf"\multicolumn{{{len(table.columns) + 1}}}{{@{{}}l}}"
        return rf"{span}{{\textit{{{escaped(row.label)}}}}}"
    each = table.each(row.cells)
    cells = [_stacked(cell) if row.kind == "header" else escaped(cell) for cell in row.cells]
    if each > 1:
        cells = [rf"\multicolumn{{{each}}}{{c}}{{{cell}}}" for cell in cells]
    return _guarded(row.label) + " & ".join([escaped(row.label), *cells])


def _guarded(line: str) -> str:
    """What keeps a line that begins with [ or * from being an option of the line end above it."""
    return "{}" if line[:1] in ("[", "*") else ""
