"""Why there is no estimate without a city, in Chinese tables."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cases import made_up
from robustness import by_hand

import spatialsyn as ss
from spatialsyn.report.tables.jackknife import _reason
from spatialsyn.report.tables.robustness_words import REASONS

SOURCE = Path(ss.__file__).parent
# What stays as it is in a Chinese sentence: names of the user and of options.
KEPT = r"W\[\w+\]|'\w+'|cov='\w+'|c\d\d|rho|alpha"


@cache
def raised() -> list[str]:
    """The first sentence of every error raised in the package, ``{}`` for what it fills in."""
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                said = node.exc.args[0]
                parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                text = "".join(p.value if isinstance(p, ast.Constant) and isinstance(p.value, str)
                               else "{}" for p in parts)  # fmt: skip
                found.append(_reason(text))
    return found


@pytest.mark.parametrize("english", REASONS)
def test_every_reason_is_one_that_the_package_gives(english):
    """A blank of the error may be filled in the translation."""
    worded = (text.split("{}") for text in raised() if len(text.replace("{}", "")) > 20)
    patterns = (".+".join(map(re.escape, parts)) for parts in worded)
    assert any(re.fullmatch(pattern, english) for pattern in patterns)


def weights(panel, matrix, name="w"):
    return ss.Weights.from_matrix(matrix, ids=panel.ids, name=name)


def isolated(panel):
    chain = np.diag(np.ones(panel.n - 1), 1)
    W = weights(panel, chain + chain.T).standardize("row")
    return ss.sar("y ~ x", W="w"), panel, W


def hub(panel):
    star = np.zeros((panel.n, panel.n))
    star[0, 1:] = star[1:, 0] = 1
    return ss.sar("y ~ x", W="w"), panel, weights(panel, star)


def even(panel):
    links = 1 - np.eye(panel.n)
    links[0], links[:, 0] = np.random.default_rng(0).random((2, panel.n)) * links[0]
    W, e = weights(panel, links).standardize("row"), np.random.default_rng(1).normal(size=(8, 5))
    unrelated = panel.assign(y=panel.array("x") + e)
    return ss.sar("y ~ x", W="w", fixed_effects="twoways"), unrelated, W


def alike(panel):
    first = weights(
        panel, np.roll(np.eye(panel.n), 1, axis=1) + np.roll(np.eye(panel.n), 3, axis=1)
    )
    second = first.dense().copy()
    second[0] *= 2
    return ss.slx("y ~ x", W=["w", "v"]), panel, [first, weights(panel, second, "v")]


def absorbed(panel):
    x = panel.array("x") * (np.arange(panel.n) == 0)[:, None]
    return ss.ols("y ~ x + z", fixed_effects="individual"), panel.assign(x=x), None


def equal(panel):
    z = panel.array("x").copy()
    z[0] += 1 + panel.array("z")[0]
    return ss.ols("y ~ x + z"), panel.assign(z=z), None


def sums(panel):
    z = panel.array("x") + panel.array("z")
    panel = panel.assign(v=panel.array("z"))
    z[0] += 1 + panel.array("x")[0] ** 2
    return ss.ols("y ~ x + v + z"), panel.assign(z=z), None


def regimes(panel):
    one = np.where(np.arange(panel.n) == 0, "far", "Pearl River")
    grouped = panel.grouped(zone=dict(zip(panel.ids, one, strict=True)))
    return ss.ols("y ~ x", regimes=ss.regimes("zone", x=["x"])), grouped, None


@pytest.mark.parametrize(
    ("case", "city", "chinese"),
    [
        (isolated, "c01", "W[w] 中有城市没有邻居（'c00'），其行之和无法为一。"),
        (hub, "c00", "W[w] 中没有任何联系。"),
        (even, "c00", "W[w] 赋予其他各城市相同的权重：减去年份均值后 W y 为 -y / 6，"),
        (alike, "c00", "矩阵 'w', 'v' 相等、成比例或互为线性组合，"),
        (absorbed, "c00", "'x'：消去固定效应 'individual' 后不再有变动"),
        (equal, "c00", "（消去固定效应后）是其他解释变量 'x' 的线性组合。"),
        (sums, "c00", "是其他解释变量 'x', 'z' 的线性组合。"),
        (regimes, "c00", "分组 'zone' 只剩一个区块（Pearl River）。"),
    ],
)
def test_a_reason_is_said_in_chinese(case, city, chinese):
    panel, _ = made_up(n=8, T=5)
    model, panel, W = case(panel)
    found = ss.jackknife(model, panel, W)
    (note,) = [n for n in ss.report.jackknife_table(found, language="zh").notes
               if n.startswith(f"剔除{city}后没有估计值：")]  # fmt: skip
    assert chinese in note
    assert not re.search("[a-z]{3}", re.sub(rf"{KEPT}|individual|Pearl River", "", note))
    (told,) = [n for n in ss.report.jackknife_table(found).notes
               if n.startswith(f"No estimate without {city}: ")]  # fmt: skip
    assert _reason(found.failures[city]) in told


def test_a_reason_without_a_translation_stays():
    made = replace(by_hand(), failures={"e": "RuntimeError: out of luck. Try again."})
    notes = ss.report.jackknife_table(made, language="zh").notes
    assert "剔除e后没有估计值：RuntimeError: out of luck。" in notes
