"""Files that are complete or absent: written beside and renamed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from spatialsyn.errors import ConfigError


def check_folder(path: Path, verb: str) -> None:
    """Refuse a file whose folder is not there, before what it holds is made."""
    if not path.parent.is_dir():
        raise ConfigError(
            f"cannot {verb} {path.name!r}: there is no folder {str(path.parent)!r}. Make it first: "
            f"pathlib.Path({str(path.parent)!r}).mkdir(parents=True)."
        )


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
