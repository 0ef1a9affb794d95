"""The documentation site: ``make docs`` builds it strictly, notebooks included."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import spatialsyn

HERE = Path(__file__).parent
# Pages lie in one folder for Sphinx; the notebooks live beside the package.
NOTEBOOKS = HERE / "notebooks"
NOTEBOOKS.mkdir(exist_ok=True)
for path in (HERE.parent / "notebooks").glob("*.ipynb"):
    shutil.copy(path, NOTEBOOKS / path.name)

project = "spatialsyn"
author = "The spatialsyn developers"
copyright = "2026, the spatialsyn developers"
version = release = spatialsyn.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
# A docstring in backticks names an argument or a column, not a document.
default_role = "literal"

exclude_patterns = ["_build", "jupyter_execute"]
html_theme = "furo"
html_title = f"spatialsyn {release}"
# Attributes of several nouns share a name (`years`, `name`); a type in a docstring is no link.
suppress_warnings = ["ref.python"]


def formulas_as_they_stand(lines):
    """An indented block after a paragraph is a formula: show it as it is written."""
    shown, before = [], ""
    for k, line in enumerate(lines):
        starts = line.startswith("    ") and k and not lines[k - 1].strip()
        if starts and before and not before.startswith(" ") and not before.endswith("::"):
            shown += ["::", ""]
        shown.append(line)
        before = line if line.strip() else before
    return shown


def descriptions(lines):
    """``name : text`` is a description; a type where a sentence follows on the next line."""
    shown, inside = [], False
    for k, line in enumerate(lines):
        following = lines[k + 1] if k + 1 < len(lines) else ""
        if following.startswith("---"):
            inside = line in ("Parameters", "Attributes")
        match = re.fullmatch(r"(\S.*?) : (.+)", line)
        sentence = following.startswith("    ") and following.strip()[:1].isupper()
        if inside and match and not sentence:
            shown += [match[1], f"    {match[2]}"]
        else:
            shown.append(line)
    return shown


def as_we_write(app, what, name, obj, options, lines):
    """Docstrings as this project writes them, for napoleon."""
    lines[:] = descriptions(formulas_as_they_stand(lines))


def setup(app):
    """Before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", as_we_write, priority=400)
