"""Chinese of tables: words, and sentences with blanks."""

from __future__ import annotations

WORDS = {
    # headings of models
    "Models of {}": "{}的模型估计结果",
    "Direct effects": "直接效应",
    "Indirect effects": "间接效应",
    "Total effects": "总效应",
    "Direct effects, in the year of the change": "短期直接效应（变动当年）",
    "Indirect effects, in the year of the change": "短期间接效应（变动当年）",
    "Total effects, in the year of the change": "短期总效应（变动当年）",
    "Direct effects, long run": "长期直接效应",
    "Indirect effects, long run": "长期间接效应",
    "Total effects, long run": "长期总效应",
    "Coefficients": "系数",
    "Spatial lags of x (W*x): not effects": "解释变量的空间滞后（W*x，系数并非效应）",
    "Lags in time": "时间滞后",
    "Spatial lag of y (ρ)": "被解释变量的空间滞后（ρ）",
    "Shares of the matrices": "各矩阵的份额",
    "Spatial error (λ)": "空间误差（λ）",
    "Other parameters": "其他参数",
    "share of {}": "{}的份额",
    "Intercept": "常数项",
    "Estimate": "估计值",
    "s.e.": "标准误",
    "{} interval": "{} 置信区间",
    "z": "z 值",
    "p": "p 值",
    # the foot
    "Outcome": "被解释变量",
    "Model": "模型",
    "Estimator": "估计方法",
    "Weights": "空间权重矩阵",
    "Fixed effects": "固定效应",
    "Correction": "偏误修正",
    "Random effects": "随机效应",
    "Covariance": "协方差矩阵",
    "Cities": "城市数",
    "Years": "年份",
    "Observations": "观测值",
    "Log-likelihood": "对数似然值",
    "AIC": "AIC",
    "R², within": "组内 R²",
    "R², between": "组间 R²",
    "Squared correlation": "相关系数平方",
    "Bounds of ρ": "ρ 的取值范围",
    "First-stage F, smallest": "第一阶段 F 值（最小）",
    "Overidentification": "过度识别检验",
    "Largest root": "最大特征根",
    "Wald: τ + ρ + η = 1": "Wald 检验：τ + ρ + η = 1",
    "Std. errors": "标准误类型",
    "Panels": "面板单位数",
    "R-squared (within)": "组内 R²",
    "R-squared (between)": "组间 R²",
    "R-squared (overall)": "总体 R²",
    "Dependent variable": "被解释变量",
    "Coefficient": "系数",
    "Asymptotic t-stat": "渐近 t 值",
    "z-probability": "p 值",
    "lower {}": "下限 {}",
    "upper {}": "上限 {}",
    "Short-term direct": "短期直接效应",
    "Short-term indirect": "短期间接效应",
    "Short-term total": "短期总效应",
    "Long-term direct": "长期直接效应",
    "Long-term indirect": "长期间接效应",
    "Long-term total": "长期总效应",
    "log-likelihood": "对数似然值",
    "none": "无",
    "city": "城市",
    "year": "年份",
    "city and year": "城市和年份",
    "correlated": "与解释变量相关",
    "outside the error": "不含于空间误差",
    "dummies": "虚拟变量",
    "bias-corrected": "偏误修正",
    "Lee-Yu": "Lee-Yu 变换",
    "best 2SLS": "最优 2SLS",
    "expected": "期望信息矩阵",
    "observed": "观测信息矩阵",
    "sandwich": "夹心估计",
    "period": "按年份聚类",
    "driscoll-kraay": "Driscoll-Kraay",
    "classical": "经典",
    "robust": "异方差稳健",
    "spatial-hac": "空间 HAC",
    "expected information": "期望信息矩阵",
    "observed information": "观测信息矩阵",
    "sandwich, for any distribution of one variance": "夹心估计，适用于同方差的任意分布",
    "clustered by year": "按年份聚类",
    "Driscoll-Kraay": "Driscoll-Kraay",
    "classical, for errors of one variance": "经典，误差同方差",
    "robust to heteroskedasticity": "异方差稳健",
    "clustered by city": "按城市聚类",
    "cluster": "按组聚类",
    "clustered by {}": "按 {} 聚类",
    "spatial HAC, Bartlett weights to {}": "空间 HAC，Bartlett 权重至 {}",
    # effects
    "Effects": "效应",
    "Effects by block": "分区域效应",
    "Effects by city": "分城市效应",
    "Direct": "直接效应",
    "Indirect": "间接效应",
    "Total": "总效应",
    "Received": "接收的溢出",
    "Emitted": "发出的溢出",
    "Net": "净溢出",
    "Share": "份额",
    "Own": "本市",
    "From {}": "来自{}",
    "long run": "长期",
    "year {}": "第 {} 年",
    "order {}": "{} 阶",
    "further orders": "更高阶",
    # variables
    "Descriptive statistics": "描述性统计",
    "Variable": "变量",
    "Unit": "单位",
    "Mean": "均值",
    "Overall s.d.": "总体标准差",
    "Between s.d.": "组间标准差",
    "Within s.d.": "组内标准差",
    "Min": "最小值",
    "Max": "最大值",
    "N": "观测值",
    "Missing": "缺失值",
    "Correlations": "相关系数矩阵",
    "Definitions of variables": "变量定义",
    "Definition": "定义",
    "Source": "数据来源",
    # specification tests
    "Specification tests": "模型设定检验",
    "Test: null hypothesis": "检验：原假设",
    "Statistic": "统计量",
    "d.f.": "自由度",
    "Note": "注",
    "Posterior probabilities of the families, equally likely before, under a g-prior "
    "(log-marginal likelihoods in brackets): {}.": (
        "各模型族的后验概率（先验等可能，g 先验；括号内为对数边际似然）：{}。"
    ),
    "Moran's I of the residuals by year (* p < 0.05): {}.": (
        "各年残差的 Moran's I（* p < 0.05）：{}。"
    ),
    "Variance inflation factors: {}.": "方差膨胀因子：{}。",
    # weights
    "Spatial weights matrices": "空间权重矩阵",
    "Made from": "构造方式",
    "Standardization": "标准化",
    "Links": "联系数",
    "Density": "密度",
    "Cities without neighbours": "无邻居的城市",
    "Components": "连通分量",
    "Symmetric": "是否对称",
    "Asymmetry": "非对称程度",
    "Mean neighbours": "平均邻居数",
    "Effective neighbours": "有效邻居数",
    "Smallest row sum": "最小行和",
    "Largest row sum": "最大行和",
    "Lower bound of ρ": "ρ 的下界",
    "Upper bound of ρ": "ρ 的上界",
    "Eigenvalue gap": "特征值间隔",
    "Base years": "基期年份",
    "Hash": "校验码",
    "Correlation with W[{}]": "与 W[{}] 的相关系数",
    "Correlation of lags with W[{}]": "与 W[{}] 空间滞后的相关系数",
    "Weight between blocks ({})": "跨区域权重（{}）",
    "yes": "是",
    "no": "否",
    "row": "行标准化",
    "column": "列标准化",
    "spectral": "谱标准化",
    "minmax": "极小极大标准化",
    ", then ": "，再",
    " (its rows sum to one)": "（各行之和为一）",
    "base years not stated; ": "基期年份未注明；",
    "base years {}; ": "基期年份 {}；",
    "base years: all, the sample's own (the weights may depend on what drives y); ": (
        "基期年份：全部样本期（权重可能受 y 的决定因素影响）；"
    ),
    "W[{}]: {}; {}standardization: {}{}; hash {}.": "W[{}]：{}；{}标准化：{}{}；校验码 {}。",
    # pieces of sentences
    "removed by the transformation of Lee and Yu (2010), which uses up part of the observations": (
        "由 Lee 和 Yu（2010）的变换消去，并占用部分观测值"
    ),
    "removed as dummy variables, their leading bias corrected (Lee and Yu 2010); the "
    "log-likelihood is that of the dummy-variable maximum": (
        "以虚拟变量消去，并修正其主要偏误（Lee 和 Yu 2010）；对数似然值为虚拟变量估计的最大值"
    ),
    "removed as dummy variables, without correction: σ² (city effects) and ρ (year effects) "
    "are biased in small panels": (
        "以虚拟变量消去，未作修正：在小样本面板中 σ²（城市效应）与 ρ（年份效应）有偏"
    ),
    "estimated as dummies of cities, whose bias of order 1/T is removed (Lee and Yu 2010b)": (
        "以城市虚拟变量估计，并消去其 1/T 阶偏误（Lee 和 Yu 2010b）"
    ),
    "removed by the restricted likelihood (Harville 1974), that of differences over the years, as "
    "the matrix of the spatial error changes from year to year": (
        "由限制似然（Harville 1974）即跨年差分的似然消去，因为空间误差的矩阵逐年变化"
    ),
    "; city effects are random": "；城市效应为随机效应",
    "; city effects are random, correlated with the regressors through their means": (
        "；城市效应为随机效应，并通过均值与解释变量相关"
    ),
    "; city effects are random and stand outside the spatial error": (
        "；城市效应为随机效应，不含于空间误差"
    ),
}

SENTENCES = {
    "Standard errors in parentheses.": "括号内为标准误。",
    "{} intervals in brackets.": "方括号内为 {} 置信区间。",
    "z statistics in parentheses.": "括号内为 z 值。",
    "p-values in parentheses.": "括号内为 p 值。",
    "Direct, indirect and total effects are averages over cities, in units of the outcome "
    "per unit of x.": "直接、间接与总效应为各城市的平均值，即 x 每增加一个单位时被解释变量的变化。",
    "Standard errors of effects by the delta method.": "效应的标准误由 delta 法得到。",
    "Years: {}.": "时间：{}。",
    "Standard errors and intervals of effects from {:,} bootstrap draws.": (
        "效应的标准误与置信区间由 {:,} 次自助抽样得到。"
    ),
    "Standard errors and intervals of effects from {:,} simulated draws, seed {}; {:.2%} "
    "rejected.": "效应的标准误与置信区间由 {:,} 次模拟抽样得到，随机种子 {}；剔除 {:.2%}。",
    "{}, long run: {}": "{}，长期：{}",
    "{}: no long run, since the largest root is not below one.": (
        "{}：最大特征根不小于一，长期效应不存在。"
    ),
    "Covariance of the parameters: {}.": "参数的协方差矩阵：{}。",
    "No fixed effects{}.": "无固定效应{}。",
    "Fixed effects swept out of the data.": "固定效应已从数据中消去。",
    "Fixed effects {}{}.": "固定效应{}{}。",
    "{} cities.": "共 {} 个城市。",
    "Only {} cities: normal approximations are rough with so few, so read the sizes and "
    "their intervals rather than stars.": (
        "仅有 {} 个城市：样本很少时正态近似较粗略，应关注效应的大小及其区间，而非星号。"
    ),
    "W[{}] is made of values of {}, late for a sample of {} to {}: what drives y may have moved "
    "them. Take years before or at its start.": (
        "W[{}] 由 {} 年的数值构成，对 {} 至 {} 年的样本而言偏晚：y 的决定因素可能已影响这些数值。"
        "请取样本期之前或期初的年份。"
    ),
    "Tests: statistic, p-value in parentheses.": "检验：统计量，括号内为 p 值。",
    "Largest root: of the matrix that carries y from one year to the next; below one "
    "the process comes to rest.": (
        "最大特征根：将 y 由一年传递到下一年的矩阵之根；小于一时过程趋于稳定。"
    ),
    "Squared correlation: of the outcome, net of fixed effects, with its prediction. R²: "
    "squared correlation of the outcome with its prediction without fixed effects, within "
    "cities and between their means.": (
        "相关系数平方：扣除固定效应后的被解释变量与其预测值之间。R²：被解释变量与不含固定效应的"
        "预测值之间的相关系数平方，分城市内部与城市均值之间。"
    ),
    "Log-likelihood and AIC compare only between columns with the same outcome, "
    "observations and correction.": (
        "仅当被解释变量、观测值与修正方法相同时，各列的对数似然值与 AIC 方可比较。"
    ),
    "Log-likelihood, AIC and BIC are those of city dummies over all years, before the bias of the "
    "parameters is removed: they do not compare with a static model's.": (
        "对数似然值、AIC 与 BIC 属于含城市虚拟变量的模型，未经偏误修正，不可与静态模型比较。"
    ),
    "Rows receive, columns send. Own: the response of a city to its own x, averaged over the "
    "block. From b: the response if x rose by one unit in every other city of block b. Each "
    "row sums to its total.": (
        "行为接收方，列为发出方。本市：城市对自身 x 的反应在区域内的平均。来自某区域：该区域其他各"
        "城市的 x 均增加一个单位时的反应。各行之和为总效应。"
    ),
    "Rows receive, columns send: the change in all cities of the receiving block together if "
    "x rose by one unit in one city of the sending block, on average. Own: of that city "
    "itself, in its own block. Total: if it is an average city of all.": (
        "行为接收方，列为发出方：发出区域中一个城市的 x 增加一个单位时，接收区域全部城市变化之和的"
        "平均值。本市：该城市自身的变化。总计：该城市为全部城市中的平均一个时。"
    ),
    "Rows receive, columns send: shares of the sum of all effects between all cities. Own: "
    "of the effects of cities on themselves. The totals sum to one.": (
        "行为接收方，列为发出方：占全部城市间效应总和的份额。本市：城市对自身效应的份额。总计"
        "之和为一。"
    ),
    "Rows receive, columns send. Own: from the city's own change; From b: from the changes of "
    "the other cities of block b. Each row sums to its total.": (
        "行为接收方，列为发出方。本市：来自城市自身的变动；来自某区域：来自该区域其他城市的变动。"
        "各行之和为总效应。"
    ),
    "Direct: the city's response to its own x. Received: its response if x rose by one unit in "
    "every other city. Emitted: the summed response of all other cities to its x. Net: emitted "
    "less received.": (
        "直接效应：城市对自身 x 的反应。接收的溢出：其他各城市的 x 均增加一个单位时该城市的反应。"
        "发出的溢出：其他所有城市对该城市 x 的反应之和。净溢出：发出减接收。"
    ),
    "Direct: from the city's own change. Indirect: from the changes of all other cities. In units "
    "of the outcome.": (
        "直接效应：来自城市自身的变动。间接效应：来自所有其他城市的变动。单位与被解释变量相同。"
    ),
    "Row i receives: W[i, j] is the pull of city j on city i. Effective neighbours: mean "
    "over cities of 1 / Σ p², p the shares of a row. Correlation: of the row shares; of "
    "lags: of W y net of city and year means.": (
        "第 i 行为接收方：W[i, j] 表示城市 j 对城市 i 的影响。有效邻居数：各城市 1 / Σ p² 的均值，"
        "p 为该行的份额。相关系数：行份额之间；空间滞后的相关系数：扣除城市与年份均值后的 W y"
        " 之间。"
    ),
    "{} cities, {}–{}.": "{} 个城市，{}–{} 年。",
    "Between: standard deviation of city means. Within: of the deviations from city means.": (
        "组间：城市均值的标准差。组内：对城市均值偏离的标准差。"
    ),
    "Below the diagonal: over all city-years.": "对角线以下：全部城市—年份观测。",
    "Above the diagonal: of deviations from city means.": "对角线以上：对城市均值的偏离。",
    "Above the diagonal: of city means.": "对角线以上：城市均值。",
    "p-values are those of independent observations.": "p 值以观测值相互独立为前提。",
    # sentences of the floors below
    "rho = {} lies {} standard errors below its upper bound {}: effects have a long right tail "
    "and intervals are rough.": (
        "rho = {0} 距其上界 {2} 仅 {1} 个标准误：效应分布右尾较长，置信区间较粗略。"
    ),
    "tau + eta + rho = {} lies {} standard errors below its upper bound {}: effects have a long "
    "right tail and intervals are rough.": (
        "tau + eta + rho = {0} 距其上界 {2} 仅 {1} 个标准误：效应分布右尾较长，置信区间较粗略。"
    ),
    "Without time effects a common trend does this: see whether they belong in the model.": (
        "未含年份效应时，共同趋势会造成这种情况；请检查模型是否应包含年份效应。"
    ),
    "Rows of {}: effects of this term alone, the other terms that hold the same variable staying "
    "as they are.": "{} 各行：仅为该项自身的效应，含同一变量的其他项保持不变。",
    "Effects of the variable, at the values observed: effects({}).": (
        "该变量在观测值处的效应：effects({})。"
    ),
    "Estimated by {}; endogenous: {}; instruments: {}; left out, as they depend on the others: "
    "{}.": "估计方法：{}；内生变量：{}；工具变量：{}；因线性相关而剔除：{}。",
    "Estimated by {}; endogenous: {}; instruments: {}.": (
        "估计方法：{}；内生变量：{}；工具变量：{}。"
    ),
    "F < {} for {}: weak instruments.": "{1} 的 F < {0}：弱工具变量。",
    "Estimates lean towards those of least squares and intervals are too short; more instruments "
    "make it worse, stronger ones do not.": (
        "估计值偏向最小二乘，置信区间过窄；增加工具变量会加重问题，更强的工具变量则不会。"
    ),
    "The outcome is missing in {} of {} city-years ({}); the likelihood is that of the observed "
    "ones, and W is whole.": (
        "{1} 个城市—年份中有 {0} 个（{2}）缺失被解释变量；似然函数基于已观测部分，W 保持完整。"
    ),
    "It is right where being missing does not depend on the missing value itself.": (
        "当缺失与缺失值本身无关时，该估计有效。"
    ),
    'missing="balance" keeps {} of {} cities and {} of {} years: {} of the city-years are dropped, '
    "and {} of those in which nothing is missing.": (
        "平衡化处理保留 {1} 个城市中的 {0} 个、{3} 年中的 {2} 年：剔除 {4} 的城市—年份，"
        "占无缺失观测的 {5}。"
    ),
    "Cities dropped: {}.": "剔除的城市：{}。",
    "Years dropped: {}.": "剔除的年份：{}。",
    "W[{}] loses {} of the weight of the cities kept.": "保留城市在 W[{}] 中的权重损失 {}。",
    "No neighbour is left for {}.": "{} 已无邻居。",
    "W[{}] and W[{}] overlap (correlation of the weights {}, of the lags of y {}): the data hardly "
    "tell them apart.": (
        "W[{}] 与 W[{}] 相互重叠（权重相关系数 {}，y 空间滞后相关系数 {}）：数据难以区分二者。"
    ),
    "sum rho W has spectral radius {}, not below one: S^-1 exists, but is not the sum of "
    "spillovers of all orders, which grow with the order.": (
        "Σ rho W 的谱半径为 {}，不小于一：S^-1 存在，但各阶溢出逐阶放大，其和不收敛于 S^-1。"
    ),
    "Not all rows of the mixed matrices sum to one: shares depend on their scales.": (
        "混合矩阵的行和并非均为一：份额取决于其尺度。"
    ),
    "The share of {} is estimated at zero: it has no standard error, and those of all others hold "
    "it there. See its interval and share_test.": (
        "{} 的份额估计为零：该份额没有标准误，其余标准误均以其为零为前提。参见其区间与 share_test。"
    ),
    "rho = {} (s.e. {}) is not told from zero: shares are not identified at rho = 0 (Davies).": (
        "rho = {}（标准误 {}）与零无法区分：rho = 0 时份额不可识别（Davies）。"
    ),
    "W[{}] and W[{}] are alike (correlation of {}): a model with both is not identified. Keep one "
    "of them.": "W[{}] 与 W[{}] 相似（{} 的相关系数）：同时包含二者的模型不可识别，请保留其一。",
    "W[{}] and W[{}] are alike (correlation of {}): a model with both can hardly tell their "
    "spillovers apart. Compare models with one each, or report their sum only.": (
        "W[{}] 与 W[{}] 相似（相关系数：{}）：同时包含二者的模型难以区分其溢出；请比较各含其一的"
        "模型，或仅报告二者之和。"
    ),
    "One of the weights {} is a combination of the others: a model with all of them is not "
    "identified. Leave one out.": (
        "权重矩阵 {} 中有一个是其余的线性组合：包含全部矩阵的模型不可识别，请去掉一个。"
    ),
}

# What may stand in the blanks of a sentence made elsewhere.
PIECES = {
    "error-component two-stage least squares (Baltagi & Liu 2011)": (
        "误差成分两阶段最小二乘（Baltagi 和 Liu 2011）"
    ),
    "quasi-maximum likelihood": "拟极大似然",
    "two-stage least squares": "两阶段最小二乘",
    "two-stage least squares with the best instruments of Lee (2003)": (
        "采用 Lee（2003）最优工具变量的两阶段最小二乘"
    ),
    "two-stage least squares, the spatial error by the moments of Kelejian and Prucha": (
        "两阶段最小二乘，空间误差由 Kelejian 和 Prucha 的矩条件估计"
    ),
    "nothing": "无",
    "the regressors": "解释变量",
}
