"""Formulas as text: what may stand in them, checked on the syntax tree.

    y ~ x + log(z)            every regressor may get a spatial lag
    y ~ x + log(z) | x        only the regressors after the bar get one

Columns, arithmetic and a short list of functions are allowed; nothing else reaches the
evaluator, so a study file from a stranger is data, not code.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from spatialsyn.errors import FormulaError, named, near
from spatialsyn.models.functions import ELSEWHERE, FUNCTIONS

_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.keyword,
)  # fmt: skip
# A column, quoted or not, arithmetic in braces, a call with brackets inside, the intercept.
_QUOTED = r"`[^`]*`"
_INSIDE = rf"(?:{_QUOTED}|[^()`])*"
for _ in range(8):
    _INSIDE = rf"(?:{_QUOTED}|[^()`]|\({_INSIDE}\))*"
_FACTOR = (
    rf"{_QUOTED}|\{{(?:{_QUOTED}|[^{{}}`])*\}}|[^\W\d]\w*(?:\({_INSIDE}\))?|(?<![\w.])1(?![\w.])"
)
_PRODUCT = re.compile(rf"(?:{_FACTOR})(?:\s*:\s*(?:{_FACTOR}))*")
_SUM = re.compile(rf"\s*{_PRODUCT.pattern}(?:\s*\+\s*{_PRODUCT.pattern})*\s*")
# In a formula these are operators on terms, not on numbers: x / z means x + x:z there.
_TERM_OPERATORS = re.compile(r"\*\*|[/^%]|(?<![\s~|(])-|-(?!\s*1\s*(?:$|[+|)]))")
# Signs of an expression that cannot be too many nests for Python to walk through.
SHALLOW = 200
# What a Chinese keyboard writes for the signs of a formula.
WIDE = "[～＋－＊／：｜（）｛｝｀，＾]"

IN_BRACES = (
    "a product with a number is arithmetic and stands in braces, {10 * x}; without them * and : "
    "make an interaction."
)
IN_BACKTICKS = (
    "regressors are joined by +, and a name that is not one word, or is a word of Python such as "
    "class, stands in backticks, `GDP per capita`."
)


class Factor(NamedTuple):
    """A column, an expression or a number.

    Attributes
    ----------
    method : "lookup" | "python" | "literal", as formulaic has it
    """

    expr: str
    method: str = "lookup"

    def __str__(self) -> str:
        return f"`{self.expr}`" if ":" in self.expr and self.method == "lookup" else self.expr


class Term(NamedTuple):
    """A product of factors, as it is written: x:z is not z:x, though `product` is the same."""

    factors: tuple[Factor, ...]

    def __str__(self) -> str:
        return ":".join(map(str, self.factors))

    @property
    def name(self) -> str:
        """Of its column."""
        return ":".join(factor.expr for factor in self.factors)

    @property
    def is_category(self) -> bool:
        """Whether it makes dummies with C()."""
        trees = [tree_of(factor.expr)[0] for factor in self.factors if factor.method == "python"]
        nodes = [node for tree in trees if tree is not None for node in ast.walk(tree)]
        return any(isinstance(node, ast.Call) and _called(node) == "C" for node in nodes)

    @property
    def product(self) -> frozenset[Factor]:
        """The factors in no order."""
        return frozenset(self.factors)


ONE = Term((Factor("1", "literal"),))


@dataclass(frozen=True)
class Parsed:
    """A checked formula: its terms, which of them get a lag, and the intercept."""

    outcome: Term
    terms: tuple[Term, ...]
    lagged: tuple[bool, ...]
    intercept: bool

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The terms as they are written."""
        return tuple(map(str, self.terms))

    @cached_property
    def years_lost(self) -> int:
        """Years that `lag` and `diff` take from the front of every city's series."""
        factors = [f for term in (self.outcome, *self.terms) for f in term.factors]
        trees = [tree_of(f.expr)[0] for f in factors if f.method == "python"]
        return max((_depth(tree) for tree in trees if tree is not None), default=0)


@lru_cache(maxsize=1024)
def parse(formula: str) -> Parsed:
    """Check every factor of `formula` and return its terms; nothing is evaluated."""
    if not isinstance(formula, str):
        raise FormulaError(f"a formula is a text such as 'y ~ x'; got {formula!r}.")
    wide = dict.fromkeys(re.findall(WIDE, re.sub(_QUOTED, "", formula)))
    if wide:
        raise FormulaError(
            f"{formula!r} holds the full-width {named(wide)}; a formula takes "
            f"{named(unicodedata.normalize('NFKC', sign) for sign in wide)}. In the name of a "
            "column they stand in backticks: `人均GDP（元）`."
        )
    if formula.count("~") != 1:
        raise FormulaError(f"{formula!r} needs one '~' between outcome and regressors.")
    left, right = formula.split("~")
    sides = right.split("|")
    if len(sides) > 2 or "|" in left:
        raise FormulaError(f"{formula!r} may have one '|', on its right side.")
    outcome = [term for term in _terms(left, formula) if term != ONE]
    if len(outcome) != 1:
        raise FormulaError(f"the left side of {formula!r} must be one column or one expression.")
    everything = _terms(sides[0], formula)
    terms = tuple(term for term in everything if term != ONE)
    after_bar = _terms(sides[1], formula) if len(sides) == 2 else everything
    before, after = ({term.product for term in side} for side in (everything, after_bar))
    foreign = [str(t) for t in after_bar if t != ONE and t.product not in before]
    if foreign:
        raise FormulaError(
            f"{named(foreign)} stand after the '|' in {formula!r} but not before it: "
            "a regressor that gets a spatial lag must be a regressor itself."
        )
    lagged = tuple(term.product in after for term in terms)
    return Parsed(outcome[0], terms, lagged, intercept=len(everything) > len(terms))


def _terms(side: str, formula: str) -> list[Term]:
    """The terms of one side of the formula, all their factors checked."""
    _check_signs(side, formula)
    read = _products(side) if _SUM.fullmatch(side) else _read(side.strip(), formula)
    found = {ONE.product: ONE} if ONE in read else {}
    for term in read:
        if len(term.product) < len(term.factors):
            twice = next(f.expr for f in term.factors if term.factors.count(f) > 1)
            raise FormulaError(
                f"{formula!r} multiplies {twice!r} by itself, and a formula reads x:x as x. A "
                "square is arithmetic, in braces: {x ** 2}."
            )
        found.setdefault(term.product, term)
    terms = list(found.values())
    for term in terms:
        if len(term.factors) > 1 and any(factor.method == "literal" for factor in term.factors):
            # Its column would be x times the number under the name of x.
            raise FormulaError(f"{str(term)!r} in {formula!r} holds a number: {IN_BRACES}")
        for factor in term.factors:
            if factor.method != "lookup":  # a column's name is never evaluated
                check_expression(factor.expr, formula)
    return terms


def _products(side: str) -> list[Term]:
    """The terms of a sum of products, as formulaic, a tenth of a process, would read them."""
    products = [re.findall(_FACTOR, product) for product in _PRODUCT.findall(side)]
    found = [ONE, *(Term(tuple(map(_factor, product))) for product in products)]
    return sorted(found, key=lambda term: len(term.factors))


def _factor(text: str) -> Factor:
    """A factor, its arithmetic written as Python writes it."""
    if text.startswith("`"):
        return Factor(text[1:-1])
    if text == "1":
        return ONE.factors[0]
    inner = text.strip("{}")
    if inner == text and "(" not in text:
        return Factor(text)
    tree, quoted = tree_of(inner)
    if tree is not None and isinstance(tree.body, ast.Name) and not _hidden(tree.body):
        return Factor(quoted.get(tree.body.id, tree.body.id))
    written = inner if tree is None else ast.unparse(tree)
    for name, column in quoted.items():
        written = written.replace(name, f"`{column}`")
    return Factor(written, "python")


def _read(side: str, formula: str) -> list[Term]:
    """The terms of what is more than a sum of products; formulaic takes it apart."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    known: dict[str, Factor] = {}

    def placed(found: re.Match[str]) -> str:
        factor = _factor(found[0])
        if factor.method == "literal":
            return factor.expr
        # Each time another one: what is multiplied by itself would be lost.
        known[stand_in := f"factor_{len(known)}_"] = factor
        return stand_in

    placeless = re.sub(_FACTOR, placed, side)
    try:
        found = [term.factors for term in Formula(placeless or "0")]
    except (FormulaicError, SyntaxError) as error:
        raise _unreadable(side, formula) from error
    if any(f.expr not in known and f.eval_method.value != "literal" for t in found for f in t):
        raise _unreadable(side, formula)
    return [Term(tuple(known.get(f.expr, Factor(f.expr, "literal")) for f in t)) for t in found]


def _unreadable(side: str, formula: str) -> FormulaError:
    """An error that says what in `side` is wrong, where that is found."""
    check_expression(side, formula)
    way_out = IN_BRACES if re.search(r"\b\d", side) else IN_BACKTICKS
    return FormulaError(f"cannot read {side!r} in the formula {formula!r}: {way_out}")


def _check_signs(side: str, formula: str) -> None:
    """Refuse brackets that stand alone, and /, **, ^ and -, not arithmetic between terms."""
    rest = re.sub(_FACTOR, lambda found: "1" if found[0] == "1" else "x", side)
    alone = [sign for sign in "`{}" if sign in rest]
    if alone or rest.count("(") != rest.count(")"):
        raise FormulaError(
            f"cannot read {side.strip()!r} in the formula {formula!r}: "
            f"a {alone[0] if alone else 'bracket'} stands alone there."
        )
    if _TERM_OPERATORS.search(rest):
        raise FormulaError(
            f"{side.strip()!r} in {formula!r} uses / ** ^ or - between regressors, where they do "
            "not mean arithmetic (x / z would mean x + x:z). Write arithmetic in braces, "
            "{x / z} or {x ** 2}; '- 1' removes the intercept, ':' makes an interaction."
        )


def check_expression(expression: str, formula: str) -> None:
    """Refuse an expression unless its syntax tree is columns, arithmetic and `FUNCTIONS`."""
    tree, _ = tree_of(expression)
    if tree is None:
        raise FormulaError(f"cannot read {expression!r} in the formula {formula!r}: {IN_BACKTICKS}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) not in FUNCTIONS:
            raise FormulaError(
                f"{ast.unparse(node.func)!r} in {formula!r} is not a function that a formula may "
                f"call; these are: {', '.join(FUNCTIONS)}. {_written_here(node)}"
            )
        if not isinstance(node, _NODES) or _hidden(node):
            raise FormulaError(
                f"{expression!r} is not allowed in the formula {formula!r}: a formula holds "
                f"columns, numbers, + - * / ** and the functions {', '.join(FUNCTIONS)}."
                f"{_written_here(node)}"
            )


def _written_here(node: ast.AST) -> str:
    """How that is written here which braces, a call or a Stata operator stand for elsewhere."""
    if isinstance(node, ast.Call):
        known = ELSEWHERE.get(_called(node))
        return f"Here it is {known}." if known else "Arithmetic stands in braces: {x ** 2}."
    if isinstance(node, ast.Set):
        return " Inside brackets arithmetic needs no braces: log(x / z)."
    if isinstance(node, ast.Attribute):
        return (
            " Of Stata's signs L.x is lag(x) here, D.x diff(x), i.x C(x), c.x#c.z x:z, c.x#c.x "
            "{x ** 2}."
        )
    return ""


def _depth(node: ast.AST) -> int:
    """Years back that an expression reaches, nested lags added up."""
    inner = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    if not (isinstance(node, ast.Call) and _called(node) in ("lag", "diff")):
        return inner
    given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "k")]
    order = given[0].value if given and isinstance(given[0], ast.Constant) else 1
    return inner + (order if isinstance(order, int) and order > 0 else 1)


def _hidden(node: ast.AST) -> bool:
    """A text, a truth value, a dunder name or ``**`` before an argument."""
    if isinstance(node, ast.Constant):
        return type(node.value) not in (int, float)
    if isinstance(node, ast.keyword):
        return node.arg is None
    return isinstance(node, ast.Name) and node.id.startswith("__")


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


@lru_cache(maxsize=4096)  # its tree is only read
def tree_of(expression: str) -> tuple[ast.Expression | None, dict[str, str]]:
    """The syntax tree, None where there is none, and what its stand-ins for quoted columns mean.

    Python would read full-width letters as plain ones: columns named with them get stand-ins too.
    """
    quoted: dict[str, str] = {}
    stand_in = "quoted_"
    while stand_in in expression:
        stand_in += "_"

    def placed(found: re.Match[str]) -> str:
        name = found[0]
        if name[0] != "`" and unicodedata.normalize("NFKC", name) == name:
            return name
        quoted[f"{stand_in}{len(quoted)}_"] = name.strip("`")
        return f" {stand_in}{len(quoted) - 1}_ "

    try:
        placeable = re.sub(rf"{_QUOTED}|[^\W\d]\w*", placed, expression).strip()
        tree = ast.parse(placeable, mode="eval")
        if len(placeable) > SHALLOW:
            ast.unparse(tree)  # Python 3.13 reads nests that are too deep for whatever follows
    except (SyntaxError, RecursionError, MemoryError):
        return None, quoted
    return tree, quoted


def columns_of(term: Term, known: frozenset[str]) -> frozenset[str]:
    """The panel columns that a term reads; names that are not `known` are errors."""
    found = names_in(term)
    absent = sorted(found - known)
    if absent:
        close = near(absent[0], known) if len(absent) == 1 else ""
        keys = {"city", "year"} & set(absent)
        dummies = ' Effects of cities and years are fixed_effects="twoways".' if keys else ""
        if "W" in absent:
            dummies += f" A lag in space of regressors is {ELSEWHERE['W']}."
        raise FormulaError(
            f"the panel has no column {named(absent)}{close}, used in {str(term)!r}; "
            f"it has {named(sorted(known), 60)}.{dummies}"
        )
    return found


def names_in(term: Term) -> frozenset[str]:
    """The columns that a term names, whether a panel has them or not."""
    found: set[str] = set()
    for factor in term.factors:
        expression = factor.expr
        if factor.method == "lookup":
            found.add(expression)
            continue
        tree, quoted = tree_of(expression)
        found.update(quoted.values())
        nodes = [] if tree is None else list(ast.walk(tree))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        names = [n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in called]
        found.update(name for name in names if name not in quoted)
    return frozenset(found)


# A sum or difference outside brackets, in a term or in a label; hyphens stand without spaces.
SUM = re.compile(r"\S\s*\+\s*\S|\S [-\N{MINUS SIGN}] \S")
ENCLOSED = re.compile(r"`[^`]*`|\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")


def lag_of(W: str, term: str) -> str:
    """How the spatial lag of a term is written: ``W[geo]*x``, ``W[geo]*(a + b)``."""
    return f"W[{W}]*{bracketed(term)}"


@lru_cache(maxsize=4096)  # models of a study share their terms
def bracketed(term: str) -> str:
    """The term, in brackets where it is a sum."""
    outside, before = term, ""
    while outside != before:
        before, outside = outside, ENCLOSED.sub("x", outside)
    return f"({term})" if SUM.search(outside) else term


def unbracketed(term: str) -> str:
    """The term that `bracketed` was given."""
    inner = term.removeprefix("(").removesuffix(")")
    return inner if bracketed(inner) == term else term
