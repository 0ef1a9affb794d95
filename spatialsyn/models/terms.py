"""Numeric terms of a formula: products of columns and of arithmetic with them.

What may stand in a term was checked when it was read (`syntax`); here the same syntax tree is
walked, and nothing is handed to Python's evaluator. Numbers are floating-point numbers: whole
ones neither overflow, as the square of a population would, nor refuse a negative power, and the
sum of two flags is 2.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from spatialsyn.cities.panel import CityPanel
from spatialsyn.errors import FormulaError
from spatialsyn.models.functions import functions
from spatialsyn.models.syntax import Factor, Term, columns_of, tree_of
from spatialsyn.numerics.lags import Array

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
    ast.Pow: np.power,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of a panel, each computed once.

    Attributes
    ----------
    found : values, (n T,), of every numeric term that was computed
    """

    panel: CityPanel
    found: dict[Term, Array] = field(default_factory=dict)
    _sources: dict[Term, frozenset[str]] = field(default_factory=dict)
    _columns: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns of the panel."""
        return frozenset(map(str, self.panel.columns))

    @cached_property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """Those that a term may call."""
        return functions(self.panel)[0]

    def sources(self, term: Term) -> frozenset[str]:
        """The columns that a term reads."""
        if term not in self._sources:
            self._sources[term] = columns_of(term, self.columns)
        return self._sources[term]

    def is_numeric(self, term: Term) -> bool:
        """Whether a term is made of numbers alone, whatever stands beside it."""
        if term in self.found:
            return True
        return not term.is_category and self.sources(term) <= self.panel.numeric

    def values(self, term: Term) -> Array:
        """A numeric term, (n T,).

        Raises
        ------
        FormulaError
            A function is called with arguments that it does not take, or brackets are too deep.
        """
        if term not in self.found:
            try:
                parts = [self._factor(factor) for factor in term.factors]
            except (FormulaError, TypeError, ValueError, OverflowError, RecursionError) as error:
                raise FormulaError(f"cannot evaluate {str(term)!r}: {error}") from error
            self.found[term] = np.prod(parts, axis=0)
        return self.found[term]

    def _factor(self, factor: Factor) -> Array:
        if factor.method == "lookup":
            return self._column(factor.expr)
        tree, quoted = tree_of(factor.expr)
        assert tree is not None
        with np.errstate(all="ignore"):  # the check of what was evaluated names the cells
            value = self._value(tree.body, quoted)
        return np.broadcast_to(np.asarray(value, dtype=float), self.panel.n * self.panel.T)

    def _column(self, name: str) -> Array:
        """A column of the panel, (n T,)."""
        if name not in self._columns:
            self._columns[name] = self.panel.array(name).ravel()
        return self._columns[name]

    def _value(self, node: ast.expr, quoted: Mapping[str, str]) -> Any:
        """A number, or an array (n T,)."""

        def value(inner: ast.expr) -> Any:
            return self._value(inner, quoted)

        match node:
            case ast.Name(id=name):
                return self._column(quoted.get(name, name))
            case ast.Constant(value=number):
                return number
            case ast.UnaryOp(op=sign, operand=inner):
                return -value(inner) if isinstance(sign, ast.USub) else value(inner)
            case ast.BinOp(left=left, op=operator, right=right):
                both = (np.asarray(value(side), dtype=float) for side in (left, right))
                return ARITHMETIC[type(operator)](*both)
            case ast.Call(func=ast.Name(id=name), args=given, keywords=more):
                named = {str(one.arg): value(one.value) for one in more}
                return self.functions[name](*map(value, given), **named)
        raise TypeError(f"{ast.unparse(node)} is not arithmetic")
