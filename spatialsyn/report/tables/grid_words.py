"""Chinese of the table of a grid: words, and the sentences of its caveat."""

from __future__ import annotations

WORDS = {
    "Every specification of the grid": "全部模型设定",
    "Models": "模型数",
    "Without an estimate": "没有估计值",
    "Smallest": "最小值",
    "Median": "中位数",
    "Largest": "最大值",
    "Positive": "为正的比例",
    "Negative": "为负的比例",
    "Significant": "显著的比例",
    "Positive and significant": "为正且显著的比例",
    "Negative and significant": "为负且显著的比例",
}
SENTENCES = {
    "Effects of {}; significant: p < {}.": "{}的效应；显著指 p < {}。",
    "{} specifications of the same data are not {} independent tests: shares are no p-values.": (
        "同一数据的 {} 个设定不是 {} 次独立检验：比例并非 p 值。"
    ),
    "Were there no effect at all, each would still be significant at {} with that probability, "
    "about {} of them on average and often many at once or none; the one with the smallest p is "
    "the worst to quote.": (
        "即使没有任何效应，每个设定在 {} 水平上仍以该概率显著，平均约 {} 个，"
        "且往往同时有许多或一个也没有；最不宜引用的是 p 值最小的设定。"
    ),
    "A placebo (ss.placebo) shows what chance does to one specification.": (
        "安慰剂检验（ss.placebo）显示偶然性对单个设定的影响。"
    ),
    "x has several shapes ({}): sizes compare where units do, signs always.": (
        "x 有多种形式（{}）：单位相同时大小可比，符号始终可比。"
    ),
    "{} specifications have no estimate and count in no share.": (
        "{} 个设定没有估计值，不计入任何比例。"
    ),
}
