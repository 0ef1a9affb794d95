"""Many specifications from one: every combination of the choices a reader may question.

A grid is declared before its results are looked at. Each point is a value with a name,
the model it stands for and what was chosen; nothing is estimated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from numbers import Integral
from typing import Any

from spatialsyn.errors import ModelError, SpatialsynError, expect, named
from spatialsyn.models.roles import as_regimes, roles
from spatialsyn.models.spec import SpatialModel
from spatialsyn.models.syntax import parse
from spatialsyn.study.rewrite import known, rewritten, spelled

# What the axes of terms that may be left out begin with.
WITH = "with "
MODEL = "a study takes models such as ss.sdm(...), or a grid of them"


@dataclass(frozen=True)
class Swap:
    """A term and those that may stand in its place."""

    term: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Specification:
    """A model, the years it leaves out, and how it came about.

    Attributes
    ----------
    drop_years : years not estimated on; lags and quantiles of the formula still reach them
    choices : pairs (axis of the grid, what was chosen)
    terms : pairs (term of this model, term of the first model that it stands for)
    """

    model: SpatialModel
    drop_years: tuple[int, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    terms: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        dropped = f", {_label('sample', self.drop_years)}" if self.drop_years else ""
        return f"{self.model}{dropped}"


class Grid(dict[str, Specification]):
    """The specifications of a grid, by name.

    Attributes
    ----------
    left_out : names of the combinations that have an interaction without a term that it is made of
    """

    def __init__(
        self, made: Mapping[str, Specification] | None = None, left_out: Iterable[str] = ()
    ) -> None:
        super().__init__(made or {})
        self.left_out = tuple(left_out)

    def __repr__(self) -> str:
        axes: dict[str, dict[str, None]] = {}
        for one in self.values():
            for axis, chosen in one.choices:
                axes.setdefault(axis, {})[chosen] = None
        varied = [f"  {axis}: {', '.join(of)}" for axis, of in axes.items() if len(of) > 1]
        return "\n".join([f"{len(self)} model{'s' * (len(self) != 1)}", *varied, *self.said()])

    def said(self) -> list[str]:
        """What is not in the grid, in a sentence, if anything is not."""
        count = len(self.left_out)
        models = f"{count} combination{'s' * (count > 1)}"
        return [
            f"{models} left out, an interaction without its terms: {named(self.left_out, 3)}"
        ] if count else []  # fmt: skip


def swap(term: str, others: str | Iterable[str]) -> Swap:
    """`term` of the formula, and the terms that are tried in its place: ``swap("va", ["va_pca"])``.

    The term may be spelled as in the formula or as its effects are called, {x**2} or x ** 2.

    Raises
    ------
    ModelError
        Terms that are not text, or named twice.
    """
    listed = (others,) if isinstance(others, str) or not isinstance(others, Iterable) else others
    listed = tuple(listed)
    terms = [term, *listed]
    if not listed or not all(isinstance(t, str) for t in terms) or len(set(terms)) < len(terms):
        raise ModelError(
            f"swap({term!r}, {others!r}) needs a term of the formula and other terms, each once: "
            'ss.swap("va", ["va_pca", "log(broadband)"]).'
        )
    return Swap(term, listed)


def grid(
    model: SpatialModel,
    W: Any = None,
    fixed_effects: Any = None,
    drop_years: Any = None,
    x: Swap | list[Swap] | None = None,
    winsor: Any = None,
    lag_x: Any = None,
    blocks: Any = None,
    optional: str | Iterable[str] = (),
    instrument_W: Mapping[str, str] | None = None,
) -> Grid:
    """Every combination of the choices, by name.

    Parameters
    ----------
    W, fixed_effects : a list of values these fields of the model may have
        ``W=["geo", ["geo", "dig"]]``: one matrix, or an own rho for each of two.
    drop_years : a list of years, or tuples of years, left out; None for all years
        ``drop_years=[None, 2020, (2020, 2021)]``. Indices, lags and quantiles are those of
        the whole panel.
    x : a swap, or a list of them
        A term, of the outcome too, and what is tried in its place.
    winsor : a list of shares cut from either tail of outcome and regressors; None for no cut
    lag_x : a list of years by which regressors are lagged; 0 for none
    blocks : a list of groupings, or `regimes`, with own coefficients; None for none
    optional : terms of the formula that models have or leave out: k terms make 2^k times as many
        ``optional=["log(loans)", "urbanization"]``: every subset of the controls. Axes are
        called by the terms as effects have them, ``with x ** 2`` for ``{x**2}``. An interaction
        never stands without the terms it is made of: ``optional=["x:z", "z"]`` makes three models
        and leaves out "with x:z, without z": z would matter in proportion to x alone, and another
        zero of x, such as its mean, would be another model. `Grid.left_out` names them.
    instrument_W : what stands in for the matrices of `W`, beside those that the model says itself
        ``W=["dig", "eco"], instrument_W={"dig": "dig_hat", "eco": "eco_hat"}``: every model has
        those of its own matrices, and one at least.

    A single value that is not in a list is taken by all.

    Raises
    ------
    ModelError
        A combination that is no model, two that are the same one, an empty list, a W without
        a stand-in where others have one.
    """
    expect(model, SpatialModel, MODEL, ModelError)
    swaps = x if isinstance(x, list) else [] if x is None else [x]
    for one in swaps:
        expect(one, Swap, 'x takes swaps: x=ss.swap("va", ["va_pca"])', ModelError)
    swaps = [Swap(known(one.term, model.formula) or one.term, one.others) for one in swaps]
    axes: dict[str, list[Any]] = {axis_of(one.term): [one.term, *one.others] for one in swaps}
    if len(axes) < len(swaps):
        raise ModelError(f"{named(s.term for s in swaps)} is swapped twice: name all in one swap.")
    terms = _optional(optional, model.formula, [one.term for one in swaps])
    given = {
        "W": W, "fixed effects": fixed_effects, "sample": drop_years, "winsor": winsor,
        "lag of x": lag_x, "regimes": blocks,
    }  # fmt: skip
    for axis, values in given.items():
        if values is not None:
            axes[axis] = _alternatives(axis, values)
    axes |= {_with(term): [True, False] for term in terms}
    stand_ins = _stand_ins(model, axes.get("W", []), instrument_W)
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    varied = [axis for axis, values in axes.items() if len(values) > 1]
    made, left_out = {}, []
    for point in points:
        name = ", ".join(_part(axis, point[axis]) for axis in varied) or "model"
        if _has_orphan(point, terms, model.formula):
            left_out.append(name)
            continue
        found = _specification(model, point, name, [one.term for one in swaps], terms, stand_ins)
        if name in made:
            raise ModelError(f"the grid has {name!r} twice: every value of an axis once.")
        made[name] = found
    return Grid(made, left_out)


def _has_orphan(point: dict[str, Any], optional: list[str], formula: str) -> bool:
    """Whether an optional interaction is there, and an optional term that it is made of is not."""
    factors = dict(zip(parse(formula).texts, parse(formula).terms, strict=True))
    kept = [factors[term].product for term in optional if point[_with(term)]]
    gone = [factors[term].product for term in optional if not point[_with(term)]]
    return any(part < whole for part in gone for whole in kept)


def _optional(terms: str | Iterable[str], formula: str, swapped: list[str]) -> list[str]:
    """The terms that may be left out, each once."""
    listed = [terms] if isinstance(terms, str) or not isinstance(terms, Iterable) else list(terms)
    texts = all(isinstance(term, str) for term in listed)
    found = [spelled(term, formula) for term in listed] if texts else []
    if len(set(found)) < len(listed):
        raise ModelError(
            f"optional={terms!r} needs terms of the formula, each once: "
            'optional=["log(loans)", "urbanization"].'
        )
    both = [term for term in found if term in swapped]
    if both:
        raise ModelError(
            f"{named(both)} is swapped and optional: where it is left out nothing stands in its "
            "place, and models would come twice. Make a second grid, of the model without it."
        )
    return found


def _alternatives(axis: str, values: Any) -> list[Any]:
    listed = values if isinstance(values, list) else [values]
    if not listed:
        raise ModelError(f"the axis {axis!r} of the grid is empty: give its values, or leave it.")
    if axis == "sample":
        return [_years(value) for value in listed]
    if axis == "regimes":
        return [as_regimes(value) for value in listed]
    for value in listed:
        _check(axis, value)
    return listed


def _check(axis: str, value: Any) -> None:
    """Refuse shares and lags that are none."""
    share = isinstance(value, float) and 0 < value < 0.5
    if axis == "winsor" and not (value is None or share):
        raise ModelError(f"winsor={value!r}: give shares between 0 and 0.5, or None for no cut.")
    lag = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if axis == "lag of x" and not lag:
        raise ModelError(f"lag_x={value!r}: give whole numbers of years, 0 for none.")


def _years(value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    years = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    if not all(isinstance(year, Integral) and not isinstance(year, bool) for year in years):
        raise ModelError(
            f"drop_years={value!r}: give years or tuples of years in a list, None for all years: "
            "drop_years=[None, 2020, (2020, 2021)]."
        )
    return tuple(sorted({int(year) for year in years}))


def _stand_ins(model: SpatialModel, values: list[Any], given: Any) -> dict[str, str]:
    """What stands in for each endogenous matrix of the model, and of the `values` of W."""
    example = 'instrument_W={"dig": "dig_hat", "eco": "eco_hat"}'
    if given is not None:
        expect(given, Mapping, f"instrument_W of a grid is a mapping: {example}", ModelError)
    found = {**dict(model.instrument_W), **(given or {})}
    if not found:
        return found
    used = [roles(model.family, value).names for value in values]
    foreign = [W for W in given or () if not any(W in names for names in used)]
    if foreign:
        raise ModelError(
            f"instrument_W has {named(foreign)}, and the matrices of W=[...] are "
            f"{named(dict.fromkeys(sum(used, ()))) or 'none'}: name what stands in for one of them."
        )
    bare = [value for value, names in zip(values, used, strict=True) if not found.keys() & names]
    if bare:
        raise ModelError(
            f"nothing stands in for W={named(bare)}, while W[{next(iter(found))}] is endogenous: "
            f"such models do not compare. Name a matrix for each, {example}, or give those that "
            "are exogenous a grid of their own, of a model without instrument_W."
        )
    return found


def _specification(
    model: SpatialModel,
    point: dict[str, Any],
    name: str,
    swapped: list[str],
    optional: list[str],
    stand_ins: Mapping[str, str],
) -> Specification:
    fields: dict[str, Any] = {}
    if "W" in point:
        fields["W"] = point["W"]
        if stand_ins:
            names = roles(model.family, point["W"]).names
            fields["instrument_W"] = {W: stand_ins[W] for W in names if W in stand_ins}
        # Lags in time that follow the matrices of Wy follow the new ones too.
        if model.lag_wy and model.lag_wy == model.roles.wy:
            fields["lag_wy"] = True
    if "fixed effects" in point:
        fields["fixed_effects"] = point["fixed effects"]
    if "regimes" in point:
        fields["regimes"] = point["regimes"]
    swaps = {t: point[axis_of(t)] for t in swapped if point[axis_of(t)] != t}
    winsor, lag_x = point.get("winsor"), point.get("lag of x", 0)
    left_out = [term for term in optional if not point[_with(term)]]
    try:
        made, terms = rewritten(model.but(**fields), swaps, winsor, lag_x, left_out)
    except SpatialsynError as error:
        raise type(error)(f"{name}: {error}") from error
    choices = tuple((axis, _label(axis, value)) for axis, value in point.items())
    return Specification(made, point.get("sample", ()), choices, tuple(terms.items()))


def axis_of(term: str) -> str:
    """What the axis of a swap is called."""
    return f"{term} as"


def _with(term: str) -> str:
    """What the axis of a term that may be left out is called."""
    return f"{WITH}{term}"


def _part(axis: str, value: Any) -> str:
    """What was chosen on an axis, as part of the name of a model."""
    if isinstance(value, bool):
        return axis if value else f"without {axis.removeprefix(WITH)}"
    return _label(axis, value)


def _label(axis: str, value: Any) -> str:
    """What was chosen on an axis, in words."""
    if axis == "sample":
        return f"without {', '.join(map(str, value))}" if value else "all years"
    if axis == "winsor":
        return "no winsor" if value is None else f"winsor {value:g}"
    if axis == "lag of x":
        return f"lag {value}" if value else "no lag"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if axis == "regimes":
        return "one regime" if value is None else f"by {value}"
    if axis == "W" and isinstance(value, list | tuple):
        return " + ".join(map(str, value))
    if axis == "W" and isinstance(value, dict):
        return " ".join(f"{role} {name}" for role, name in value.items())
    return str(value)
