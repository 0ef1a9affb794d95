"""Chinese letters that every printer prints: fonts with other outlines are embedded as TrueType.

Free Chinese fonts have the cubic outlines of PostScript. Matplotlib declares every font TrueType,
also those (its issues 2869 and 12636): Ghostscript and Adobe Reader then leave out their letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from fontTools import subset
from matplotlib.backends import _backend_pdf_ps

# How far a curve may be from the designer's, in units of which an em has 1000.
NEAR = 0.5
CUBIC = ("CFF ", "CFF2", "VORG")
# How letters are exchanged and moved, which is done when a figure is drawn.
LAYOUT = ("GSUB", "GPOS", "GDEF", "BASE", "MATH", "kern")


@contextmanager
def truetype() -> Iterator[None]:
    """Within, matplotlib embeds fonts as what it says that they are, without tables of layout.

    A file says where every letter stands; to cut these tables to its letters took half the time.
    """
    original: Callable[[Any], BytesIO] | None = getattr(_backend_pdf_ps, "font_as_file", None)
    if original is None:  # a matplotlib that embeds fonts in another way
        yield
        return

    def as_truetype(font: Any) -> BytesIO:
        if "CFF " in font:
            _convert(font)
        return original(font)

    load: Callable[..., Any] = subset.load_font

    def without_layout(*arguments: Any, **options: Any) -> Any:
        font = load(*arguments, **options)
        for table in LAYOUT:
            if table in font:
                del font[table]
        return font

    _backend_pdf_ps.font_as_file, subset.load_font = as_truetype, without_layout
    try:
        yield
    finally:
        _backend_pdf_ps.font_as_file, subset.load_font = original, load


def _convert(font: Any) -> None:
    """Put quadratic outlines in the place of cubic ones; `font` holds the letters of a figure."""
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import newTable

    order, drawn = font.getGlyphOrder(), font.getGlyphSet()
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(drawn)
        drawn[name].draw(Cu2QuPen(pen, max_err=NEAR, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font.recalcBBoxes = True  # quadratic letters are measured anew
    font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, glyphs
    font["glyf"].compile(font)
    for name, glyph in glyphs.items():
        font["hmtx"][name] = (font["hmtx"][name][0], getattr(glyph, "xMin", 0))
    for table in CUBIC:
        if table in font:
            del font[table]
    _describe(font, order)


def _describe(font: Any, order: list[str]) -> None:
    """The tables that say what kind of font it is, and what a printer must have room for."""
    most = font["maxp"]
    most.tableVersion = 0x00010000
    for name in (
        "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs",
        "maxStackElements", "maxSizeOfInstructions", "maxComponentElements", "maxComponentDepth",
        "maxPoints", "maxContours", "maxCompositePoints", "maxCompositeContours",
    ):  # fmt: skip
        setattr(most, name, 0)
    most.maxZones = 1
    most.compile(font)
    names = font["post"]
    names.formatType, names.extraNames, names.mapping, names.glyphOrder = 2.0, [], {}, order
    font.sfntVersion = "\x00\x01\x00\x00"
