"""Bars of progress are drawn for who watches, and leave files and pipes alone."""

from __future__ import annotations

import io
import sys

import pytest

from spatialsyn.engine import progress
from spatialsyn.engine.tasks import HERE


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def at_once(monkeypatch):
    """Bars appear without delay, and nothing says notebook."""
    monkeypatch.setattr(progress, "DELAY", 0)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def written(monkeypatch, stream: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    assert HERE.all(abs, [-1, -2], "draws") == [1, 2]
    return stream.getvalue()


def test_a_terminal_shows_a_bar(monkeypatch, at_once):
    assert "draws" in written(monkeypatch, Screen())


def test_a_file_or_a_pipe_stays_as_it_is(monkeypatch, at_once):
    assert written(monkeypatch, io.StringIO()) == ""


def test_a_notebook_shows_a_bar_though_it_is_no_terminal(monkeypatch, at_once):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert "draws" in written(monkeypatch, io.StringIO())
