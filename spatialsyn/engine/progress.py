"""How far a long computation is, for who watches it: silent in files, pipes and schedulers."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

# Seconds that pass before there is anything to see.
DELAY = 2


def progress(
    total: int,
    what: str,
    found: Iterable[Any] | None = None,
    initial: int = 0,
    unit: str = "it",
) -> tqdm[Any]:
    """A bar called `what`, over `found` or moved by its ``update``."""
    from tqdm import tqdm

    return tqdm(
        found, desc=what, total=total, initial=initial, unit=unit, delay=DELAY, leave=False,
        disable=not watched(),
    )  # fmt: skip


def watched() -> bool:
    """Whether a person reads what is written: at a terminal, or in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
