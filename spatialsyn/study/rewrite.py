"""A model with other terms in its formula: left out, swapped, winsorised, lagged in time.

    y ~ x + log(z)    winsor 0.01    winsor(y, 0.01) ~ winsor(x, 0.01) + winsor(log(z), 0.01)
                      lag 1          y ~ lag(x) + lag(log(z))
                      without x      y ~ log(z)
                      z read as z2   y ~ x + log(z2)

Whatever refers to a term by its name (own matrices, regimes, endogenous regressors) follows.
Categories, `C(...)`, stay as they are. Everything is winsorised, the outcome too; only
regressors are lagged.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import compress
from typing import Any

from spatialsyn.errors import FormulaError, ModelError, named
from spatialsyn.models.endogenous import terms_of
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import Factor, Parsed, Term, names_in, parse

CATEGORY = re.compile(r"\bC\(")
# A column in an expression, quoted or not; what a bracket or = follows is a function or its option.
COLUMN = re.compile(r"`([^`]*)`|\b([^\W\d]\w*)\b(?!\s*[(=])")


def rewritten(
    model: SpatialModel,
    swaps: Mapping[str, str],
    winsor: float | None,
    lag_x: int,
    left_out: Sequence[str] = (),
) -> tuple[SpatialModel, dict[str, str]]:
    """`model` with its formula changed, and what each new term stands for.

    Parameters
    ----------
    swaps : term -> the one in its place, before all else
    winsor : share cut from either tail, None for no cut
    lag_x : years by which regressors are lagged
    left_out : terms that the model does without, as `spelled` has them

    Raises
    ------
    ModelError
        A swap of a term that the formula does not have, or for one that it has already; a term
        left out that something else in the model stands on.
    """
    old = parse(model.formula)
    _check_swaps(swaps, old, model.formula)
    if left_out:
        old = _without(model, old, left_out)
    texts = [_changed(term, swaps, winsor, lag_x) for term in old.terms]
    outcome = _changed(old.outcome, swaps, winsor, 0)
    formula = _formula(model.formula, old, outcome, texts)
    new = parse(formula)
    if len(new.terms) < len(old.terms):
        raise ModelError(f"{formula!r} holds a term twice: a swap must bring a new one.")
    name = {str(a): str(b) for a, b in zip(old.terms, new.terms, strict=True)}
    return _renamed(model, formula, name), {b: a for a, b in name.items()}


def columns_read(model: SpatialModel) -> frozenset[str]:
    """The columns that outcome, regressors, instruments and thresholds of a model name."""
    parsed = parse(model.formula)
    outside = [parse(f"{text} ~ 1").outcome for text in model.instruments]
    named_in = map(names_in, (parsed.outcome, *parsed.terms, *outside))
    return frozenset(_cut_by(model)).union(*named_in)


def _cut_by(model: SpatialModel) -> tuple[str, ...]:
    """The column whose number divides city-years into regimes, if there is one."""
    regimes = model.regimes
    return () if regimes is None or regimes.above is None else (regimes.grouping,)


def reading(model: SpatialModel, columns: Mapping[str, str]) -> tuple[SpatialModel, dict[str, str]]:
    """`model` with other columns in the place of some, and what each new term stands for.

    Parameters
    ----------
    columns : column -> the one that is read instead, wherever the model names it
    """
    parsed = parse(model.formula)
    terms = [term for term in (parsed.outcome, *parsed.terms) if names_in(term) & columns.keys()]
    made, stands_for = rewritten(model, {str(t): _reading(t, columns) for t in terms}, None, 0)
    outside = {text: parse(f"{text} ~ 1").outcome for text in model.instruments}
    moved = [
        _reading(term, columns) if names_in(term) & columns.keys() else text
        for text, term in outside.items()
    ]
    made = made.but(instruments=moved)
    for name in _cut_by(made):
        made = made.but(regimes=replace(made.regimes, grouping=columns.get(name, name)))
    return made, stands_for


def _reading(term: Term, columns: Mapping[str, str]) -> str:
    """The text of a term that reads other columns."""

    def placed(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return f"`{columns[name]}`" if name in columns else found[0]

    def written(factor: Factor) -> str:
        if factor.method == "lookup":
            return f"`{columns.get(factor.expr, factor.expr)}`"
        return f"{{{COLUMN.sub(placed, factor.expr)}}}"

    return ":".join(map(written, term.factors))


def _check_swaps(swaps: Mapping[str, str], parsed: Parsed, formula: str) -> None:
    there = [str(term) for term in (parsed.outcome, *parsed.terms)]
    absent = [term for term in swaps if term not in there]
    if absent:
        raise ModelError(f"swap({named(absent)}): {formula!r} has the terms {named(there, 40)}.")


def _without(model: SpatialModel, parsed: Parsed, left_out: Sequence[str]) -> Parsed:
    """The formula of `model` without some terms."""
    for term in left_out:
        _check_spare(term, model, parsed, left_out)
    kept = [text not in left_out for text in parsed.texts]
    terms, lagged = tuple(compress(parsed.terms, kept)), tuple(compress(parsed.lagged, kept))
    if model.roles.wx and not any(lagged):
        raise ModelError(
            f"without {named(left_out)} nothing is left to lag in {model.formula!r}: keep a term "
            "that has a spatial lag."
        )
    return replace(parsed, terms=terms, lagged=lagged)


def spelled(term: str, formula: str) -> str:
    """A term of `formula`, however it is spelled, as its effects are called: x ** 2 of {x**2}.

    Raises
    ------
    ModelError
        The formula does not have it.
    """
    found, texts = known(term, formula), parse(formula).texts
    if found not in texts:
        raise ModelError(
            f"{term!r} cannot be left out: {formula!r} has the terms {named(texts, 40)}."
        )
    return found


def known(term: str, formula: str) -> str | None:
    """A term of `formula`, or its outcome, however it is spelled; None if it has no such term."""
    parsed = parse(formula)
    there = (parsed.outcome, *parsed.terms)
    if term in map(str, there):
        return term
    with suppress(FormulaError):
        same = parse(f"{term} ~ 1").outcome.product
        return next((str(own) for own in there if own.product == same), None)
    return None


def _check_spare(term: str, model: SpatialModel, parsed: Parsed, left_out: Sequence[str]) -> None:
    """Refuse to leave out a term that something else stands on."""
    factors = parsed.terms[parsed.texts.index(term)].product
    kept = [t for t in parsed.terms if str(t) not in left_out]
    whole = [str(t) for t in kept if factors < t.product]
    if whole:
        raise ModelError(
            f"{term!r} cannot be left out alone: {named(whole)} is made of it. Make the "
            f"interaction optional too, optional={[*whole, term]}, or write a model without it."
        )
    stands_on = {
        "endogenous": terms_of(model.endogenous, model.formula),
        "W (by terms)": tuple(t for _, terms in model.roles.wx for t in terms),
        "regimes": () if model.regimes is None else model.regimes.x,
    }
    for part, terms in stands_on.items():
        if term in terms:
            raise ModelError(
                f"{term!r} cannot be left out: {part} of the model names it. Make a second grid, "
                "of the model without it."
            )


def _changed(term: Term, swaps: Mapping[str, str], winsor: float | None, years: int) -> str:
    """The text of a term once it was swapped, winsorised and lagged.

    A swap reaches into interactions: with va in another shape, va:gdp is too.
    """
    factors = _replaced(str(term), swaps)
    if not factors:
        factors = [f for old in term.factors for f in _replaced(old.expr, swaps) or [old]]
    return ":".join(_wrapped(factor, winsor, years) for factor in factors)


def _replaced(text: str, swaps: Mapping[str, str]) -> list[Factor]:
    """The factors of what is put in the place of `text`; none where it stays."""
    if text not in swaps:
        return []
    return list(parse(f"{swaps[text]} ~ 1").outcome.factors)


def _wrapped(factor: Factor, winsor: float | None, years: int) -> str:
    text = factor.expr
    if factor.method == "lookup" and not text.isidentifier():
        text = f"`{text}`"
    if CATEGORY.search(text):
        return text
    if winsor is not None:
        text = f"winsor({text}, {winsor})"
    if years:
        text = f"lag({text})" if years == 1 else f"lag({text}, {years})"
    return text if _stands_alone(text) else f"{{{text}}}"


@lru_cache(maxsize=1024)  # a grid asks the same again and again
def _stands_alone(text: str) -> bool:
    """Whether a factor needs no braces: a column, or one call."""
    if text.isidentifier() or re.fullmatch(r"`[^`]*`", text):
        return True
    return isinstance(ast.parse(re.sub(r"`[^`]*`", "x", text), mode="eval").body, ast.Call)


def _formula(given: str, parsed: Parsed, outcome: str, texts: list[str]) -> str:
    right = " + ".join(texts) or "1"
    right += "" if parsed.intercept else " - 1"
    if "|" in given:
        lagged = [t for t, flag in zip(texts, parsed.lagged, strict=True) if flag]
        right += f" | {' + '.join(lagged)}"
    return f"{outcome} ~ {right}"


def _renamed(model: SpatialModel, formula: str, name: Mapping[str, str]) -> SpatialModel:
    """The model with `formula`, its terms called by their new names everywhere."""

    def renamed(terms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.get(term, term) for term in terms)

    endogenous = renamed(terms_of(model.endogenous, model.formula))
    fields: dict[str, Any] = {"formula": formula, "endogenous": endogenous}
    if any(terms for _, terms in model.roles.wx):
        wx = tuple((matrix, renamed(terms)) for matrix, terms in model.roles.wx)
        fields["W"] = replace(model.roles, wx=wx)
    if model.regimes is not None:
        fields["regimes"] = replace(model.regimes, x=renamed(model.regimes.x))
    return model.but(**fields)
