"""Names, hypotheses and notes of specification tests, with Greek letters and in Chinese.

They come finished from `spatialsyn.diagnostics`. In Chinese a text is looked up whole, then
matched against patterns whose blanks are translated in turn, then taken apart at its
semicolons and commas.
"""

from __future__ import annotations

import re
from functools import cache

from spatialsyn.report.words import check_language

GREEK = {
    "rho": "ρ",
    "lambda": "λ",
    "theta": "θ",
    "beta": "β",
    "eta": "η",
    "tau": "τ",
    "sigma2_mu": "σ²(μ)",
}
STOPS = (("; ", "；"), (", ", "，"))
READING = "At {}: {}."
FACTOR = "the common factor needs one rho and one W for y and x; the model has {}."
SHARED = "the blocks of {} share {}"
LISTING = (READING, FACTOR, SHARED)  # whose blanks hold lists, with commas
CHINESE = {
    # groups
    "Which lags in space? At least squares": "需要哪些空间滞后？以最小二乘为原假设",
    "Lags of the regressors (Koley & Bera)": "解释变量的空间滞后（Koley 和 Bera）",
    "Which lags in space, beside those of the regressors?": "除解释变量的空间滞后外还需要哪些？",
    "The same as programs print them (Elhorst, splm), not centred": (
        "常用程序（Elhorst、splm）报告的未中心化形式"
    ),
    "Are there city and year effects?": "是否存在城市与年份效应？",
    "Are city effects unrelated to the regressors?": "城市效应与解释变量是否无关？",
    "Would a simpler model do?": "更简单的模型是否足够？",
    "Is a lag missing?": "是否缺少某个空间滞后？",
    "Are the instruments exogenous, and is W?": "工具变量与 W 是否外生？",
    "What is left in the residuals?": "残差中还剩下什么？",
    # tests
    "LM lag": "LM 滞后",
    "LM error": "LM 误差",
    "LM WX": "LM WX",
    "LM lag and error": "LM 滞后与误差",
    "LM lag and WX": "LM 滞后与 WX",
    "LM lag robust to WX": "LM 滞后（对 WX 稳健）",
    "robust {}": "稳健 {}",
    "naive": "未中心化",
    "city effects": "城市效应",
    "year effects": "年份效应",
    "city and year effects": "城市与年份效应",
    "F {}": "F 检验：{}",
    "LR {}": "LR 检验：{}",
    "LR random city effects": "LR 检验：随机城市效应",
    "Hausman, correlated": "Hausman，相关随机效应",
    "Hausman, robust": "Hausman，稳健",
    "Hausman, classical": "Hausman，经典",
    "Wald to {}": "Wald 检验：简化为 {}",
    "LR to {}": "LR 检验：简化为 {}",
    "LM {} given {}": "LM {}，给定 {}",
    "lag": "滞后",
    "error": "误差",
    "Moran's I, all years": "Moran's I，全部年份",
    "serial correlation": "序列相关",
    "separability": "时空可分性",
    "over-identification": "过度识别检验",
    "exogenous W": "W 的外生性",
    # hypotheses
    "robust to {}": "对 {} 稳健",
    "given {}": "给定 {}",
    "no {}": "无{}",
    "theta + rho beta = 0 (common factor)": "theta + rho beta = 0（公因子约束）",
    "{} could be {}": "{} 可简化为 {}",
    "the instruments are uncorrelated with the error ({})": "工具变量与误差不相关（{}）",
    "{} exogenous (difference of J)": "{} 外生（J 统计量之差）",
    "eta = -tau rho (separable in space and time)": "eta = -tau rho（时间与空间可分）",
    "city effects are uncorrelated with the regressors": "城市效应与解释变量不相关",
    "residuals of cities are uncorrelated": "各城市残差不相关",
    "residuals of neighbours are unrelated": "相邻城市残差无关",
    "errors are not correlated over the years": "误差跨年不相关",
    "errors are normal": "误差服从正态分布",
    # notes
    "score of the transformed likelihood, centred": "变换后似然函数的得分，已中心化",
    "score of the transformed likelihood": "变换后似然函数的得分",
    "score of the dummy-variable likelihood, not centred under time effects": (
        "虚拟变量似然函数的得分，有年份效应时未中心化"
    ),
    "naive: the score is not centred, and the test rejects too often under time effects": (
        "得分未中心化，有年份效应时拒绝过于频繁"
    ),
    "n T observations, not n (T - 1)": "按 n T 个观测值计，而非 n (T - 1)",
    "the filtered equation times a factor; as programs print it {}": (
        "滤波后的方程，乘以小样本系数；一般软件给出 {}"
    ),
    "chi-squared is rough: as many parameters as effects": "卡方近似较粗略：参数与效应一样多",
    "one-sided: half of chi-squared(1)": "单侧：卡方(1) 的一半",
    "Wald test of the city means (correlated random effects), F({}, {}) = {}": (
        "城市均值的 Wald 检验（相关随机效应），F({}, {}) = {}"
    ),
    "scores of the cities; Hotelling, F({}, {}) = {}": (
        "按城市得分计算；Hotelling，F({}, {}) = {}"
    ),
    "There are as many instruments as coefficients: every estimate satisfies them.": (
        "工具变量与系数一样多，任何估计都满足矩条件。"
    ),
    "{} clusters for {} instruments: the variance of the moments has no inverse. "
    'Use with_cov("robust").': (
        '{} 个聚类对应 {} 个工具变量，矩的方差不可逆。请使用 with_cov("robust")。'
    ),
    "The lags by both matrices are the same: there is nothing to compare.": (
        "两个矩阵的空间滞后相同，无从比较。"
    ),
    "classical: V_FE - V_RE": "经典：V_FE - V_RE",
    "V_FE - V_RE is not positive definite (smallest eigenvalue {}): the classical statistic does "
    'not exist. Use kind="correlated".': (
        "V_FE - V_RE 非正定（最小特征值 {}）：经典统计量不存在，请看相关随机效应的检验。"
    ),
    "{} cities cannot tell {} coefficients of city means": "{} 个城市不足以识别 {} 个城市均值系数",
    "{} cities cannot tell the variance of {} differences: the robust test needs more cities than "
    'coefficients. Use kind="correlated".': (
        "{} 个城市不足以估计 {} 个差异的方差：稳健检验要求城市数多于系数个数。"
    ),
    "{} is no special case of {}: compare aic and bic, or ss.diagnostics.posterior.": (
        "{} 并非 {} 的特例：请比较 AIC 与 BIC，或后验概率。"
    ),
    "the model it is tested against has {}, which this one lacks, and is no special case of it: "
    "compare aic and bic, or ss.diagnostics.posterior.": (
        "对照模型含有本模型没有的 {}，并非本模型的特例：请比较 AIC 与 BIC，或后验概率。"
    ),
    "the family is {} already. A fit with fewer regressors, or without regimes=, is what "
    "lr(results, to=fit) takes.": (
        "模型族已是 {}：解释变量较少或不带 regimes= 的估计可交给 lr(results, to=fit)。"
    ),
    "year effects make the residuals of a year sum to zero, and with them the correlations: the "
    "CD test has no power and the wrong mean. See residual_moran and lm.": (
        "年份效应使每年残差之和为零，相关系数亦受其约束：CD 检验没有功效且均值有误，请看 Moran's I "
        "与 LM 检验。"
    ),
    "which matrix shall the {} have? The model has {}: say W=, one Weights or the name of one of "
    "them.": "{}应使用哪个矩阵？模型含有的矩阵：{}，请用 W= 指定。",
    "which matrix shall the {} have? The model has none: say W=geo, the Weights themselves.": (
        "{}应使用哪个矩阵？模型不含矩阵，请用 W= 指定。"
    ),
    "which matrix? The model has none: say W=geo, the Weights themselves.": (
        "使用哪个矩阵？模型不含矩阵，请用 W= 指定。"
    ),
    "which matrix? The model has {}: say W=, one Weights or the name of one of them.": (
        "使用哪个矩阵？模型含有的矩阵：{}，请用 W= 指定。"
    ),
    "wx": "解释变量的空间滞后",
    "none": "无",
    "standard normal": "标准正态",
    "mean I {}": "I 的均值 {}",
    "mean correlation {}": "平均相关系数 {}",
    "rho or lambda are estimated, which makes the test conservative: see lm(given=...)": (
        "rho 或 lambda 为估计值，检验偏保守：请看给定滞后项的 LM 检验"
    ),
    "F({}, {})": "F({}, {})",
    SHARED: "{} 各区块的 {} 相同",
    # why a test does not apply
    "an LM test": "LM 检验",
    "a test of fixed effects": "固定效应检验",
    "this test": "该检验",
    "a Hausman test": "Hausman 检验",
    "a Wald test of lags": "空间滞后的 Wald 检验",
    "a likelihood ratio test": "似然比检验",
    "a CD test": "CD 检验",
    "a test of serial correlation": "序列相关检验",
    "a test of normality": "正态性检验",
    "a mixture of matrices": "矩阵的凸组合",
    "{} is not available for models with lags in time or changing weights and city effects: the "
    "dummies of the cities move the score by order 1/T. Test the static model with one W, or use "
    'fixed_effects="time".': (
        "{}不适用于带城市效应的动态模型或时变权重模型：城市虚拟变量使得分偏移 1/T 阶，请检验使用"
        '单一 W 的静态模型，或使用 fixed_effects="time"。'
    ),
    "{} is not available where outcomes are missing: fit with missing='balance', which says what "
    "it leaves out.": (
        "被解释变量有缺失时{}不可用：请用 missing='balance' 估计，它会说明舍去了什么。"
    ),
    "{} is not available for {}: its relatives are models of the table in ss.SpatialModel with "
    "one W for each lag. Test ss.sdm with one of the matrices; for mixtures see "
    "results.share_test.": (
        "{}不适用于{}：请检验使用单一矩阵的 ss.sdm；凸组合请看 results.share_test。"
    ),
    '{} compares likelihoods, and estimator={} has none. Test with estimator="qml", or read the '
    "Wald tests of the coefficients.": (
        '{}比较似然值，而 estimator={} 没有似然：请用 estimator="qml" 检验，或看系数的 Wald 检验。'
    ),
    "{} is read at a maximum of the likelihood; bias-corrected estimates have left it. Use "
    'correction="lee-yu" or "direct".': (
        '{}须在似然函数的最大值处计算，偏误修正后的估计已离开该点：请用 correction="lee-yu" 或 '
        '"direct"。'
    ),
    "a Hausman test compares city effects, and the model has none: "
    'fixed_effects="individual" or "twoways", or random="individual".': (
        'Hausman 检验比较城市效应，而模型没有城市效应：请用 fixed_effects="individual" 或 '
        '"twoways"，或 random="individual"。'
    ),
    "the fixed effects absorb regressors: the two sides differ in more.": (
        "固定效应吸收了解释变量：两侧的差别不止于此。"
    ),
    "regimes with random effects are not available: use fixed effects.": (
        "分区块系数不能与随机效应并用：请用固定效应。"
    ),
    'the naive form is known for "lag" and "error" in models without random effects, given "wx" '
    "at most: leave naive out.": (
        '未中心化形式仅限无随机效应模型的 "lag" 与 "error"，且至多给定 "wx"。'
    ),
    "random={} stands for the cities already: test fixed effects in the model without random "
    "ones, and see hausman for the choice.": (
        "random={} 已代表城市效应：请在无随机效应的模型中检验固定效应，取舍请看 Hausman 检验。"
    ),
    FACTOR: "公因子约束要求 y 与 x 只有一个 rho 和一个 W；模型含有 {}。",
    "fixed_effects={} removes each city's mean over time and needs two years at least; the panel "
    "has {}. Use fixed_effects='none' or 'time'.": (
        "fixed_effects={} 消去各城市的时间均值，至少需要两年；面板只有 {} 年。"
    ),
    "random={} tells a city's own draw from its error by repeated years and needs two at least; "
    "the panel has {}. Use random=None.": (
        "random={} 靠重复年份区分城市效应与误差，至少需要两年；面板只有 {} 年。"
    ),
    "the effect of the only year is the constant: there is nothing to test.": (
        "仅有一年，其效应即常数项：无可检验。"
    ),
    "correlations over {} years are not defined: three are needed.": (
        "{} 年不足以计算相关系数：至少需要三年。"
    ),
    "{} years are too few: three are needed": "仅有 {} 年，过少：至少需要三年",
    "slope {}": "斜率 {}",
    "expected {}": "期望值 {}",
    "skewness {}": "偏度 {}",
    "kurtosis {}": "峰度 {}",
    # the reading
    READING: "在 {} 水平上：{}。",
    "SAR, SEM and SLX are all rejected: keep the SDM": "SAR、SEM 与 SLX 均被拒绝，保留 SDM",
    "not every simpler model could be tested: keep the SDM": "并非每个较简模型都可检验，保留 SDM",
    "the SDM could be simplified to {}": "SDM 可简化为 {}",
    "{} cannot be ruled out, but no single one is supported: keep the SDM": (
        "{} 不能排除，但没有任何一个得到支持，保留 SDM"
    ),
    "{}, though it lacks {}": "{}，尽管它缺少{}",
    "the {} lacks {}": "{} 缺少{}",
    "the {} lacks no lag in space": "{} 不缺少空间滞后",
    "no test of further lags in space applies": "没有适用的空间滞后检验",
    "a lag of y": "被解释变量的空间滞后",
    "W X": "解释变量的空间滞后",
    "a spatial error": "空间误差",
    "{} are there": "{}存在",
    "{} are not significant": "{}不显著",
    "city effects are related to the regressors, keep them fixed ({})": (
        "城市效应与解释变量相关，应保留固定效应（{}）"
    ),
    "city effects are not visibly related to the regressors, random ones are not rejected ({})": (
        "看不出城市效应与解释变量相关，未拒绝随机效应（{}）"
    ),
    "the instruments disagree, so that some of them are not exogenous": (
        "工具变量相互矛盾，其中一些并非外生"
    ),
    "W moves with the error, keep the matrix that stands in for it": (
        "W 与误差相关，应保留替代矩阵"
    ),
    "residuals of cities are still dependent": "各城市残差仍相互依赖",
    'errors are correlated over years, use cov="city" or a dynamic model': (
        '误差跨年相关，请使用 cov="city" 或动态模型'
    ),
    'errors are not normal, use cov="sandwich" for rho': (
        '误差不服从正态分布，rho 请使用 cov="sandwich"'
    ),
    "the VIF of {} is {}: read its effects jointly": "{} 的 VIF 为 {}，应联合解读其效应",
}


def spoken(text: str, language: str) -> str:
    """A text of `spatialsyn.diagnostics` as a table prints it; what is not known stays."""
    check_language(language)
    said = re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", text)
    if language == "zh":
        said = re.sub(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", _translated(said))
    return re.sub(rf"\b({'|'.join(GREEK)})\b", lambda found: GREEK[found[0]], said)


def _translated(text: str) -> str:
    if text in CHINESE:
        return CHINESE[text]
    for pattern, chinese in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return chinese.format(*map(_translated, found.groups()))
    for stop, mark in STOPS:
        parts = text.split(stop)
        said = [_translated(part) for part in parts] if len(parts) > 1 else parts
        if said != parts:
            return mark.join(said)
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those with more words of their own first; no blank reaches over a stop that they lack."""
    blanks = [english for english in CHINESE if "{}" in english]
    return [(_pattern(text), CHINESE[text]) for text in sorted(blanks, key=len, reverse=True)]


def _pattern(text: str) -> re.Pattern[str]:
    lacked = "|".join(stop for stop, _ in STOPS if stop not in text and text not in LISTING)
    blank = f"((?:(?!{lacked}).)+?)" if lacked else "(.+?)"
    return re.compile(blank.join(map(re.escape, text.split("{}"))))
