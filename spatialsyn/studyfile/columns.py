"""The columns and groupings that a study file names, looked up before anything is estimated.

Measures and weights look up theirs while they are made, in the order of the file. What is
left names them for later: formulas, instruments, regimes, the choices of [sweep] and [grid],
and what the report is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import ConfigError, named, near
from spatialsyn.models.roles import Regimes, as_regimes
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import Term, names_in, parse
from spatialsyn.studyfile.covariance import grouping_of
from spatialsyn.studyfile.grid import NOTHING
from spatialsyn.studyfile.sections import Study, models

# A place in the file, and what is named there.
Place: TypeAlias = tuple[str, str]


def check_columns(study: Study, panel: CityPanel) -> None:
    """Refuse columns that neither the table nor a measure provides, and unknown groupings.

    Parameters
    ----------
    panel : with the columns of all measures

    Raises
    ------
    ConfigError
        Naming each, where it stands in the file, and what is spelt like it.
    """
    made = models(study)
    columns = [str(name) for name in panel.columns]
    absent = [p for p in dict.fromkeys(_columns(study, made)) if p[1] not in columns]
    faults = [f"  {place}: there is no column {name!r}{near(name, columns)}"
              for place, name in absent]  # fmt: skip
    groups = [p for p in dict.fromkeys(_groupings(study, made)) if p[1] not in panel.blocks]
    faults += [
        f"  {place}: {name!r} is not a grouping; the panel has {named(panel.blocks) or 'none'}"
        for place, name in groups
    ]
    faults += _of_report(study, made, panel) if not absent else []
    if not faults:
        return
    raise ConfigError(
        "\n".join(["the study names what its panel does not have:", *faults])
        + f"\nThe table and the measures provide {named(sorted(columns), 60)}."
    )


def _columns(study: Study, made: dict[str, SpatialModel]) -> Iterator[Place]:
    """Every column that is read by a model of the file, a sweep or a grid."""
    for name in study.models:
        model, section = made[name], f"[models.{name}]"
        parsed = parse(model.formula)
        yield from _read(f"{section} formula", (parsed.outcome, *parsed.terms))
        yield from _read(f"{section} instruments", _terms(model.instruments))
    for name in made.keys() - study.models.keys() if "instruments" in study.sweep else ():
        yield from _read("[sweep] instruments", _terms(made[name].instruments))
    for place, regimes in _regimes(study, made):
        if regimes.above is not None:
            yield place, regimes.grouping
    for term, others in study.grid.swap.items() if study.grid else ():
        listed = [others] if isinstance(others, str) else others
        yield from _read(f"[grid] swap of {term!r}", _terms(listed))


def _groupings(study: Study, made: dict[str, SpatialModel]) -> Iterator[Place]:
    """Every grouping of the cities that is named."""
    for place, regimes in _regimes(study, made):
        if regimes.above is None:
            yield place, regimes.grouping
    for name, section in study.models.items():
        if (by := grouping_of(section.cov)) is not None:
            yield f"[models.{name}] cov", by
    if study.report.by is not None:
        yield "[report] by", study.report.by


def _regimes(study: Study, made: dict[str, SpatialModel]) -> Iterator[tuple[str, Regimes]]:
    for name, model in made.items():
        place = f"[models.{name}] regimes" if name in study.models else "[sweep] regimes"
        if model.regimes is not None and (name in study.models or "regimes" in study.sweep):
            yield place, model.regimes
    for value in (study.grid and study.grid.blocks) or ():
        regimes = None if value == NOTHING else as_regimes(value)
        if regimes is not None:
            yield "[grid] blocks", regimes


def _of_report(study: Study, made: dict[str, SpatialModel], panel: CityPanel) -> list[str]:
    """The variable of the report, if it is no regressor of its model.

    Categories become several regressors, whose names are known once they are made.
    """
    main, x = study.report.main or next(iter(study.models)), study.report.x
    terms = parse(made[main].formula).terms
    names = [str(term) for term in terms]
    numeric = all(names_in(term) <= panel.numeric and not term.is_category for term in terms)
    if x is None or x in names or not names or not numeric:
        return []
    return [f"  [report] x = {x!r} is not in {main}; it has {named(names)}{near(x, names)}"]


def _terms(expressions: Sequence[str]) -> list[Term]:
    """What each expression is to a formula."""
    return [parse(f"{text} ~ 1").outcome for text in expressions]


def _read(place: str, terms: Iterable[Term]) -> Iterator[Place]:
    for term in terms:
        for name in sorted(names_in(term)):
            yield place, name
