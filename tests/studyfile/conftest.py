"""What the tests of study files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_file import written


@pytest.fixture
def study(tmp_path) -> Path:
    return written(tmp_path)
