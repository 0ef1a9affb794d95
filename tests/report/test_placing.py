"""Texts find places that a search of all arrangements could not better by much, and never meet."""

import itertools

import numpy as np
import pytest
import shapely
from numpy.testing import assert_array_equal

from spatialsyn.report.atlas.placing import Choice, crossed, settled, through


def choice(centres, size, cost, starts=None):
    """A text of one line."""
    centres, size = np.asarray(centres, dtype=float), np.asarray(size, dtype=float)
    starts = np.full_like(centres, np.nan) if starts is None else np.asarray(starts, dtype=float)
    row = np.r_[-size, size][None] / 2
    return Choice(centres, size, starts, np.asarray(cost, dtype=float), row)


def drawn(one, place):
    """A text, and its line if it has one, as polygon and line."""
    (x, y), (w, h) = one.centres[place], one.size / 2
    box, start = shapely.box(x - w, y - h, x + w, y + h), one.starts[place]
    line = shapely.shortest_line(shapely.Point(start), box) if np.isfinite(start).all() else None
    return box, line


def meet(a, b):
    """Whether the inner parts of two texts or their lines meet."""
    (box, line), (other, second) = a, b
    pairs = [(box.buffer(-1e-9), other), (line, other.buffer(-1e-9)), (second, box.buffer(-1e-9)),
             (line, second)]  # fmt: skip
    return any(x is not None and y is not None and x.intersects(y) for x, y in pairs)


LEFT_OUT = 30.0


def clashes(choices):
    """(i, j, place, place) of every two texts of four places that cannot both be."""
    shown = [[drawn(one, at) for at in range(4)] for one in choices]
    pairs = itertools.combinations(range(len(choices)), 2)
    return {(i, j, a, b) for i, j in pairs for a in range(4) for b in range(4)
            if meet(shown[i][a], shown[j][b])}  # fmt: skip


def cost_of(choices, places, forbidden):
    """What an arrangement costs; infinite where texts meet."""
    pairs = itertools.combinations(range(len(choices)), 2)
    if any((i, j, places[i], places[j]) in forbidden for i, j in pairs):
        return np.inf
    return sum(one.cost[at] if at >= 0 else LEFT_OUT
               for one, at in zip(choices, places, strict=True))  # fmt: skip


def one_after_another(choices, forbidden):
    """Each text at the cheapest place that those before it leave free."""
    taken = []
    for i, one in enumerate(choices):
        free = [a for a in np.argsort(one.cost)
                if not any((j, i, at, a) in forbidden for j, at in enumerate(taken))]  # fmt: skip
        taken.append(free[0] if free else -1)
    return taken


def crowd(seed, lines):
    """Five texts of four places each in little room."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(5):
        at = rng.uniform(0, 60, size=2)
        centres = at + rng.uniform(-25, 25, size=(4, 2))
        starts = np.tile(at, (4, 1)) if lines else None
        made.append(choice(centres, rng.uniform([20, 8], [40, 12]), rng.uniform(0, 6, 4), starts))
    return made


@pytest.mark.parametrize("lines", [False, True])
def test_arrangements_are_near_the_best_of_all_and_texts_never_meet(lines):
    """A text that is lost costs 30; the search may lose one in some of the twelve crowds."""
    lost = saved = 0.0
    for seed in range(12):
        choices = crowd(seed, lines)
        forbidden = clashes(choices)
        found = cost_of(choices, settled(choices), forbidden)
        every = itertools.product(range(-1, 4), repeat=5)
        lost += found - min(cost_of(choices, places, forbidden) for places in every)
        saved += cost_of(choices, one_after_another(choices, forbidden), forbidden) - found
    assert lost >= -1e-9
    assert lost / 12 < 5
    assert saved > 0


def test_a_text_makes_way_for_one_that_has_no_other_place():
    """Each alone would stay: the first has to take the dearer place before the second fits."""
    size = (10, 4)
    first = choice([(0, 0), (0, 20)], size, [0, 9])
    second = choice([(3, 0)], size, [0])
    assert_array_equal(settled([first, second]), [1, 0])


def test_of_two_texts_with_one_place_one_is_left_out():
    one = choice([(0, 0)], (10, 4), [0])
    assert sorted(settled([one, one])) == [-1, 0]
    nowhere = choice(np.empty((0, 2)), (10, 4), [])
    assert_array_equal(settled([nowhere, one]), [-1, 0])
    assert not len(settled([]))


def test_lines_meet_boxes_and_lines_as_geometry_says():
    rng = np.random.default_rng(0)
    lines, others = rng.uniform(0, 10, size=(2, 40, 2, 2))
    corners = np.sort(rng.uniform(0, 10, size=(40, 2, 2)), axis=1)
    drawn_lines, drawn_others = (list(map(shapely.LineString, x)) for x in (lines, others))
    boxes = [shapely.box(*corner.ravel()) for corner in corners]
    expected = [[line.intersects(box) for box in boxes] for line in drawn_lines]
    assert_array_equal(through(lines, corners.reshape(-1, 4)), expected)
    expected = [[line.crosses(other) for other in drawn_others] for line in drawn_lines]
    assert_array_equal(crossed(lines, others), expected)
    nowhere = np.full((1, 2, 2), np.nan)
    assert not through(nowhere, corners.reshape(-1, 4)).any()
    assert not crossed(nowhere, others).any()
