"""Texts in lines no wider than the room there is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from spatialsyn.report import theme

# Points that the room of lines of about one length is found to.
EVEN = 2.0
# What stays together: a word, or its part before a hyphen or underscore, with the space after
# it; an ideograph with the full-width brackets that open before it and the signs that close it.
IDEOGRAPH = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
OPENING = "\u300c\u300e\uff08"
BLANK = " \t"  # not a space that is not to be broken
CLOSING = "\u3001-\u3003\u300d\u300f\uff01\uff09\uff0c\uff1a\uff1b\uff1f"
WORD = f"[^{BLANK}{IDEOGRAPH}"
PIECE = re.compile(
    f"{WORD}_/-]+[_/-]+|{WORD}]+[{BLANK}]*"
    f"|[{OPENING}]*[{IDEOGRAPH}][{CLOSING}]*[{BLANK}]*|[{BLANK}]+"
)


def measured(text: str, size: float) -> float:
    """Width of the widest line of `text` at this size, in points, in the fonts of the style."""
    if theme.NEEDS_CJK.search(text):
        theme.require_cjk(f"the text {text!r}")
    font = FontProperties(family=theme.families(), size=size)
    return max(
        float(text_to_path.get_text_width_height_descent(line, font, False)[0])
        for line in text.split("\n")
    )


def folded(text: str, room: float, size: float = theme.TEXT) -> str:
    """`text` in lines of at most `room` points, broken between words or inside one too long.

    Lines are of about one length: none holds the last word alone.
    """
    return "\n".join(line for part in text.split("\n") for line in _even(part, room, size))


def _even(text: str, room: float, size: float) -> list[str]:
    """As many lines as `lines` makes, the longest as short as can be."""
    made = lines(text, room, size)
    if len(made) == 1:
        return made
    widest = max(measured(piece.rstrip(), size) for piece in PIECE.findall(text))
    low, high = max(widest, measured(text, size) / len(made)), room
    while high - low > EVEN:
        middle = (low + high) / 2
        narrower = lines(text, middle, size)
        made, low, high = (
            (narrower, low, middle) if len(narrower) == len(made) else (made, middle, high)
        )
    return made


def lines(text: str, room: float, size: float) -> list[str]:
    """One line of text in as many as it needs."""
    if measured(text, size) <= room:
        return [text]
    made = [""]
    for piece in PIECE.findall(text):
        if made[-1] and measured((made[-1] + piece).rstrip(), size) > room:
            made.append("")
        made[-1] += piece
        while len(made[-1]) > 1 and measured(made[-1].rstrip(), size) > room:
            whole = made.pop()
            fitting = (n for n in range(len(whole) - 1, 1, -1) if measured(whole[:n], size) <= room)
            cut = next(fitting, 1)
            made += [whole[:cut], whole[cut:]]
    return [line.rstrip() for line in made if line.strip()]


def columns(texts: Sequence[str], room: float, beside: float) -> int:
    """How many columns of a legend find room, each `beside` points wider than its widest text."""
    for count in range(len(texts), 1, -1):
        # Entries run down the columns, and the first columns have one more.
        of = [len(texts) // count + (i < len(texts) % count) for i in range(count)]
        ends = [sum(of[: i + 1]) for i in range(count)]
        widest = (
            max(measured(text, theme.SMALL) for text in texts[end - many : end])
            for end, many in zip(ends, of, strict=True)
        )
        if sum(widest) + count * beside <= room:
            return count
    return 1
