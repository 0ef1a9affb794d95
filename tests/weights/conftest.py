"""What the tests of weights share."""

from __future__ import annotations

import pytest


@pytest.fixture
def saved(tmp_path):
    """A function that writes a file of a name and a text."""

    def save(name: str, text: str) -> object:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return save
