"""Formulas: what they may hold, what they mean, and that nothing else is evaluated."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from cases import made_up
from formulaic import Formula
from numpy.testing import assert_allclose

import spatialsyn as ss
from spatialsyn.models.formula import evaluate
from spatialsyn.models.functions import ELSEWHERE, functions
from spatialsyn.models.syntax import parse
from spatialsyn.models.terms import Terms


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('x') ~ va",
        "y ~ va + __import__('os').system('x')",
        "y ~ va.__class__",
        "va.__class__ ~ x",
        "y ~ {va.__class__}",
        "y ~ {().__class__.__bases__[0]}",
        "y ~ x[0]",
        "y ~ open('a')",
        "y ~ eval('1')",
        "y ~ log(x, out=y.values)",
        "y ~ {lambda: x}",
        "y ~ {[i for i in x]}",
        "y ~ {x if z else x}",
        "y ~ {x @ z}",
        "y ~ log('x')",
        "y ~ C(x, contr.sum)",
        "y ~ {__builtins__}",
        "y ~ np.log(x)",
        "y ~ {x := z}",
        "y ~ bs(x, 3)",
        "y ~ poly(x, 2)",
        "y ~ `x`.__class__",
        "y ~ {f'{x}'}",
        "y | z ~ x",
    ],
)
def test_anything_but_columns_arithmetic_and_listed_functions_is_refused(formula, monkeypatch):
    """At the specification, long before an evaluator sees it."""
    monkeypatch.setattr("os.system", lambda *_: pytest.fail("evaluated"))
    with pytest.raises(ss.FormulaError):
        ss.sar(formula, W="w")


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x/z", "y ~ x**2", "y ~ x^2", "y ~ x - z", "y ~ (x+z)**2", "y ~ (x - z)", "y ~ (x / z)",
        "y ~ x + (z^2)", "y ~ (x+z)*(x-z)",
    ],
)  # fmt: skip
def test_operators_that_do_not_mean_arithmetic_are_refused_with_the_way_out(formula):
    with pytest.raises(ss.FormulaError, match=r"Write arithmetic in braces, \{x / z\}"):
        parse(formula)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y x", "needs one '~'"),
        ("y ~ x ~ z", "needs one '~'"),
        ("y ~ x | z", "'z' stand after the '|'"),
        ("y ~ x | x | x", "may have one '|'"),
        ("y + z ~ x", "left side"),
        ("y ~ log(x", "cannot read"),
        ("y ~ 10*x", r"stands in braces, \{10 \* x\}"),
        ("y ~ x:10", r"'x:10' in 'y ~ x:10' holds a number: .* braces, \{10 \* x\}"),
        ("y ~ x:z:2", "holds a number"),
        ("y ~ `x", "cannot read '`x' .*: a ` stands alone"),
        ("y ~ {x / z", "a { stands alone"),
        ("y ~ C (region)", "one word"),
        ("y ~ x + class + log(class)", "word of Python such as class, stands in backticks"),
        ("y ~ GDP per capita", "stands in backticks, `GDP per capita`"),
        ("y ～ x ＋ log（z）", "full-width '～', '＋', '（', '）'; a formula takes '~', "),
        ("y ~ lag(x, **z)", "not allowed"),
        ("y ~ {%sx}" % ("-" * 5000), "cannot read"),
        ("y ~ {%sx}" % ("-" * 800), "cannot read"),
    ],
)
def test_what_cannot_be_read_is_said(formula, message):
    pattern = re.sub(r"([|{（）+])", r"\\\1", message) if "\\" not in message else message
    with pytest.raises(ss.FormulaError, match=pattern):
        parse(formula)


def test_braces_are_arithmetic_and_names_may_be_chinese():
    panel, _ = made_up()
    panel = panel.assign(**{"人均 GDP": np.abs(panel.array("x")) + 1, "人口": panel.array("size")})
    data = evaluate(
        "y ~ {x / size} + {x ** 2} + log(`人均 GDP`) + log(人口) + `人均 GDP`", panel, False
    )
    x, size = panel.array("x"), panel.array("size")
    assert_allclose(data.X[..., 0], x / size)
    assert_allclose(data.X[..., 1], x**2)
    assert_allclose(data.X[..., 2], np.log(np.abs(x) + 1))
    assert_allclose(data.X[..., 4], np.abs(x) + 1)
    assert data.sources[2] == frozenset({"人均 GDP"})


@pytest.mark.parametrize(
    "name",
    ["log", "lag", "C", "class", "None", "ＧＤＰ", "GDP（元）", "PC(元)", "a(b", "a}b", "a:b"],
)
def test_a_column_may_have_any_name(name):
    """Under it, beside dummies, which formulaic makes, and in products, it is the same."""
    panel, _ = made_up()
    plain = panel.assign(plain=np.abs(panel.array("x")) + 1)
    odd = plain.assign(**{name: plain.array("plain")})
    right = "{0} + log({0}) + {{{0} / size}}"
    for more in ("", " + C(region)", " + x * log(size):{0}", " + C(region):log({0})"):
        ours = evaluate("y ~ " + (right + more).format(f"`{name}`"), odd, True)
        theirs = evaluate("y ~ " + (right + more).format("plain"), plain, True)
        assert_allclose(ours.X, theirs.X, rtol=1e-14)
        assert [n.replace(f"`{name}`", "plain").replace(name, "plain") for n in ours.names] == [
            *theirs.names
        ] or name in ("log", "C", "None")
    outcome = evaluate(f"`{name}` ~ x", odd, True)
    assert_allclose(outcome.y, plain.array("plain"))


def test_letters_of_full_width_are_not_plain_ones():
    panel, _ = made_up()
    size = panel.array("size")
    both = panel.assign(**{"人均ＧＤＰ": size, "人均GDP": 2 * size})
    X = evaluate(
        "y ~ 人均ＧＤＰ + {人均ＧＤＰ * 1} + {人均GDP * 1} + x * {人均ＧＤＰ * 1}", both, False
    ).X
    assert_allclose(X[..., 0], size)
    assert_allclose(X[..., 1], size)
    assert_allclose(X[..., 2], 2 * size)


def test_a_category_of_one_value_makes_no_regressor():
    panel, _ = made_up()
    one = panel.assign(same=np.full((panel.n, panel.T), "a"))
    with pytest.raises(ss.FormulaError, match=r"'C\(same\)' has one value in this panel"):
        evaluate("y ~ x + C(same)", one, True)


def sums(count: int) -> list[str]:
    """Right sides of all sorts, drawn anew but the same each time."""
    rng = np.random.default_rng(1)
    factors = [
        "x", "z", "人口", "`a b`", "`a:b`", "size", "log((size + (2 * (size + 1))) / 3)", "log(size)", "sqrt(size + 1)",
        "{x/size}", "{x ** 2}", "{ -z }", "{(x + z) * 2}", "winsor(z, 0.1)", "lag(x)", "diff(x, 2)",
        "lag(log(size), k=2)", "standardize(`a b`)", "exp(x)", "{`a b` - x}", "1",
        "log(`a b` / size)", "{size ** -1}", "{2.50 * x}", "log( size )",
    ]  # fmt: skip
    drawn = []
    for _ in range(count):
        products = [
            rng.choice([":", " : "]).join(
                rng.choice(factors[:-5] if k > 1 else factors, size=k, replace=False)
            )
            for k in rng.choice([1, 1, 1, 2, 3], size=rng.integers(1, 6))
        ]
        drawn.append(rng.choice(["+", " + ", "  +"]).join(products))
    return drawn


@pytest.mark.parametrize("side", ["x", "x+z", " z + x + z", "1 + x", "x + 1 + z", "1", *sums(300)])
def test_a_sum_of_products_is_read_and_evaluated_as_formulaic_does(side):
    panel, _ = made_up()
    more = {"a b": np.abs(panel.array("x")) + 1, "a:b": panel.array("z"), "人口": panel.array("x")}
    panel = panel.assign(**more)
    parsed, theirs = parse(f"y ~ {side}"), Formula(side)
    assert [t.name for t in parsed.terms] == [
        ":".join(f.expr for f in t.factors) for t in theirs if str(t) != "1"
    ]
    assert parsed.intercept == ("1" in map(str, theirs))
    terms, frame = Terms(panel), panel.frame.reset_index(drop=True)
    context = functions(panel)[0]
    matrix = theirs.get_model_matrix(frame, context=context, na_action="ignore")
    expected = pd.DataFrame(matrix).drop(columns="Intercept", errors="ignore")
    assert list(expected.columns) == [term.name for term in parsed.terms]
    for term in parsed.terms:
        assert_allclose(terms.values(term), expected[term.name], rtol=1e-14)


def test_whole_numbers_and_flags_are_numbers():
    panel, _ = made_up()
    flag = panel.array("x") > 0
    people = np.full((panel.n, panel.T), 4_000_000_000)
    panel = panel.assign(flag=flag, people=people)
    assert panel.frame["flag"].dtype == bool
    assert panel.frame["people"].dtype == np.int64
    formula = "y ~ {flag + flag} + {people ** 2} + {people ** -1} + {people + z} + {2 ** flag}"
    expected = [2.0 * flag, 1.6e19 + 0 * flag, 2.5e-10 + 0 * flag, 4e9 + panel.array("z")]
    for more in ("", " + C(region)"):
        X = evaluate(formula + more, panel, False).X
        for j, values in enumerate([*expected, 1.0 + flag]):
            assert_allclose(X[..., j], values, err_msg=str(j))
    kept = evaluate("y ~ x + flag + C(flag)", panel, True)
    assert kept.names[-1] == "C(flag)[T.True]"


def test_a_column_called_like_an_expression_or_the_constant_is_neither():
    panel, _ = made_up()
    one, logs = panel.array("z"), panel.array("x")
    panel = panel.assign(**{"1": one, "log(size)": logs})
    for more in ("", " + x*z"):
        data = evaluate(f"y ~ `1` + log(size) + `log(size)` + {{x}}{more}", panel, True)
        assert data.names[:5] == ("Intercept", "1", "log(size)", "log(size)", "x")
        assert_allclose(data.X[..., 1], one)
        assert_allclose(data.X[..., 2], np.log(panel.array("size")))
        assert_allclose(data.X[..., 3], logs)
    assert parse("y ~ x + {x} + {`x`}").terms == parse("y ~ x").terms


def test_a_power_of_powers_ends():
    """Whole numbers of any length would not."""
    panel, _ = made_up()
    with pytest.raises(ss.FormulaError, match=r"'9 \*\* 9 .*' is missing or not finite"):
        evaluate("y ~ {9 ** 9 ** 9 ** 9}", panel, False)
    assert_allclose(evaluate("y ~ log(2) + x", panel, False).X[..., 0], np.log(2))


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("log()", r"log\(\) missing 1 required positional argument"),
        ("log(x, z)", "takes 1 positional argument but 2 were given"),
        ("lag(x, years=2)", "unexpected keyword argument 'years'"),
        ("lag(x, 1 + 1)", "whole number from 1 to 5"),
        ("lag(x, -1)", "over -1 years"),
        ("winsor(x, 50/100)", "got 0.5"),
        ("winsor(x, z)", "got a column"),
        ("lag(x, z)", "over a column of years"),
        ("C(region, z)", r"C\(\) takes 1 positional argument but 2 were given"),
        ("{x * 1%s}" % ("0" * 400), "too large"),
    ],
)
def test_functions_say_what_they_take(term, said):
    panel, _ = made_up()
    with pytest.raises(ss.FormulaError, match=rf"cannot evaluate .*{said}"):
        evaluate(f"y ~ z + {term}", panel, False)


def test_a_product_is_lagged_in_whatever_order_it_is_written():
    assert parse("y ~ x:z + x | z:x").lagged == (False, True)


def test_lag_and_diff_stay_within_the_city():
    panel, _ = made_up()
    data = evaluate("diff(y) ~ lag(x) + lag(z, 2) + x", panel, intercept=False)
    y, x, z = (panel.array(name) for name in "yxz")
    assert data.years == panel.years[2:]
    assert_allclose(data.y, y[:, 2:] - y[:, 1:-1])
    assert_allclose(data.X[..., 0], x[:, 1:-1])
    assert_allclose(data.X[..., 1], z[:, :-2])
    with pytest.raises(ss.FormulaError, match="whole number from 1 to 5"):
        evaluate("y ~ lag(x, 9)", panel, intercept=False)


@pytest.mark.parametrize("share", ["5", "0.6", "0.5", "-0.1"])
def test_winsor_takes_a_share(share):
    """Beyond one half the two ends change places, and every cell would become the same."""
    panel, _ = made_up()
    with pytest.raises(ss.FormulaError, match=r"winsor cuts a share .* below 0\.5 .* got"):
        evaluate(f"y ~ winsor(x, {share})", panel, intercept=False)


def test_standardize_winsor_and_categories():
    panel, _ = made_up()
    data = evaluate("y ~ standardize(x) + winsor(z, 0.1) + C(region)", panel, intercept=True)
    assert data.names == ("Intercept", "standardize(x)", "winsor(z, 0.1)", "C(region)[T.edge]")
    assert_allclose([data.X[..., 1].mean(), data.X[..., 1].std()], [0, 1], atol=1e-12)
    z = panel.array("z")
    assert_allclose(data.X[..., 2].max(), np.quantile(z, 0.9))
    assert_allclose(data.X[..., 3][:, 0], panel.blocks["region"] == "edge")


def test_an_interaction_with_a_category_keeps_full_rank():
    panel, _ = made_up()
    data = evaluate("y ~ x*C(region)", panel, intercept=True)
    assert data.names == ("Intercept", "x", "C(region)[T.edge]", "x:C(region)[T.edge]")


def test_the_intercept_is_left_out_on_request():
    panel, _ = made_up()
    assert evaluate("y ~ x - 1", panel, intercept=True).names == ("x",)
    assert evaluate("y ~ 0 + x", panel, intercept=True).names == ("x",)
    assert evaluate("y ~ 1", panel, intercept=True).names == ("Intercept",)


def test_only_regressors_after_the_bar_are_lagged():
    panel, w = made_up()
    res = ss.fit(ss.sdm("y ~ x + z | z", W="w"), panel, w)
    assert list(res.params.index) == ["Intercept", "x", "z", "W[w]*z", "rho[w]", "sigma2"]
    assert set(res.effects().table["x"]) == {"x", "z"}


def test_missing_cells_and_unknown_columns_are_named():
    panel, _ = made_up()
    values = panel.array("x").copy()
    values[2, 3] = np.nan
    holed = panel.assign(x=values)
    with pytest.raises(
        ss.FormulaError, match=r"'x' is missing or not finite in 1 city-years: \('c02', 2004\)"
    ) as raised:
        evaluate("y ~ x", holed, intercept=False)
    assert "logarithm" not in str(raised.value)  # there is none in it
    with pytest.raises(
        ss.FormulaError, match=r"'log\(z\)' is missing or not finite.*A logarithm needs"
    ):
        evaluate("y ~ log(z)", panel, intercept=False)
    with pytest.raises(ss.FormulaError, match=r"'x / 0' is missing .* a ratio a divisor"):
        evaluate("y ~ {x / 0}", panel, intercept=False)
    with pytest.raises(ss.FormulaError, match="no column 'q', used in 'q'"):
        evaluate("y ~ q", panel, intercept=False)


def test_text_columns_need_C():
    panel, _ = made_up()
    data = evaluate("y ~ region", panel, intercept=True)
    assert data.names[-1] == "region[T.edge]"
    for term in ("log(region)", "{region * 2}", "x:{region + 1}"):
        with pytest.raises(ss.FormulaError, match=r"'region' is not made of .* are C\(region\)"):
            evaluate(f"y ~ {term}", panel, intercept=True)
    with pytest.raises(ss.FormulaError, match=r": log\(\) takes 1 positional argument but 2 were"):
        evaluate("y ~ log(x, 10)", panel, intercept=True)


def test_a_column_called_like_an_expression_does_not_stand_for_it():
    panel, _ = made_up(8, 4)
    odd = panel.assign(**{"log(size)": np.zeros((8, 4))})
    values = evaluate("y ~ log(size)", odd, False).X[..., 0]
    assert_allclose(values, np.log(panel.array("size")))


def test_terms_that_are_known_are_those_of_the_formula_as_it_is_written():
    panel, _ = made_up(8, 4)
    odd = panel.assign(**{"x:z": np.full((8, 4), 2.0)})
    formulas = ["y ~ x:z", "y ~ `x:z`", "y ~ z:x", "y ~ x + z + x:z", "y ~ z + x + z:x + {x**2}"]
    for order in (formulas, formulas[::-1]):
        known = Terms(odd)
        for formula in order:
            one, other = (evaluate(formula, odd, False, known=k) for k in (known, None))
            assert one.names == other.names
            assert_allclose(one.X, other.X)
    with pytest.raises(ss.FormulaError, match=r"cannot evaluate 'lag\(z, 9\)'"):
        evaluate("y ~ x + lag(z, 9)", odd, False, known=Terms(odd))


@pytest.mark.parametrize("formula", ["y ~ x + C(year)", "y ~ x + city"])
def test_who_asks_for_dummies_of_cities_and_years_is_told_of_fixed_effects(formula):
    panel, w = made_up()
    with pytest.raises(ss.FormulaError, match='years are fixed_effects="twoways"'):
        ss.fit(ss.sar(formula, W="w"), panel, w)


@pytest.mark.parametrize(
    ("formula", "way_out"),
    [
        ("ln(y) ~ x", r"Here it is log\(x\)"),
        ("y ~ I(x**2)", r"Here it is \{x \*\* 2\}"),
        ("y ~ log({x / z})", r"needs no braces: log\(x / z\)"),
        ("y ~ L.x + z", r"L.x is lag\(x\) here"),
        ("y ~ c.x#c.z", "c.x#c.z x:z"),
        ("y ~ W*x", "which lags every regressor in space"),
    ],
)
def test_what_other_programs_write_is_told_as_it_is_written_here(formula, way_out):
    panel, w = made_up()
    with pytest.raises(ss.FormulaError, match=way_out):
        ss.fit(ss.sdm(formula, W="w"), panel, w)


@pytest.mark.parametrize(("base", "power"), [("log10", 10.0), ("log2", 2.0)])
def test_the_way_out_for_other_logarithms_is_that_logarithm(base, power):
    panel, _ = made_up()
    panel = panel.assign(x=np.exp(panel.array("x")))
    made = evaluate("y ~ " + ELSEWHERE[base], panel, intercept=False).X[..., 0]
    assert_allclose(power**made, panel.array("x"))
