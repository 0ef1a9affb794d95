"""What a notebook shows of a result: its table, and the lines above and below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def as_html(
    table: pd.DataFrame,
    *below: str,
    above: Iterable[str] = (),
    digits: str | Mapping[str, Callable[[float], str]] = "{:.4g}",
    index: bool = False,
) -> str:
    """A table and the lines around it as HTML; names of cities and columns stay text.

    Parameters
    ----------
    below, above : lines as they are printed, not escaped
    digits : the format of all numbers, or that of each column
    index : whether the index of the table says something
    """
    numbers: dict[str, Any] = {"formatters": digits}
    if isinstance(digits, str):
        numbers = {"float_format": digits.format}
    made = table.to_html(index=index, **numbers)
    return "\n".join(filter(None, [paragraph(above), made, paragraph(below)]))


def paragraph(lines: Iterable[str]) -> str:
    """Lines of text as a paragraph, empty without any."""
    listed = [escape(part) for line in lines for part in line.splitlines()]
    return f"<p>{'<br>'.join(listed)}</p>" if listed else ""
