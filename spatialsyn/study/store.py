"""A folder of results, one file each, that a kill or a full disk cannot spoil.

A result is written beside its place, forced to the disk and renamed: a file is complete or
absent. Its name is a fingerprint of all that it follows from (the specification, the
matrices, the panel, the version), so a study finds again what it has done, and nothing
else. Numbers are written so that they are read back to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spatialsyn import __version__
from spatialsyn.cities.panel import CityPanel
from spatialsyn.cities.writing import make_folder
from spatialsyn.errors import StoreError, expect
from spatialsyn.models.choice import Covariance
from spatialsyn.weights.bands import nearness
from spatialsyn.weights.core import Weights
from spatialsyn.weights.series import Links

# Higher wherever the same model has other numbers, or a record other parts, than it had before.
FORMAT = 3
# What is known of a model that was estimated, or why it was not.
Record = dict[str, Any]


def key_of(parts: Mapping[str, Any]) -> str:
    """The fingerprint of a result: of `parts`, the version and the format."""
    text = json.dumps({**parts, "version": __version__, "format": FORMAT}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def panel_hash(panel: CityPanel) -> str:
    """Fingerprint of ids, years, numbers and groupings; the order of columns does not enter."""
    frame = panel.frame
    rest = [name for name in sorted(frame.columns) if name not in panel.numeric]
    digest = hashlib.sha256(frame[rest].to_csv().encode())  # with ids and years
    for name in sorted(panel.numeric):
        digest.update(f"{name}\x1f".encode() + panel.array(name).tobytes())
    for name, group in sorted(panel.blocks.items()):
        digest.update(f"{name}\x1f{group.loc[list(panel.ids)].to_csv()}".encode())
    return digest.hexdigest()[:16]


def cov_parts(cov: Covariance, panel: CityPanel) -> Any:
    """A covariance as the fingerprint has it: a reach by which cities are near, not in that of
    the panel."""
    if not (isinstance(cov, Mapping) and "km" in cov):
        return cov
    near = nearness(panel, cov["km"]).tobytes()
    return {"kind": cov["kind"], "near": hashlib.sha256(near).hexdigest()[:16]}


def weights_hash(weights: Mapping[str, Links], names: Sequence[str]) -> dict[str, str]:
    """Fingerprints of the matrices that a model uses, told apart where ln|S| is approximate."""
    return {name: f"{weights[name].hash}{_approximate(weights[name])}" for name in names}


def _approximate(w: Links) -> str:
    return ", moments" if isinstance(w, Weights) and w.way == "moments" else ""


def opened(path: str | os.PathLike[str]) -> Path:
    """The folder, made where it does not exist.

    Raises
    ------
    StoreError
        It cannot be made, is a file, or no path at all.
    """
    expect(path, (str, os.PathLike), "store is the path of a folder", StoreError)
    folder = Path(path).expanduser()
    make_folder(folder, StoreError)
    return folder


def check_writable(folder: Path) -> None:
    """Refuse a folder that takes no files, before anything is computed for it."""
    try:
        handle, name = tempfile.mkstemp(prefix=".probe-", dir=folder)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise StoreError(_refused(folder, error)) from error


def write(folder: Path, key: str, record: Record) -> None:
    """Put a result into the store, whole or not at all.

    Raises
    ------
    StoreError
        The folder does not take it; what is stored already stays as it is.
    """
    text = json.dumps({"format": FORMAT, "key": key, **_without_nan(record)}, indent=1)
    part = ""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{key}-", suffix=".part", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, folder / f"{key}.json")
        _sync(folder)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        raise StoreError(_refused(folder, error)) from error


def read(folder: Path, key: str) -> Record | None:
    """A result of the store, or None where there is none.

    Raises
    ------
    StoreError
        A file that is not what was written under its name.
    """
    path = folder / f"{key}.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the result {str(path)!r} cannot be read: {error}.") from error
    try:
        record = json.loads(text)
        whole = record["key"] == key and record["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise StoreError(
            f"the result {str(path)!r} is not what was written there. Delete the file, and the "
            "model is estimated again."
        )
    return _with_nan(record)


def _refused(folder: Path, error: OSError) -> str:
    count = sum(1 for _ in folder.glob("*.json"))
    return (
        f"the store {str(folder)!r} takes no files: {error.strerror}. Its {count} results stay as "
        "they are. Make room or the folder writable, or choose another one, and run again: "
        "nothing that is stored is repeated."
    )


def _sync(folder: Path) -> None:
    """Force the name of a new file to the disk, where the system lets a folder be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _without_nan(value: Any) -> Any:
    """NaN as null, which every reader of JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _with_nan(record: Record) -> Record:
    """The numbers of a record, NaN where they are null."""
    for part in ("parameters", "effects"):
        columns = record.get(part, {})
        for name, values in columns.items():
            columns[name] = [math.nan if value is None else value for value in values]
    fit = record.get("fit", {})
    record["fit"] = {k: math.nan if v is None else v for k, v in fit.items()}
    return record
