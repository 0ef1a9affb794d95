"""Formulas evaluated on a panel: by formulaic where they have dummies of categories."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import FormulaError, named
from spatialsyn.models.functions import Mask, functions
from spatialsyn.models.syntax import ONE, Factor, Parsed, Term, columns_of, parse
from spatialsyn.models.terms import Terms
from spatialsyn.numerics.lags import Array


@dataclass(frozen=True, eq=False, repr=False)
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
    # Outcome and columns by what they are: equal ones of two formulas are the same numbers.
    keys: tuple[Hashable, ...] = ()

    def __repr__(self) -> str:
        n, T = self.y.shape
        columns = ", ".join(self.names) or "no columns"
        return f"Regressors: {self.outcome} on {columns}; {n} cities x {T} years"

    def __post_init__(self) -> None:
        # One order in memory, which is also that of a copy in another process: sums of the same
        # numbers in another order differ in the last bit.
        for name in ("y", "X", "before"):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, np.ascontiguousarray(values))


def evaluate(
    formula: str,
    panel: CityPanel,
    intercept: bool,
    dynamic: bool = False,
    holes: bool = False,
    known: Terms | None = None,
) -> Regressors:
    """Evaluate `formula` on the full balanced `panel`.

    Years lost to `lag` or `diff` are dropped from the front, for every city alike; any
    other missing or infinite cell is an error that names it. With `intercept` a column
    of ones comes first, unless the formula removes it with ``- 1``. A `dynamic` model
    takes one more year, whose outcome starts it. With `holes`, cells whose columns are
    missing in the panel are NaN; what cannot be computed from observed numbers, such as
    the logarithm of a negative one, stays an error. Terms that are `known` of the panel are not
    computed again, and grow in number.
    """
    parsed = parse(formula)
    terms = Terms(panel) if known is None else known
    of_outcome = terms.sources(parsed.outcome)
    of_term = [terms.sources(term) for term in parsed.terms]
    _check_sides(parsed, of_outcome, of_term)
    if not of_outcome or not terms.is_numeric(parsed.outcome):
        raise FormulaError(f"the outcome {str(parsed.outcome)!r} must be made of numeric columns.")
    cube, names, owner, keys = _sides(parsed, terms, intercept)
    outcome = parsed.outcome.name
    owners = [parsed.texts[i] for i in owner]
    lagged, sources = [parsed.lagged[i] for i in owner], [of_term[i] for i in owner]
    lost = parsed.years_lost + dynamic
    _check_years_left(formula, panel, lost)
    checked = cube
    if holes and not np.isfinite(cube).all():
        filled = _filled(panel, of_outcome.union(*of_term))
        checked = _sides(parsed, Terms(filled), intercept)[0]
        cube[~np.isfinite(cube)] = np.nan
    _check_finite(checked[:, lost:], panel, panel.years[lost:], [outcome, *names], holes)
    if dynamic:
        first = checked[:, lost - 1 : lost, :1]
        _check_finite(first, panel, panel.years[lost - 1 :], [outcome], holes)
    if intercept and parsed.intercept:
        cube = np.insert(cube, 1, 1.0, axis=2)
        names, owners = ["Intercept", *names], ["1", *owners]
        keys.insert(1, "1")
        lagged, sources = [False, *lagged], [frozenset(), *sources]
    return Regressors(
        y=cube[:, lost:, 0],
        X=cube[:, lost:, 1:],
        names=tuple(names),
        terms=tuple(owners),
        lagged=tuple(lagged),
        sources=tuple(sources),
        outcome=outcome,
        outcome_sources=of_outcome,
        years=panel.years[lost:],
        before=cube[:, lost - 1 : -1, 0] if dynamic else None,
        keys=tuple(keys),
    )


def _sides(
    parsed: Parsed, terms: Terms, intercept: bool
) -> tuple[Array, list[str], list[int], list[Hashable]]:
    """Outcome and regressors, (n, T, 1 + k); names of the regressors, and the term of each; keys
    of all."""
    shape = terms.panel.n, terms.panel.T, -1
    y = terms.values(parsed.outcome)
    if all(map(terms.is_numeric, parsed.terms)):
        columns = [y, *map(terms.values, parsed.terms)]
        names, owner = [term.name for term in parsed.terms], list(range(len(parsed.terms)))
        keys: list[Hashable] = [parsed.outcome, *parsed.terms]
        return np.stack(columns, axis=1).reshape(shape), names, owner, keys
    # Dummies of a category lose one level to the constant, or to the fixed effects.
    constant = parsed.intercept or not intercept
    X, owner = _with_dummies(parsed.terms, terms, constant)
    names = list(map(str, X.columns))
    # What they are, they are together.
    keys = [parsed.outcome, *((*parsed.terms, constant, j) for j in range(len(names)))]
    values = np.column_stack([y, X.to_numpy(dtype=float)])
    return values.reshape(shape), names, owner, keys


def _check_years_left(formula: str, panel: CityPanel, lost: int) -> None:
    if lost >= panel.T:
        raise FormulaError(
            f"{formula!r} needs {lost} years before its first one, for its lags in time; the panel "
            f"has {panel.T} years, {panel.years[0]}-{panel.years[-1]}. Take a panel of {lost + 1} "
            "years or more, or leave the lags out: lag_y, lag_wy, lag(x), diff(x)."
        )


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


def _with_dummies(
    terms: tuple[Term, ...], known: Terms, constant: bool
) -> tuple[pd.DataFrame, list[int]]:
    """Columns of all `terms` together, and the term each belongs to."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.parser import types

    panel, plain = known.panel, [str(term) for term in terms]
    factors = dict.fromkeys(Term((factor,)) for term in terms for factor in term.factors)
    stands = {one: f"numeric_{i}_" for i, one in enumerate(factors) if known.is_numeric(one)}
    _check_text(factors, known)
    others = frozenset().union(*(known.sources(one) for one in factors if one not in stands))
    # Columns of a frame with two keys take long to look up.
    frame = panel.frame.reset_index(drop=True)[sorted(others)].assign(
        **{stand: known.values(one) for one, stand in stands.items()}
    )

    def theirs_of(factor: Factor) -> types.Factor:
        stand = stands.get(Term((factor,)))
        return types.Factor(stand or factor.expr, eval_method="lookup" if stand else factor.method)

    one, *theirs = [types.Term(map(theirs_of, term.factors)) for term in (ONE, *terms)]
    context, empty = functions(panel)
    try:
        made = Formula([one, *theirs] if constant else theirs).get_model_matrix(
            frame, context=context, na_action="ignore"
        )
    except (FormulaicError, TypeError, ValueError) as error:
        reason = error.__cause__ if isinstance(error.__cause__, FormulaError) else error
        raise FormulaError(f"cannot evaluate {named(plain)}: {reason}") from error
    slices = made.model_spec.term_slices
    columns = [made.columns[slices[term]] for term in theirs]
    for term, names in zip(terms, columns, strict=True):
        if not len(names):
            raise FormulaError(f"{str(term)!r} has one value in this panel at most: leave it out.")
    owner = [i for i, names in enumerate(columns) for _ in names]
    order = [name for names in columns for name in names]
    meant = {stand: one.name for one, stand in stands.items()}
    found = pd.DataFrame(made)[order].set_axis(
        [":".join(meant.get(part, part) for part in name.split(":")) for name in order], axis=1
    )
    return _with_missing_categories(found, owner, terms, panel, empty), owner


def _check_text(factors: Iterable[Term], known: Terms) -> None:
    """Refuse arithmetic with columns that are not numbers, and spans of time as if they were."""
    kinds = known.panel.frame.dtypes
    for one in factors:
        text = known.sources(one) - known.panel.numeric
        times = sorted(name for name in text if getattr(kinds[name], "kind", "") in "mM")
        if times and not one.is_category:
            raise FormulaError(
                f"{times[0]!r} holds dates or spans of time, which have no unit of their own. Make "
                f"a number of it: frame[{times[0]!r}].dt.days of a span, .dt.year of a date."
            )
        if text and one.factors[0].method == "python" and not one.is_category:
            raise FormulaError(
                f"cannot evaluate {str(one)!r}: {named(sorted(text))} is not made of numbers. "
                f"Dummies of it are C({min(text)})."
            )


def _with_missing_categories(
    made: pd.DataFrame, owner: list[int], terms: tuple[Term, ...], panel: CityPanel, empty: Mask
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
        missing = np.any([np.zeros_like(empty), *holes], axis=0)
        made.iloc[:, j] = made.iloc[:, j].mask(missing)
    return made


def _check_finite(
    cube: Array, panel: CityPanel, years: tuple[int, ...], names: list[str], holes: bool
) -> None:
    bad = ~np.isfinite(cube)
    if not bad.any():
        return
    column = int(np.flatnonzero(bad.any(axis=(0, 1)))[0])
    cells = [(panel.ids[i], years[t]) for i, t in zip(*np.nonzero(bad[..., column]), strict=True)]
    computed = " A logarithm needs positive values, a ratio a divisor."
    if holes:
        raise FormulaError(
            f"{names[column]!r} cannot be computed in {len(cells)} city-years, where nothing is "
            f"missing: {named(cells)}.{computed}"
        )
    hint = computed if {*names[column]} & {*"(/"} else ""
    raise FormulaError(
        f"{names[column]!r} is missing or not finite in {len(cells)} city-years: {named(cells)}. "
        "A spatial lag needs every neighbour in every year: fill the cells "
        "(panel.interpolate(column) makes column_interpolated, for the formula), choose other "
        "years (panel.subset(years=...)), leave the variable out, or say what becomes of them: "
        'ss.fit(..., missing="balance") drops cities or years, missing="likelihood" keeps missing '
        "outcomes." + hint
    )
