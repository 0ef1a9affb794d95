"""Files that are complete or absent: written beside and renamed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def written(path: Path, content: bytes) -> Path:
    """Put `content` into `path` at once: readers see the old file or the new one."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    return path
