"""Streams of random numbers, and what they may begin with.

Every seed of the package comes through here, and what is no seed is refused here. Data are
drawn apart: x drawn by ``np.random.default_rng(1)`` and errors drawn by seed 1 would
otherwise be the same numbers.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from spatialsyn.errors import ConfigError

# A whole number; where a stream is taken as it is, one of NumPy's too.
Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator
STREAMS = (np.random.SeedSequence, np.random.Generator, np.random.BitGenerator)
# The spawn key of drawn data, which nobody has by counting from zero.
APART = 73_939_133


def generator(seed: Seed, *beside: int) -> np.random.Generator:
    """The stream of ``np.random.default_rng(seed)``, or of a number and others `beside` it.

    Raises
    ------
    ConfigError
        A seed that is none.
    """
    if not beside and isinstance(seed, STREAMS):
        return np.random.default_rng(seed)
    return np.random.default_rng(sequence(seed, *beside))


def apart(seed: Seed) -> np.random.Generator:
    """The stream that data are drawn from: of a number, another one than NumPy's own.

    A SeedSequence or a Generator is taken as it is.
    """
    if isinstance(seed, STREAMS):
        return generator(seed)
    return np.random.default_rng(sequence(seed, spawn_key=(APART,)))


def sequence(seed: object, *beside: int, spawn_key: tuple[int, ...] = ()) -> np.random.SeedSequence:
    """NumPy's seed sequence of a number; what is no number is refused."""
    if seed is None:  # NumPy would take the clock, and no number could be made again
        raise ConfigError("seed=None: give a whole number, 0 or more.")
    try:
        entropy = [seed, *beside] if beside else seed
        return np.random.SeedSequence(entropy, spawn_key=spawn_key)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"seed={seed!r}: give a whole number, 0 or more.") from error
