r"""A table in LaTeX: booktabs, letters that every engine prints, notes below.

Most tables need ``\usepackage{booktabs}`` only. Longer ones than a page need ``longtable``,
columns of text ``array``, ones too wide for the smallest type ``graphicx``; Chinese needs
``ctex`` and xelatex or lualatex. The first line of a saved file says which.
"""

from __future__ import annotations

import re

from spatialsyn.report.layout import Layout, Row, ems, text_shares

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
# More lines than this do not fit an A4 page beside the caption; letters in a line of notes.
ONE_PAGE, NOTE = 52, 110
# Points between the margins of A4, and the type sizes tried: name, points, space of a column.
ACROSS = 455.0
SIZES = ((r"\small", 9.0, 6.0), (r"\footnotesize", 8.0, 4.0), (r"\scriptsize", 7.0, 3.0))


def latex(table: Layout) -> str:
    """A ``table`` float, or a ``longtable`` where it is longer than a page."""
    size, space, wide = _size(table)
    settings = [rf"\setlength{{\tabcolsep}}{{{space:g}pt}}"] if space < SIZES[0][2] else []
    caption = [rf"\caption{{{escaped(table.title)}}}"] if table.title else []
    notes = " ".join(escaped(note) for note in table.notes)
    below = (
        [rf"\par\medskip\noindent\parbox{{\linewidth}}{{\footnotesize {notes}}}"] if notes else []
    )
    if is_long(table):
        body = _longtable(table, caption)
        return "\n".join([rf"\begingroup{size}", *settings, *body, *below, r"\endgroup", ""])
    grid = [
        rf"\begin{{tabular}}{_columns(table)}", r"\toprule", *_headers(table), r"\midrule",
        *_lines(table, r" \\"), r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    fitted = [r"\resizebox{\linewidth}{!}{%", *grid, "}"] if wide else grid
    start = [r"\begin{table}[htbp]", rf"\centering{size}", *settings, *caption]
    return "\n".join([*start, *fitted, *below, r"\end{table}", ""])


def tex(table: Layout) -> str:
    """`latex` with a reminder of what it needs."""
    engine = " and \\usepackage{ctex}, with xelatex or lualatex" if _is_chinese(table) else ""
    return f"% needs \\usepackage{{{','.join(packages(table))}}}{engine}\n{latex(table)}"


def packages(table: Layout) -> list[str]:
    """The packages that a table needs."""
    long, wide = is_long(table), _size(table)[2]
    needed = {"longtable": long, "array": table.align == "left", "graphicx": wide and not long}
    return ["booktabs", *(name for name, used in needed.items() if used)]


def is_long(table: Layout) -> bool:
    """Whether a table and its notes are longer than a page."""
    return len(table.rows) + sum(map(len, table.notes)) / NOTE > ONE_PAGE


def escaped(words: str) -> str:
    """Escaped; neighbours in math mode, such as a Greek letter and its power, share it."""
    return re.sub(r"(?<!\\)\$\$", "", words.translate(LATEX))


def _is_chinese(table: Layout) -> bool:
    return not all(
        part.isascii()
        for row in [*table.headers, *table.rows, Row(table.title, table.notes)]
        for part in map(escaped, (row.label, *row.cells))
    )


def _size(table: Layout) -> tuple[str, float, bool]:
    """Type size, space of a column, and whether even the smallest is too wide."""
    lines = [*map(table.spread, table.headers), *(line for line in table.lines if any(line[1:]))]
    words = sum(max(map(ems, column)) for column in zip(*lines, strict=True))
    for size, points, space in SIZES:
        if table.align == "left" or words * points + 2 * space * len(lines[0]) <= ACROSS:
            return size, space, False
    return size, space, True


def _columns(table: Layout) -> str:
    if table.align != "left":
        return rf"{{@{{}}l{table.align[0] * len(table.columns)}@{{}}}}"
    room = 1 - 0.03 * len(table.columns)
    ragged = [
        rf">{{\raggedright\arraybackslash}}p{{{share * room:.3f}\linewidth}}"
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
        together = row.kind == "group" or after == "below"
        lines.append(_line(table, row) + (kept if together else r" \\"))
    return lines


def _line(table: Layout, row: Row) -> str:
    """The cells of one row, shared ones over the columns they take."""
    if row.kind == "group":
        span = rf"\multicolumn{{{len(table.columns) + 1}}}{{@{{}}l}}"
        return rf"{span}{{\textit{{{escaped(row.label)}}}}}"
    each = table.each(row.cells)
    cells = [escaped(cell) for cell in row.cells]
    if each > 1:
        cells = [rf"\multicolumn{{{each}}}{{c}}{{{cell}}}" for cell in cells]
    # A line that begins with [ or * would be read as an option of the \\ above it.
    guard = "{}" if row.label[:1] in ("[", "*") else ""
    return guard + " & ".join([escaped(row.label), *cells])
