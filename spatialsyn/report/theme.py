"""How figures look in print: fonts, sizes, widths, and files that never change by themselves.

Every figure is drawn inside `style()`, a context: the settings of the session stay as they
are. Fonts are TrueType in the file (journals refuse Type 3), and a figure that is saved
twice gives the same bytes.
"""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from spatialsyn.cities.writing import destination, written
from spatialsyn.errors import ConfigError, expect
from spatialsyn.report.opaque import opaque
from spatialsyn.report.outlines import truetype
from spatialsyn.report.words import check_language

# Column widths, mm: one column, one and a half, two. The default and Elsevier's; those of others
# are in common use and were not checked against the instructions of a journal.
WIDTHS: dict[str, float] = {"single": 90, "middle": 140, "double": 190}
JOURNALS: dict[str, dict[str, float]] = {
    "elsevier": WIDTHS,
    "springer": {"single": 84, "middle": 129, "double": 174},
    "nature": {"single": 89, "middle": 120, "double": 183},
}
# What a page of A4 has room for, above a caption.
TALLEST_MM = 230.0
MM = 1 / 25.4

LATIN = ("Arial", "Helvetica", "Liberation Sans", "Nimbus Sans", "DejaVu Sans")
CJK = (
    "Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN",
    "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei", "WenQuanYi Micro Hei",
)  # fmt: skip
# Data packages that hold a Chinese font, and the file in each.
FONT_PACKAGES = {"pylopdf_fonts_zh_cn": "NotoSansSC-Regular.otf"}
# Where these files were found: every text asks.
_PACKAGED: dict[tuple[str, str], str] = {}
# The fonts of a text in an svg.
FAMILY = re.compile(
    rb"(style=\"[^\"]*?font(?:-family)?: (?:[^';\"]* )?)('[^';\"]+'(?:, '[^';\"]+')*)"
)
# Ideographs, kana, and the punctuation and full-width forms that go with them.
NEEDS_CJK = re.compile(
    "[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003134f]"
)

# Points. Publishers ask for 7, and 6 at least.
TEXT, SMALL, TINY = 7.0, 6.5, 6.0
INK, GREY, PALE = "#262626", "#8c8c8c", "#cdcdcd"
# Okabe & Ito (2008): told apart under every common colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")

METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
    "svg": {"Date": None},
    "eps": {},
}
# Endings of pictures that are not written; others, such as that of "figure_1.2", are of the name.
UNWRITTEN = (".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".emf", ".wmf", ".ps")


def style(language: str = "en") -> AbstractContextManager[None]:
    """The settings all figures are drawn with, as a context.

    Raises
    ------
    ConfigError
        If Chinese is asked for and no installed font has its glyphs.
    """
    check_language(language)
    if language == "zh":
        require_cjk("language='zh'")
    return _applied(settings())


@contextmanager
def _applied(chosen: Any) -> Iterator[None]:
    """Set these parameters and put back these alone.

    `mpl.rc_context` puts back all of them, and with them `interactive`, which a notebook
    switches on when its first figure is made: later figures would not be shown.
    """
    before: Any = {name: mpl.rcParams[name] for name in chosen}
    mpl.rcParams.update(chosen)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def settings() -> Any:
    """Matplotlib parameters of the house style."""
    return {
        # Names of installed fonts, not "sans-serif": a text keeps what it was made with.
        "font.family": families(),
        "font.size": TEXT,
        "text.parse_math": False,  # names of the user: two dollar signs are no formula
        "axes.titlesize": TEXT + 0.5,
        "axes.labelsize": TEXT,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": TEXT,
        "legend.fontsize": SMALL,
        "legend.title_fontsize": SMALL,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.linewidth": 0.5,
        "lines.linewidth": 0.8,
        "patch.linewidth": 0.4,
        "hatch.linewidth": 0.45,
        "xtick.major.width": 0.5,
        "xtick.major.size": 2.5,
        "axes.unicode_minus": True,  # DejaVu Sans closes every family list and has the sign
        "figure.dpi": 150,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "savefig.bbox": None,  # a width in millimetres is kept
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "spatialsyn",
    }


def width(asked: float | str) -> float:
    """A width in mm, given as such, as "single", or with its publisher: "springer single".

    Raises
    ------
    ConfigError
        A name that is not known, or a width no page has.
    """
    if isinstance(asked, str):
        journal, _, column = ("elsevier " + asked if " " not in asked else asked).partition(" ")
        if column not in JOURNALS.get(journal, {}):
            known = ", ".join(f"{name} ({', '.join(of)})" for name, of in JOURNALS.items())
            raise ConfigError(
                f"width_mm={asked!r} is not known. Give millimetres, or a publisher and a column, "
                f'such as "springer single"; there are {known}.'
            )
        return float(JOURNALS[journal][column])
    if isinstance(asked, bool) or not 30 <= asked <= 1000:
        raise ConfigError(f"width_mm={asked!r}: a figure is 30 to 1000 mm wide.")
    return float(asked)


def families() -> list[str]:
    """Installed font families: Latin first, then Chinese, glyph by glyph."""
    installed = set(font_manager.get_font_names())
    latin = next(name for name in LATIN if name in installed)
    cjk = cjk_family()
    return list(dict.fromkeys([latin, *([cjk] if cjk else []), "DejaVu Sans"]))


def cjk_family() -> str | None:
    """The Chinese font to use: one of a font package, else an installed one, else None."""
    for package, file in FONT_PACKAGES.items():
        path = packaged_font(package, file)
        if path is not None:
            return registered(path)
    installed = set(font_manager.get_font_names())
    return next((name for name in CJK if name in installed), None)


def packaged_font(package: str, file: str) -> str | None:
    """Path of a font file inside an installed package, found without importing it."""
    if (package, file) not in _PACKAGED:
        spec = importlib.util.find_spec(package)
        path = Path(spec.origin).with_name(file) if spec and spec.origin else None
        if path is None or not path.is_file():
            return None
        _PACKAGED[package, file] = str(path)
    return _PACKAGED[package, file]


@cache
def registered(path: str) -> str:
    """Make a font file known to matplotlib and return its family."""
    font_manager.fontManager.addfont(path)
    return str(font_manager.get_font(path).family_name)


def require_cjk(asked: str) -> None:
    """Refuse Chinese text where it would print as empty boxes."""
    if cjk_family() is None:
        raise ConfigError(
            f"{asked} needs a font with Chinese glyphs, and none is installed: the text would "
            "print as empty boxes. Install one with: pip install spatialsyn[cjk]"
        )


def bold(text: str) -> dict[str, Any]:
    """Keywords for a bold text; Chinese stays as it is, for its fonts often have one weight."""
    if NEEDS_CJK.search(text):
        return {}
    return {"fontweight": "bold", "fontfamily": [f for f in families() if f != cjk_family()]}


def check_glyphs(figure: Figure) -> None:
    """Refuse Chinese text in a figure where it cannot be printed."""
    for text in texts(figure):
        if NEEDS_CJK.search(text.get_text()):
            require_cjk(f"the text {text.get_text()!r}")
            return


def texts(figure: Figure) -> list[Text]:
    """Everything that is written in a figure."""
    return [text for text in figure.findobj(Text) if isinstance(text, Text)]


def axes_of(width_mm: float | str, height_mm: float) -> Axes:
    """The only axes of a figure of this size, as `width` understands the first."""
    size = (width(width_mm) * MM, height_mm * MM)
    return plt.figure(figsize=size, layout="constrained").add_subplot()


def figure_of(drawing: Axes | Figure) -> Figure:
    """The figure these axes stand in, or that it is."""
    figure = drawing.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def checked(ax: Axes) -> Axes:
    """The same axes, whose text can all be printed."""
    check_glyphs(figure_of(ax))
    return ax


def ticks(ax: Axes, axis: Literal["x", "y", "both"] = "both") -> None:
    """Small ticks in the house style: they are made while drawing, when the settings of the
    session are back."""
    ax.tick_params(axis=axis, labelsize=SMALL, width=0.5, length=2.5, colors=INK,
                   labelfontfamily=families())  # fmt: skip


def lay_out(figure: Figure) -> None:
    """Place everything, as drawing would, so that sizes can be measured."""
    check_glyphs(figure)
    figure.draw_without_rendering()


def save(
    drawing: Figure | Axes,
    path: str | Path,
    formats: Iterable[str] = ("pdf", "png"),
    dpi: float = 300,
) -> list[Path]:
    """Write a figure for print, one file per format; two runs give identical bytes.

    Parameters
    ----------
    path : without suffix, to get all `formats`; with the suffix of a format, as it is written,
        to get that one. Folders on the way are made; a file of the name is replaced.
    formats : of "pdf", "png", "svg", "eps"; eps is opaque, in the colours of paper
    dpi : of the png; 300 for halftones, 500 for combinations, 1000 for line art (Elsevier).

    Returns
    -------
    list of Path
        The files, each complete: it is written beside and renamed.
    """
    what = (
        "save writes a figure of ss.report or of matplotlib; a table saves itself, table.save(...)"
    )
    expect(drawing, (Figure, Axes), what, ConfigError)
    figure, path = figure_of(drawing), destination(path)
    if path.suffix.lower() in UNWRITTEN:
        raise ConfigError(
            f"cannot save a figure as {path.name!r}: there are {', '.join(METADATA)}. Journals "
            "that ask for tiff or jpg take a png, with dpi=300 to 1000, and most a pdf or eps."
        )
    files = {path: path.suffix[1:].lower()}
    if files[path] not in METADATA:
        files = {path.with_name(f"{path.name}.{form}"): form for form in formats}
    unknown = [form for form in files.values() if form not in METADATA]
    if unknown:
        raise ConfigError(f"formats={unknown} cannot be written; there are {', '.join(METADATA)}.")
    with style():
        check_glyphs(figure)
        return [written(file, rendered(figure, form, dpi)) for file, form in files.items()]


def points_wide(ax: Axes) -> float:
    """Width of the figure of these axes, in points."""
    return float(figure_of(ax).get_figwidth() * 72)


def close(drawing: Figure | Axes) -> None:
    """Forget a figure that was drawn here, and no other that the user has open."""
    plt.close(figure_of(drawing))


def rendered(figure: Figure, form: str, dpi: float) -> bytes:
    """The bytes of `figure` in one format, without the time of day."""
    buffer = io.BytesIO()
    with truetype(), postscript(figure) if form == "eps" else nullcontext():
        figure.savefig(buffer, format=form, dpi=dpi, metadata=METADATA[form])
    content = buffer.getvalue()
    if form == "svg":
        return FAMILY.sub(lambda found: found[0] + _others(found[2]), content)
    # PostScript takes no metadata: its date is a comment line.
    return re.sub(rb"%%CreationDate:.*\n", b"", content) if form == "eps" else content


def _others(families: bytes) -> bytes:
    """What a reader of an svg, which holds no fonts, is to take where these are missing."""
    named = [f"'{name}'" for name in (*LATIN, *CJK)]
    return "".join(f", {name}" for name in [*named, "sans-serif"]
                   if name.encode() not in families).encode()  # fmt: skip


@contextmanager
def postscript(figure: Figure) -> Iterator[None]:
    """Without transparency; Chinese as outlines: in its TrueType letters would have other names."""
    kind = 3 if any(NEEDS_CJK.search(text.get_text()) for text in texts(figure)) else 42
    with opaque(figure), _applied({"ps.fonttype": kind}):
        yield
