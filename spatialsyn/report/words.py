"""The fixed words of a figure, in English and Chinese."""

from __future__ import annotations

from spatialsyn.errors import ConfigError

CHINESE = {
    "Legend": "图例",
    "N": "北",
    "no data": "无数据",
    "interval contains zero": "区间包含零",
    "left to right: p < {}, p < {}, p ≥ {}": "从左至右：p < {}，p < {}，p ≥ {}",
    "{} to {}": "{} 至 {}",
    "border of {} and {}": "{}与{}的分界",
    "borders of {}": "{}分界",
    "{} of {} links": "{1} 条联系中的 {0} 条",
    "{} of {} flows have {} < {:g}": "{1} 条溢出流中 {0} 条的 {2} < {3:g}",
    "; {} drawn": "，绘出 {} 条",
    "raises y": "提高 y",
    "lowers y": "降低 y",
    "p ≥ {:g}": "p ≥ {:g}",
    "estimate and {} interval; hatched: it contains zero": (
        "估计值与 {} 置信区间；斜线表示区间包含零"
    ),
    "{} band, jointly": "{} 联合置信带",
    "{} posterior interval": "{} 可信区间",
    "in the long run of a lasting change of x": "x 持续变化的长期效应",
    "x stays changed from year 0 on": "x 自第 0 年起持续变化",
    "x is changed in year 0 alone": "x 仅在第 0 年变化",
    "estimate": "估计值",
    "pointwise": "逐点区间",
    "effect": "效应",
    "year {}": "第 {} 年",
    "spatial lag of {}": "{} 的空间滞后",
    "standardised": "标准化",
    "high among high": "高-高",
    "high among low": "高-低",
    "low among high": "低-高",
    "low among low": "低-低",
    "eigenvalue of W": "W 的特征值",
    "rho may lie in": "rho 的取值区间",
    "share of {}": "{} 的份额",
    "posterior density": "后验密度",
    "mean": "均值",
    "{:.0%} of the draws": "{:.0%} 的抽样",
    "direct": "直接效应",
    "indirect": "间接效应",
    "total": "总效应",
    "emitted to other cities": "对其他城市的溢出效应",
    "received from other cities": "来自其他城市的溢出效应",
    "effect in {}": "对{}的影响",
    "own city": "本市",
    "effect of one unit of {}": "{}增加一个单位的效应",
    "within {}": "{}内部",
    "{} interval": "{} 置信区间",
    "{} interval; hollow: it contains zero": "{} 置信区间；空心点表示区间包含零",
    " (drawn × {})": "（图中 × {}）",
    ", times the factor of the heading": "，乘以标题中的倍数",
    "change in {} per unit of {}": "{1}每增加一个单位时 {0} 的变化",
    "change in {} of all receiving cities when {} rises by one unit in one sending city": (
        "一个影响城市的 {1} 增加一个单位时全部受影响城市 {0} 的变化之和"
    ),
    "share of the sum of all effects on {} of {}": "{1} 对 {0} 的全部效应之和中所占份额",
    "mean change in {} when {} rises by one unit in every sending city": (
        "各影响城市的 {1} 均增加一个单位时 {0} 的平均变化"
    ),
    "mean change in {} in the scenario {}": "情景“{1}”下 {0} 的平均变化",
    "effective number of neighbours": "有效邻居数",
    "neighbours that count, by city": "各城市的有效邻居",
    "matrices that are alike": "矩阵的相似性",
    "correlation: {}": "相关系数：{}",
    "weights (below the diagonal)": "权重（对角线以下）",
    "lags of y (above)": "y 的空间滞后（以上）",
    "the outcome": "被解释变量",
    "x": "解释变量",
    "correlation with the index as it is": "与基准指数的相关系数",
    "within cities and years": "扣除城市与年份均值后",
    "ranks of the cities": "城市排名",
    "not defined": "无定义",
    "without": "剔除指标",
    "weighting": "赋权方法",
    "normalisation": "标准化方法",
    "zero shift": "零值平移",
    "aggregation": "合成方法",
    "degree": "耦合度形式",
    "base": "基期",
    "margin": "界限余量",
    "method": "合成方法",
    "rho": "分辨系数",
    "between blocks": "组间",
    "Theil's T": "泰尔指数",
    "Moran's I": "莫兰指数 I",
    "Geary's C": "吉尔里指数 C",
    "Getis & Ord's G": "Getis-Ord 指数 G",
    "Bivariate Moran's I": "双变量莫兰指数 I",
    "{:.0%} of the permutations": "{:.0%} 的随机置换",
    "their mean": "置换均值",
    "not significant": "不显著",
    "{} effect of {}": "{1}的{0}",
    "{} specifications, {} positive, {} with p < 0.05": ("{} 个模型设定，{} 为正，{} 的 p < 0.05"),
    "; {} wide intervals cut": "；{} 个过宽区间已截断",
    "; {} without an estimate": "；{} 个没有估计值",
    "W": "空间权重",
    "fixed effects": "固定效应",
    "individual": "城市",
    "time": "年份",
    "twoways": "城市与年份",
    "sample": "样本",
    "all years": "全部年份",
    "without {}": "剔除 {}",
    "winsor": "缩尾",
    "no winsor": "不缩尾",
    "winsor {}": "缩尾 {}",
    "lag of x": "解释变量滞后",
    "no lag": "不滞后",
    "lag {}": "滞后 {} 年",
    "regimes": "分组系数",
    "one regime": "系数相同",
    "by {}": "按{}分组",
    "with {}": "是否含 {}",
    "yes": "是",
    "no": "否",
    "distance between two cities ({})": "两城市之间的距离（{}）",
    "share of pairs of cities that are nearer": "距离更近的城市对所占比例",
    "{} interval of the whole curve": "整条曲线的 {} 联合置信带",
    "threshold {}, interval {} to {}; no threshold: p {}": (
        "门槛值 {}，区间 {} 至 {}；无门槛检验 p {}"
    ),
    "likelihood ratio": "似然比",
    "{} effect of one unit of {} on {}": "{1}增加一个单位对{2}的{0}",
    "{} effect of one unit of {} on {}, without one city": (
        "剔除一个城市后{1}增加一个单位对{2}的{0}"
    ),
    "; line and band: all {} cities": "；竖线与色带：全部 {} 个城市",
    "; the {} that move it most": "；仅绘影响最大的 {} 个",
    "cities of W exchanged at random": "随机调换 W 中的城市",
    "links of W exchanged at random": "随机调换 W 中的联系",
    "series of the cities exchanged at random": "随机交换各城市的序列",
    "; {} draws, two-sided p {}": "；{} 次抽样，双侧 p {}",
    "log-likelihood": "对数似然值",
    "; {} beyond the axis": "；{} 次超出坐标范围",
    "number of draws": "抽样次数",
    "estimate of the data": "实际估计值",
    "posterior probability": "后验概率",
    "of models that are equally likely before the data": "各模型先验等可能",
    "without a matrix": "不含空间权重矩阵",
    "region": "区域",
    "GBA": "大湾区",
    "periphery": "外围城市",
}
LANGUAGES = ("en", "zh")


def word(text: str, language: str) -> str:
    """`text` in `language`; what has no translation, such as the name of a block, stays."""
    check_language(language)
    return CHINESE.get(text, text) if language == "zh" else text


def check_language(language: str) -> None:
    """Refuse a language without words."""
    if language not in LANGUAGES:
        raise ConfigError(
            f"language={language!r} is not one of {', '.join(map(repr, LANGUAGES))}. "
            "Other words can be set on the axes that the plot returns."
        )


def letter(place: int) -> str:
    """a, b, ..., z, aa, ab, ..., of what is counted from 0."""
    before, this = divmod(place, 26)
    return (letter(before - 1) if before else "") + chr(ord("a") + this)
