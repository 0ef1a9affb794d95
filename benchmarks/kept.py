"""The ratios of the benchmarks, in `ratios.json` under version control: what fell is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RATIOS = Path(__file__).parent / "ratios.json"
FALL = 2 / 3


def stored() -> dict[str, Any]:
    """The ratios by benchmark, and what `speed.py` keeps of its runs."""
    found: dict[str, Any] = {"ratios": {}, "runs": {}, "others": ""}
    return found | json.loads(RATIOS.read_text()) if RATIOS.exists() else found


def keep(benchmark: str, ratios: dict[str, float], **runs: Any) -> None:
    """Store how many times our CPU time others take, to two digits; say what fell by a third."""
    kept = stored() | runs
    before = kept["ratios"].get(benchmark, {})
    now = {name: float(f"{ratio:.2g}") for name, ratio in ratios.items()}
    for name in now.keys() & before.keys():
        if now[name] < FALL * before[name]:
            print(f"slower: {name} was {before[name]:g} times ours, is {now[name]:g}")
    kept["ratios"][benchmark] = now
    RATIOS.write_text(json.dumps(kept, indent=1) + "\n")
