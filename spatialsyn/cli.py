"""The command line: check, run, fit, effects, validate.

Exit codes: 0 done; 1 the input was refused (the message says what and the way out);
2 wrong usage.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from spatialsyn import __version__
from spatialsyn.errors import SpatialsynError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Spatial Durbin panels: how far does a city's change reach its neighbours?",
)

# Findings of one kind and variable that `check` prints; some thousand say no more than ten.
SHOWN = 10
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="the study file")]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="a model of the study")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"spatialsyn {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Spatial Durbin panels: how far does a city's change reach its neighbours?"""


@app.command()
def check(study: StudyFile) -> None:
    """Audit the panel and the weights of a study; nothing is written."""
    from spatialsyn.studyfile.job import open_job
    from spatialsyn.weights import audit

    job = open_job(study)
    job.check_fonts()
    job.check_columns()
    typer.echo(f"panel: {job.panel!r}")
    findings = job.panel.audit()
    shown = findings.groupby(["finding", "variable"], sort=False, dropna=False).head(SHOWN)
    typer.echo(
        shown.to_string(index=False) if len(findings) else "panel: no holes, jumps or constants"
    )
    if len(shown) < len(findings):
        typer.echo(
            f"... {len(findings)} findings, {SHOWN} of a kind and variable shown; "
            "`spatialsyn run` writes all to results/panel_audit.csv"
        )
    if job.weights:
        typer.echo(audit(*job.weights.values()).T.to_string())
    for name, results in job.results.items():
        typer.echo(f"model {name}: {results.equation}")
    job.check()
    typer.echo("The study can be run.")


@app.command()
def run(
    study: StudyFile,
    out: Annotated[
        Path | None, typer.Option(help="folder of the results; results/<study> by default")
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="processes for the models of a grid; -1 for all cores")
    ] = 1,
    backend: Annotated[
        str, typer.Option(help="where they run: joblib, or dask for a cluster")
    ] = "joblib",
    scheduler: Annotated[
        str | None, typer.Option(help="address of a running Dask scheduler, tcp://host:8786")
    ] = None,
) -> None:
    """Estimate every model and write tables, figures, results and a report page."""
    from spatialsyn.engine.tasks import Engine
    from spatialsyn.studyfile.job import run as run_study

    Engine(jobs, backend, scheduler)  # refused at once, and of studies without a grid too
    folder = run_study(study, out, typer.echo, jobs, backend, scheduler)
    typer.echo(f"Results are in {folder.resolve()}")
    typer.echo(f"Start with {(folder / 'report.html').resolve()}")


@app.command()
def fit(study: StudyFile, model: ModelName) -> None:
    """Print one model with its coefficients, effects and fit."""
    from spatialsyn.studyfile.job import open_job

    typer.echo(open_job(study).fit(model).summary())


@app.command()
def effects(
    study: StudyFile,
    model: ModelName,
    by: Annotated[
        str | None, typer.Option(help="city, pair, or a grouping of the panel such as region")
    ] = None,
) -> None:
    """Print the effects of one model, on average or by block, city or pair."""
    from spatialsyn.studyfile.job import open_job

    typer.echo(open_job(study).fit(model).effects(by=by).to_text())


@app.command()
def validate(
    panel: Annotated[str | None, typer.Option(help="cigar or produc; both by default")] = None,
) -> None:
    """Compute the numbers of papers and other programs again; how many digits agree?"""
    from spatialsyn.validation import validate as compute

    made = compute(panel)
    typer.echo(repr(made))
    if len(made.failed):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; refused input becomes one message and exit code 1."""
    warnings.showwarning = lambda message, *_: typer.echo(f"note: {message}", err=True)
    try:
        app()
    except SpatialsynError as error:
        typer.echo(f"refused: {error}", err=True)
        sys.exit(1)
