"""Every number that is shipped with the package, computed again on the machine at hand.

``data/numbers.csv`` holds one number a line: who printed it, of which model and panel, how many
digits should agree, and why not more where a program errs. Where two independent programs
disagree the reason was found before either was believed; `data/README.md` says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import PanelError, named
from spatialsyn.fitting import fit
from spatialsyn.models.spec import SpatialModel
from spatialsyn.notebook import as_html
from spatialsyn.results import Results
from spatialsyn.validation.quantities import quantity
from spatialsyn.weights.core import Weights

# Beyond this, rounding of the last bits is counted.
MOST = 12
PANELS = {
    "cigar": ("state", "year", "logc ~ logp + logy"),
    "produc": ("state", "year", "lgsp ~ lpcap + lpc + lemp + unemp"),
}


@dataclass(frozen=True, eq=False, repr=False)
class Validation:
    """Numbers of others beside ours.

    Attributes
    ----------
    table : DataFrame, one row per number
        ``panel, program, model, quantity, theirs, ours, digits`` that agree, ``promised`` and
        ``why`` there are not more.
    """

    table: pd.DataFrame

    @property
    def failed(self) -> pd.DataFrame:
        """Rows with fewer digits than promised: this machine or a library computes otherwise."""
        return self.table[self.table["digits"] < self.table["promised"]]

    def __repr__(self) -> str:
        shown = self.table.drop(columns="promised")
        text = shown.to_string(index=False, formatters={c: "{:.10g}".format for c in NUMBERS})
        return f"{text}\n\n{self.summary()}"

    def _repr_html_(self) -> str:
        shown = self.table.drop(columns="promised")
        return as_html(shown, self.summary(), digits={c: "{:.10g}".format for c in NUMBERS})

    def summary(self) -> str:
        """Programs with the digits that agree, and whether all promises are kept."""
        lines = []
        for program, rows in self.table.groupby("program", sort=False):
            digits = rows["digits"]
            lines.append(
                f"{program}: {len(rows)} numbers, {digits.min()} to {digits.max()} digits agree, "
                f"half of them {int(digits.median())} or more"
            )
        failed = len(self.failed)
        kept = "all agree as far as they should" if not failed else f"{failed} FALL SHORT"
        return "\n".join([*lines, f"{len(self.table)} numbers: {kept}."])


NUMBERS = ("theirs", "ours")


def validate(panel: str | None = None) -> Validation:
    """Compute every shipped number again.

    Parameters
    ----------
    panel : "cigar" (46 states, 1963-1992) or "produc" (48 states, 1970-1986); both by default
    """
    if panel is not None and panel not in PANELS:
        raise PanelError(f"panel={panel!r}: there are {named(PANELS)}.")
    numbers = shipped("numbers.csv", dtype={"random": str, "why": str}).fillna("")
    rows = [*_rows(numbers if panel is None else numbers[numbers["panel"] == panel])]
    return Validation(pd.DataFrame(rows))


def shipped(name: str, **options: object) -> pd.DataFrame:
    """A table of the package."""
    with (files("spatialsyn.validation") / "data" / name).open("rb") as file:
        return pd.read_csv(file, **options)  # type: ignore[call-overload]


def _rows(numbers: pd.DataFrame) -> Iterator[dict[str, object]]:
    for line in numbers.to_dict("records"):
        results = fitted(*(line[k] for k in ("panel", "model", "effects", "correction", "random")))
        ours = quantity(results, line["quantity"], panel_of(line["panel"])[1])
        theirs = float(line["value"])
        printed = line["where"] == "printed"
        random = f", {line['random']}" if line["random"] else ""
        yield {
            "panel": line["panel"],
            "program": line["program"],
            "model": f"{line['model']}, {line['effects']}, {line['correction']}{random}",
            "quantity": line["quantity"],
            "theirs": theirs,
            "ours": ours,
            "digits": agreeing(ours, theirs, str(line["value"]) if printed else None),
            "promised": int(line["digits"]),
            "why": line["why"],
        }


def agreeing(ours: float, theirs: float, printed: str | None = None) -> int:
    """Significant digits on which two numbers agree; of a printed one, at most those printed."""
    if np.isnan(ours):
        return 0
    if printed is not None:
        places = len(printed.partition(".")[2])
        if round(ours, places) == theirs:
            return len(printed.replace(".", "").lstrip("-0"))
    gap = abs(ours - theirs) / abs(theirs)
    return MOST if gap == 0 else int(np.clip(np.floor(-np.log10(gap)), 0, MOST))


@lru_cache
def panel_of(name: str) -> tuple[CityPanel, Weights]:
    """A panel and the row-standardised contiguity ``w`` of its states."""
    unit, time, _ = PANELS[name]
    panel = CityPanel(shipped(f"{name}.csv"), city=unit, year=time)
    borders = shipped("borders.csv")
    states = borders[borders[name] == 1]
    beside = [text.split(", ") for text in states["neighbours"]]
    links = np.array([[other in mine for other in states["state"]] for mine in beside], float)
    return panel, Weights.from_matrix(links, ids=panel.ids, name="w").standardize("row")


@lru_cache
def fitted(name: str, family: str, effects: str, correction: str, random: str) -> Results:
    """The model of a line."""
    panel, w = panel_of(name)
    model = SpatialModel(family, PANELS[name][2], None if family == "ols" else "w", effects)
    if random == "dynamic":
        model = model.but(lag_y=True, lag_wy=True)
    elif random:
        model = model.but(random=random)
    return fit(model.but(correction=correction), panel, w)
