"""Files that are complete or absent: written beside and renamed.

One rule for all that is saved. Folders on the way are made, "~" is the home folder. What the
package draws or prints from data (figures, tables, pages, films) replaces the file of its name,
as running a notebook again should; what may have come from elsewhere (weights, folders of results)
is replaced on request, or where an earlier run wrote it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from spatialsyn.errors import ConfigError, SpatialsynError, expect


def destination(path: str | os.PathLike[str]) -> Path:
    """The file that is to be written; its folder need not exist yet.

    Raises
    ------
    ConfigError
        No path, or one that leads through a file: before what is to be written is made.
    """
    expect(path, (str, os.PathLike), "a file is named by its path: 'table_1.docx'", ConfigError)
    path = Path(path).expanduser()
    there = next(folder for folder in path.parents if folder.exists())
    if not there.is_dir():
        raise ConfigError(
            f"cannot write {path.name!r}: {str(there)!r} on its way is a file, not a folder. "
            "Choose another folder."
        )
    return path


def make_folder(folder: Path, error: type[SpatialsynError] = ConfigError) -> None:
    """The folder and those above it, where they are not there.

    Raises
    ------
    error
        The system refuses it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise error(
            f"the folder {str(folder)!r} cannot be made: {refused.strerror}. Choose another folder."
        ) from refused


def written(path: Path, content: bytes) -> Path:
    """Put `content` into `path` at once: readers see the old file or the new one.

    Raises
    ------
    ConfigError
        The folder cannot be made, or it or the file may not be written.
    """
    make_folder(path.parent)
    try:
        _replaced(path, content)
    except (PermissionError, IsADirectoryError) as error:
        raise ConfigError(
            f"cannot write {path.name!r} into {str(path.parent)!r}: {error.strerror}. Close the "
            "file where it is open, or choose another name or folder."
        ) from error
    return path


def _replaced(path: Path, content: bytes) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
