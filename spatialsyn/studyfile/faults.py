"""What is wrong with the keys of a study file, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from spatialsyn.errors import named

# How pydantic calls the kinds of value that a key may have. They stand behind section and key, the
# first two names: a model may be called "str".
KIND, NAMES = re.compile(r"(str|int|bool|(list|dict)\[.*\])$"), 2


def faults(
    name: str,
    error: ValidationError,
    study: type[BaseModel],
    sections: Mapping[str, type[BaseModel]],
) -> str:
    """pydantic's findings in the file `name`, one line per key, with the keys that there are.

    A value that is of none of several kinds is one fault.
    """
    found: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False):
        parts = [str(part) for part in fault["loc"]]
        *section, key = [p for i, p in enumerate(parts) if i < NAMES or not KIND.match(p)]
        said = str(fault["msg"])
        if fault["type"] == "extra_forbidden":
            kind = sections.get(section[0] if section else "", study)
            said = f"there is no such key; there are {named(kind.model_fields, 30)}"
        elif isinstance(fault["input"], str | int | float):
            said = f"{said}; got {fault['input']!r}"
        found.setdefault(f"  [{'.'.join(section) or 'top level'}] {key}", []).append(said)
    count = f"{len(found)} fault{'s' * (len(found) > 1)}"
    lines = (f"{where}: {_joined(said)}" for where, said in found.items())
    return "\n".join([f"{name} has {count}:", *lines])


def _joined(said: list[str]) -> str:
    """``Input should be a valid string, or a valid list; got 3``, of a fault for each kind."""
    texts, given = zip(*(one.partition("; got ")[::2] for one in said), strict=True)
    first, *others = texts
    kinds = [text.removeprefix("Input should be ") for text in others]
    return ", or ".join([first, *kinds]) + (f"; got {given[0]}" if given[0] else "")
