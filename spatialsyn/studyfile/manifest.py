"""What a run was made from and with: `manifest.json` beside its results."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spatialsyn.cities.boundary_files import parts_beside
from spatialsyn.report.explorer.provenance import panel_hash, versions
from spatialsyn.studyfile.figures import SEED
from spatialsyn.studyfile.folder import MANIFEST, digest, digests

if TYPE_CHECKING:
    from spatialsyn.studyfile.job import Job

# The files of one shapefile.
PARTS = (".cpg", ".dbf", ".prj", ".shp", ".shx")


def write_manifest(job: Job, folder: Path) -> None:
    """The study file itself, versions, seeds, and hashes of inputs, weights and outputs."""
    section = job.study.index_uncertainty
    seeds = {} if section is None else {"index_uncertainty": section.seed}
    seeds |= {"autocorrelation": SEED} if "autocorrelation" in job.figures else {}
    manifest: dict[str, Any] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": versions(),
        "study": {
            "file": job.path.name,
            "sha256": digest(job.path),
            "text": job.path.read_text(encoding="utf-8-sig"),
        },
        "inputs": inputs(job),
        "panel": {
            "cities": list(map(str, job.panel.ids)),
            "years": list(job.panel.years),
            "sha256": panel_hash(job.panel),
        },
        "weights": {
            name: {
                "hash": w.hash,
                "standardization": w.standardizations,
                "recipe": {k: str(v) for k, v in w.recipe.items()},
            }
            for name, w in job.weights.items()
        },
        "models": {name: r.equation for name, r in job.results.items()},
        "seeds": seeds,
        "files": digests(folder),
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def inputs(job: Job) -> dict[str, str]:
    """The hash of every file that the study reads, by its path from the study file."""
    panel, beside = job.study.panel, job.path.parent
    named = [panel.boundaries, panel.table]
    named += [value for given in job.study.weights.values() for value in given.values()]
    found: dict[str, str] = {}
    for path in (beside / name for name in named if isinstance(name, str)):
        parts = [path] if path.is_file() else []
        if path.suffix.lower() == ".shp":
            parts = [part for end, part in sorted(parts_beside(path).items()) if end in PARTS]
        found |= {Path(os.path.relpath(p, beside)).as_posix(): digest(p) for p in parts}
    return found
