"""Formulas: checked on their syntax tree first, evaluated by formulaic second.

    y ~ x + log(z)            every regressor may get a spatial lag
    y ~ x + log(z) | x        only the regressors after the bar get one

Columns, arithmetic and a short list of functions are allowed; nothing else reaches the
evaluator, so a study file from a stranger is data, not code. `lag` and `diff` move
within a city: formulaic's own `lag` shifts rows and would carry one city's last year
into the next city's first.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import FormulaError, named
from spatialsyn.models.functions import FUNCTIONS, Mask, functions
from spatialsyn.numerics.lags import Array

_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.keyword,
)  # fmt: skip
# In a formula these are operators on terms, not on numbers: x / z means x + x:z there.
_TERM_OPERATORS = re.compile(r"\*\*|[/^%]|(?<![\s~|(])-|-(?!\s*1\s*(?:$|[+|)]))")


@dataclass(frozen=True)
class Regressors:
    """The evaluated formula: y and X on the panel, with the years that remain.

    `terms` says which term of the formula a column of X belongs to, `lagged` whether it
    gets a spatial lag when the model has WX terms; `sources` names the panel columns it is
    made from.
    """

    y: Array  # (n, T)
    X: Array  # (n, T, k)
    names: tuple[str, ...]
    terms: tuple[str, ...]
    lagged: tuple[bool, ...]
    sources: tuple[frozenset[str], ...]
    outcome: str
    outcome_sources: frozenset[str]
    years: tuple[int, ...]
    before: Array | None = None  # (n, T), the outcome one year earlier, in dynamic models
    blocks: Mapping[str, Array] = field(default_factory=dict)  # 0/1, (n,) or (n, T), by regime


@dataclass(frozen=True)
class Parsed:
    """A checked formula: formulaic's terms, which of them get a lag, and the intercept."""

    outcome: Any
    terms: tuple[Any, ...]
    lagged: tuple[bool, ...]
    intercept: bool

    @cached_property
    def years_lost(self) -> int:
        """Years that `lag` and `diff` take from the front of every city's series."""
        factors = [f for term in (self.outcome, *self.terms) for f in term.factors]
        trees = [_tree(f.expr) for f in factors if f.eval_method.value == "python"]
        return max((_depth(tree) for tree in trees if tree is not None), default=0)


@lru_cache(maxsize=1024)
def parse(formula: str) -> Parsed:
    """Check every factor of `formula` and return its terms; nothing is evaluated."""
    if not isinstance(formula, str):
        raise FormulaError(f"a formula is a text such as 'y ~ x'; got {formula!r}.")
    if formula.count("~") != 1:
        raise FormulaError(f"{formula!r} needs one '~' between outcome and regressors.")
    left, right = formula.split("~")
    sides = right.split("|")
    if len(sides) > 2 or "|" in left:
        raise FormulaError(f"{formula!r} may have one '|', on its right side.")
    outcome = [term for term in _terms(left, formula) if str(term) != "1"]
    if len(outcome) != 1:
        raise FormulaError(f"the left side of {formula!r} must be one column or one expression.")
    everything = _terms(sides[0], formula)
    terms = tuple(term for term in everything if str(term) != "1")
    after_bar = _terms(sides[1], formula) if len(sides) == 2 else everything
    foreign = [str(t) for t in after_bar if str(t) != "1" and t not in terms]
    if foreign:
        raise FormulaError(
            f"{named(foreign)} stand after the '|' in {formula!r} but not before it: "
            "a regressor that gets a spatial lag must be a regressor itself."
        )
    lagged = tuple(term in after_bar for term in terms)
    return Parsed(outcome[0], terms, lagged, intercept=len(everything) > len(terms))


def _terms(side: str, formula: str) -> list[Any]:
    """The terms of one side of the formula, all their factors checked."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    _check_term_operators(side, formula)
    try:
        terms = list(Formula(side.strip() or "0"))
    except (FormulaicError, SyntaxError) as error:
        check_expression(side.strip(), formula)  # says more, where it finds what is wrong
        raise FormulaError(f"cannot read {side.strip()!r} in the formula {formula!r}.") from error
    for term in terms:
        for factor in term.factors:
            # What stands in backticks is looked up as a column name and never evaluated.
            if factor.eval_method.value != "lookup" or f"`{factor.expr}`" not in side:
                check_expression(factor.expr, formula)
    return terms


def _check_term_operators(side: str, formula: str) -> None:
    """Refuse /, **, ^ and - between terms, which do not mean arithmetic there."""
    outside = re.sub(r"`[^`]*`|\{[^}]*\}", "x", side)
    while "(" in outside:
        bare = re.sub(r"\w*\([^()]*\)", "x", outside)
        if bare == outside:
            break
        outside = bare
    if _TERM_OPERATORS.search(outside):
        raise FormulaError(
            f"{side.strip()!r} in {formula!r} uses / ** ^ or - between regressors, where they do "
            "not mean arithmetic (x / z would mean x + x:z). Write arithmetic in braces, "
            "{x / z} or {x ** 2}; '- 1' removes the intercept, ':' makes an interaction."
        )


def check_expression(expression: str, formula: str) -> None:
    """Refuse an expression unless its syntax tree is columns, arithmetic and `FUNCTIONS`."""
    tree = _tree(expression)
    if tree is None:
        raise FormulaError(f"cannot read {expression!r} in the formula {formula!r}.")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) not in FUNCTIONS:
            raise FormulaError(
                f"{ast.unparse(node.func)!r} in {formula!r} is not a function that a formula may "
                f"call; these are: {', '.join(FUNCTIONS)}. Arithmetic stands in braces: {{x ** 2}}."
            )
        if not isinstance(node, _NODES) or _hidden(node):
            raise FormulaError(
                f"{expression!r} is not allowed in the formula {formula!r}: a formula holds "
                f"columns, numbers, + - * / ** and the functions {', '.join(FUNCTIONS)}."
            )


def _depth(node: ast.AST) -> int:
    """Years back that an expression reaches, nested lags added up."""
    inner = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    if not (isinstance(node, ast.Call) and _called(node) in ("lag", "diff")):
        return inner
    given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "k")]
    order = given[0].value if given and isinstance(given[0], ast.Constant) else 1
    return inner + (order if isinstance(order, int) and order > 0 else 1)


def _hidden(node: ast.AST) -> bool:
    """A text, a truth value or a dunder name."""
    if isinstance(node, ast.Constant):
        return type(node.value) not in (int, float)
    return isinstance(node, ast.Name) and node.id.startswith("__")


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _tree(expression: str) -> ast.Expression | None:
    """The syntax tree, with columns quoted in backticks standing as plain names."""
    try:
        return ast.parse(re.sub(r"`([^`]*)`", "quoted_column", expression), mode="eval")
    except SyntaxError:
        return None


def columns_of(term: Any, known: frozenset[str]) -> frozenset[str]:
    """The panel columns that a term reads; names that are not `known` are errors."""
    found: set[str] = set()
    for factor in term.factors:
        expression = factor.expr
        if factor.eval_method.value == "lookup":
            found.add(expression)
            continue
        tree = _tree(expression)
        found.update(re.findall(r"`([^`]*)`", expression))
        if tree is not None:
            functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            names = [
                n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions
            ]
            found.update(node.id for node in names if node.id != "quoted_column")
    absent = sorted(found - known)
    if absent:
        raise FormulaError(
            f"the panel has no column {named(absent)}, used in {str(term)!r}; "
            f"it has {named(sorted(known), 60)}."
        )
    return frozenset(found)


def evaluate(
    formula: str, panel: CityPanel, intercept: bool, dynamic: bool = False, holes: bool = False
) -> Regressors:
    """Evaluate `formula` on the full balanced `panel`.

    Years lost to `lag` or `diff` are dropped from the front, for every city alike; any
    other missing or infinite cell is an error that names it. With `intercept` a column
    of ones comes first, unless the formula removes it with ``- 1``. A `dynamic` model
    takes one more year, whose outcome starts it. With `holes`, cells whose columns are
    missing in the panel are NaN; what cannot be computed from observed numbers, such as
    the logarithm of a negative one, stays an error.
    """
    parsed = parse(formula)
    known = frozenset(map(str, panel.frame.columns))
    of_outcome = columns_of(parsed.outcome, known)
    of_term = [columns_of(term, known) for term in parsed.terms]
    _check_sides(parsed, of_outcome, of_term)
    numeric = [pd.api.types.is_numeric_dtype(panel.frame[name]) for name in of_outcome]
    y, X, owner = _sides(parsed, panel, intercept)
    if y.shape[1] != 1 or not numeric or not all(numeric):
        raise FormulaError(f"the outcome {str(parsed.outcome)!r} must be made of numeric columns.")
    names, terms = list(map(str, X.columns)), [str(parsed.terms[i]) for i in owner]
    lagged, sources = [parsed.lagged[i] for i in owner], [of_term[i] for i in owner]
    outcome = str(y.columns[0])
    lost = parsed.years_lost + dynamic
    if lost >= panel.T:
        raise FormulaError(
            f"{formula!r} needs {lost} years before its first one; the panel has {panel.T} years."
        )
    cube = _cube(y, X, panel)
    checked = cube
    if holes and not np.isfinite(cube).all():
        filled = _filled(panel, of_outcome.union(*of_term))
        checked = _cube(*_sides(parsed, filled, intercept)[:2], panel)
        cube[~np.isfinite(cube)] = np.nan
    _check_finite(checked[:, lost:], panel, panel.years[lost:], [outcome, *names], holes)
    if dynamic:
        first = checked[:, lost - 1 : lost, :1]
        _check_finite(first, panel, panel.years[lost - 1 :], [outcome], holes)
    if intercept and parsed.intercept:
        cube = np.insert(cube, 1, 1.0, axis=2)
        names, terms = ["Intercept", *names], ["1", *terms]
        lagged, sources = [False, *lagged], [frozenset(), *sources]
    return Regressors(
        y=cube[:, lost:, 0],
        X=cube[:, lost:, 1:],
        names=tuple(names),
        terms=tuple(terms),
        lagged=tuple(lagged),
        sources=tuple(sources),
        outcome=outcome,
        outcome_sources=of_outcome,
        years=panel.years[lost:],
        before=cube[:, lost - 1 : -1, 0] if dynamic else None,
    )


def _sides(
    parsed: Parsed, panel: CityPanel, intercept: bool
) -> tuple[pd.DataFrame, pd.DataFrame, list[int]]:
    """Outcome, columns of the regressors, and the term each of these belongs to."""
    y, _ = _evaluated((parsed.outcome,), panel)
    # Dummies of a category lose one level to the constant, or to the fixed effects.
    X, owner = _evaluated(parsed.terms, panel, constant=parsed.intercept or not intercept)
    return y, X, owner


def _cube(y: pd.DataFrame, X: pd.DataFrame, panel: CityPanel) -> Array:
    """(n, T, 1 + k), the outcome first."""
    values = np.c_[y.to_numpy(dtype=float), X.to_numpy(dtype=float)]
    return values.reshape(panel.n, panel.T, -1)


def _filled(panel: CityPanel, columns: frozenset[str]) -> CityPanel:
    """`panel` with an observed value in every missing cell, to tell holes from arithmetic."""
    frame = panel.frame
    holed = [name for name in columns if frame[name].isna().any()]
    observed = {name: next(iter(frame[name].dropna()), 1.0) for name in holed}
    return panel.assign(**{name: frame[name].fillna(value) for name, value in observed.items()})


def _check_sides(parsed: Parsed, of_outcome: frozenset[str], of_term: list[frozenset[str]]) -> None:
    """The outcome's columns may not stand on the right side too."""
    both = [
        str(term)
        for term, columns in zip(parsed.terms, of_term, strict=True)
        if columns & of_outcome
    ]
    divided = any("/" in term for term in both)
    if both:
        way_out = (
            "Its error then stands on both sides: the relation is an identity in part. Divide by "
            "something else (population, the value of a base year); if the ratio is what theory "
            "asks for, make it a column, panel.assign(share=...), and name it endogenous=."
            if divided
            else "A lagged outcome makes a dynamic model: ask for it with lag_y=True, lag_wy=True, "
            "which also removes the bias of its fixed effects. Otherwise the relation is an "
            "identity: leave it out."
        )
        raise FormulaError(
            f"{named(both)} holds the outcome {str(parsed.outcome)!r} itself. {way_out}"
        )


def _evaluated(
    terms: tuple[Any, ...], panel: CityPanel, constant: bool = True
) -> tuple[pd.DataFrame, list[int]]:
    """Columns of all `terms` together, and the term each belongs to."""
    frame, plain = panel.frame, [str(term) for term in terms]
    if all(n in frame.columns and pd.api.types.is_numeric_dtype(frame[n]) for n in plain):
        return frame[plain], list(range(len(terms)))
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.parser.types import Term

    one = next(iter(Formula("1")))
    assert isinstance(one, Term)
    context, empty = functions(panel)
    try:
        made = Formula([one, *terms] if constant else list(terms)).get_model_matrix(
            frame, context=context, na_action="ignore"
        )
    except (FormulaicError, TypeError, ValueError) as error:
        reason = error.__cause__ if isinstance(error.__cause__, FormulaError) else error
        raise FormulaError(f"cannot evaluate {named(plain)}: {reason}") from error
    slices = made.model_spec.term_slices
    owner = [i for i, term in enumerate(terms) for _ in made.columns[slices[term]]]
    order = [name for term in terms for name in made.columns[slices[term]]]
    return _with_missing_categories(pd.DataFrame(made)[order], owner, terms, panel, empty), owner


def _with_missing_categories(
    made: pd.DataFrame, owner: list[int], terms: tuple[Any, ...], panel: CityPanel, empty: Mask
) -> pd.DataFrame:
    """`made` with NaN where a category is missing: formulaic's dummies are all zero there."""
    frame = panel.frame
    known = frozenset(map(str, frame.columns))
    used = [columns_of(term, known) for term in terms]
    text = {
        name: frame[name].isna().to_numpy()
        for name in frozenset().union(*used)
        if not pd.api.types.is_numeric_dtype(frame[name]) and frame[name].isna().any()
    }
    if not text and not empty.any():
        return made
    made = made.astype(float)
    for j, i in enumerate(owner):
        holes = [text[name] for name in used[i] if name in text]
        holes += [empty] if "C(" in str(terms[i]) else []
        made.iloc[np.any([np.zeros_like(empty), *holes], axis=0), j] = np.nan
    return made


def _check_finite(
    cube: Array, panel: CityPanel, years: tuple[int, ...], names: list[str], holes: bool
) -> None:
    bad = ~np.isfinite(cube)
    if not bad.any():
        return
    column = int(np.flatnonzero(bad.any(axis=(0, 1)))[0])
    cells = [(panel.ids[i], years[t]) for i, t in zip(*np.nonzero(bad[..., column]), strict=True)]
    if holes:
        raise FormulaError(
            f"{names[column]!r} cannot be computed in {len(cells)} city-years, where nothing is "
            f"missing: {named(cells)}. A logarithm needs positive values, a ratio a divisor."
        )
    raise FormulaError(
        f"{names[column]!r} is missing or not finite in {len(cells)} city-years: {named(cells)}. "
        "A spatial lag needs every neighbour in every year: fill the cells "
        "(panel.interpolate), choose other years (panel.subset(years=...)), leave the variable "
        'out, or say what becomes of them: ss.fit(..., missing="balance") drops cities or years, '
        'missing="likelihood" keeps missing outcomes. A logarithm needs positive values.'
    )
