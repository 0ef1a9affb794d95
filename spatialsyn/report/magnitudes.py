"""Numbers far from one: printed in a power of ten that is stated once, not with nine zeros."""

from __future__ import annotations

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import ScalarFormatter

from spatialsyn.numerics.lags import Array

# Numbers whose differences are usually this large, or this small while none is above SMALL, and
# axes that end beyond LARGE or before a tenth of SMALL, have a power of ten.
LARGE, FINE, SMALL = 1e6, 1e-5, 1e-3
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(differences: Array, values: Array) -> int:
    """The power of ten, a multiple of three, to print `values` in; 0 prints them as they are.

    Parameters
    ----------
    differences : how far numbers lie apart or how wide their intervals are, which their decimals
        follow; zeros do not count
    """
    sizes, steps = np.abs(values), np.abs(differences)
    largest = float(sizes.max(initial=0.0))
    typical = float(np.median(steps[steps > 0])) if (steps > 0).any() else largest
    if typical >= LARGE:
        return thousands(typical)
    return thousands(largest) if typical < FINE and 0 < largest < SMALL else 0


def thousands(size: float) -> int:
    """The largest multiple of three whose power of ten is not above `size`."""
    return 3 * int(np.floor(np.log10(size) / 3))


def scaled(values: Array, exponent: int) -> Array:
    """`values` in units of ten to the `exponent`, without the rounding of ten to the -9."""
    return np.asarray(values * 10.0**-exponent if exponent < 0 else values / 10.0**exponent)


def ten_to(exponent: int) -> str:
    """Ten to the `exponent`, as text."""
    return f"10{str(exponent).translate(SUPERSCRIPT)}"


def times(exponent: int) -> str:
    """Times ten to the `exponent`, as text that no line breaks."""
    return f"\u00d7\N{NO-BREAK SPACE}{ten_to(exponent)}"


def with_power(text: str, exponent: int) -> str:
    """A name and, unless it is 0, the power of ten its numbers are printed in."""
    return text if exponent == 0 else f"{text} ({times(exponent)})".lstrip()


def plain(value: float, digits: int = 4) -> str:
    """A number with this many digits, and a power of ten only where zeros could not be counted."""
    size = int(np.floor(np.log10(abs(value)))) if value else 0
    exponent = 0 if -5 < size < 7 else size
    decimals = max(0, digits - 1 - (0 if exponent else size))
    text = f"{value / 10.0**exponent:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")
    return f"{text}\N{NO-BREAK SPACE}{times(exponent)}" if exponent else text


def state_power(axis: Axis) -> int:
    """Print the ticks of an axis in one power of ten; its name is to state what is returned.

    Matplotlib would write it at the end of the axis, over the legend or the name.
    """
    largest = float(np.abs(axis.get_view_interval()).max())
    exponent = 0 if SMALL / 10 <= largest < LARGE or largest == 0 else thousands(largest)
    made = ScalarFormatter(useOffset=False)
    made.set_scientific(exponent != 0)
    made.set_powerlimits((exponent, exponent))
    axis.set_major_formatter(made)
    axis.get_offset_text().set_visible(False)
    return exponent
