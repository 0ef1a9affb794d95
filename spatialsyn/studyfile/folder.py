"""The folder that a run fills: replaced at once, and only where an earlier run wrote it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from spatialsyn.errors import ConfigError, named

MANIFEST = "manifest.json"


def check_replaceable(folder: Path) -> None:
    """Only a folder that an earlier run wrote, unchanged, may be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    way_out = "Move it away, or choose another folder with --out."
    if not (folder / MANIFEST).is_file():
        raise ConfigError(f"{str(folder)!r} exists and was not written by a run. {way_out}")
    listed = _listed(folder / MANIFEST)
    changed = [name for name, found in digests(folder).items() if listed.get(name) != found]
    if changed:
        raise ConfigError(
            f"{str(folder)!r} holds files that were added or changed since the run that wrote it: "
            f"{named(sorted(changed))}. {way_out}"
        )


def _listed(manifest: Path) -> Mapping[str, str]:
    """The files of an earlier run and their hashes; nothing for a manifest of another kind."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return dict(content.get("files", {})) if isinstance(content, dict) else {}


def put_in_place(beside: Path, folder: Path) -> None:
    """Rename `beside` to `folder`, in the place of what an earlier run wrote."""
    beside.chmod(0o755)
    if not folder.exists():
        beside.rename(folder)
        return
    retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.rename(retired / folder.name)
    beside.rename(folder)
    shutil.rmtree(retired)


def digests(folder: Path) -> dict[str, str]:
    """The hash of every file but the manifest, by its path in the folder."""
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != MANIFEST]
    return {p.relative_to(folder).as_posix(): digest(p) for p in files}


def digest(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
