"""Processes of R, each of which runs `peers.R`, that take turns with ours in `speed.py`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

# Runs of a process, after its first.
EACH = 5
MATRIX, EIGEN = "spatialreg Matrix", "spatialreg eigen"
OF_R = (MATRIX, EIGEN, "splm", "splm impacts", "SDPDmod")
THREADS = {key: "1" for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def environ() -> dict[str, str]:
    """One BLAS thread."""
    return {**os.environ, **THREADS}


def installed(program: str) -> bool:
    """Whether R is installed with the package of a program."""
    if shutil.which("Rscript") is None:
        return False
    command = ["Rscript", "-e", f"loadNamespace('{program.split()[0]}')"]
    return subprocess.run(command, capture_output=True).returncode == 0


def said(paths: list[str], years: list[int], program: str) -> dict[str, Any]:
    """What a process of R says, of files beside those in `paths`."""
    stems = [path.removesuffix(".npz") for path in paths]
    script, numbers = str(Path(__file__).parent / "peers.R"), map(str, [*years, EACH])
    command = ["Rscript", script, *stems, *numbers, *program.split()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environ())
    return dict(json.loads(shown.stdout.splitlines()[-1].replace("NaN", "null")))
