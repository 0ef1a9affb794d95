"""Chinese of tables of robustness: single cities, placebos, posterior odds, J tests."""

from __future__ import annotations

WORDS = {
    # without single cities
    "Effects without single cities": "逐一剔除城市后的效应",
    "All cities": "全部城市",
    "Moved most without": "影响最大的城市",
    "By (s.e.)": "变动（标准误）",
    "Other sign": "符号改变",
    "Other significance": "显著性改变",
    "Without": "剔除城市",
    "none: all cities": "无（全部城市）",
    "Weight in W[{}]": "在 W[{}] 中的权重",
    # placebos
    "Effects beside those of chance": "效应与安慰剂检验",
    "Mean of placebos": "安慰剂均值",
    "{} of placebos": "{} 的安慰剂区间",
    "p of t": "t 值的 p 值",
    # odds and J tests
    "Posterior probabilities of the models": "各模型的后验概率",
    "Probability": "后验概率",
    "Log-marginal likelihood": "对数边际似然",
    "ρ or λ": "ρ 或 λ",
    "Without a matrix": "不含空间权重矩阵",
    "{}, all families": "{}，全部模型族",
    "{}, all matrices": "{}，全部矩阵",
    "J tests of the matrices": "空间权重矩阵的 J 检验",
    "Tested": "被检验模型",
    "{} against {}": "{} 对 {}",
}
# Why there is no estimate: the first sentence of what `ss.fit` says, without its stop.
REASONS = {
    "W[{}] has cities without neighbours, {}: their rows cannot sum to one": (
        "W[{}] 中有城市没有邻居（{}），其行之和无法为一"
    ),
    "W[{}] has cities that no other is linked to, {}: their columns cannot sum to one": (
        "W[{}] 中有城市不是任何城市的邻居（{}），其列之和无法为一"
    ),
    "W[{}] has no links at all": "W[{}] 中没有任何联系",
    "W[{}] gives all other cities the same weight: less the means of the year, W y is -y / {}, and "
    "every value of its parameter has the same likelihood": (
        "W[{}] 赋予其他各城市相同的权重：减去年份均值后 W y 为 -y / {}，其参数取任何值时似然都相同"
    ),
    "the matrices {} are equal, proportional or combinations of each other: the coefficients of "
    "their lags cannot be told apart": (
        "矩阵 {} 相等、成比例或互为线性组合，其滞后项的系数无法区分"
    ),
    "the grouping {} has one block only, {}": "分组 {} 只剩一个区块（{}）",
    "{}: nothing is left once fixed_effects={} are removed (constant within each city, or common "
    "to all cities in each year)": (
        "{}：消去固定效应 {} 后不再有变动（各城市内不随时间变化，或每年各城市相同）"
    ),
    "nothing is left of the outcome once fixed_effects={} are removed (it is constant within each "
    "city, or common to all cities in each year, but for rounding)": (
        "消去固定效应 {} 后被解释变量不再有变动（各城市内不随时间变化，或每年各城市相同）"
    ),
    "{} is a linear combination of the other regressors (after fixed effects are removed): of {}": (
        "{}（消去固定效应后）是其他解释变量 {} 的线性组合"
    ),
    "the regressors fit the outcome exactly, but for rounding; there is no error left": (
        "解释变量完全拟合被解释变量，没有误差"
    ),
    "the likelihood still rises at {} = {}, the end of its interval ({}, {}): the data do not "
    "identify this model with this W": (
        "似然函数在 {} = {} 处（取值范围 ({}, {}) 的端点）仍在上升，数据不能识别使用该矩阵的模型"
    ),
    "the likelihood still rises at [{}] ({}), the edge of the parameter space: the data do not "
    "identify this model with these W": (
        "似然函数在参数空间边缘 [{}]（{}）处仍在上升，数据不能识别使用这些矩阵的模型"
    ),
    "the likelihood still rises at {} = {}, the edge of the parameter space: the data do not "
    "identify this model with these W": (
        "似然函数在参数空间边缘 {} = {} 处仍在上升，数据不能识别使用这些矩阵的模型"
    ),
    "the likelihood still rises at alpha = {}: the data do not identify this model with this W": (
        "似然函数在 alpha = {} 处仍在上升，数据不能识别使用该矩阵的模型"
    ),
    "the information matrix is not positive definite, so there are no standard errors": (
        "信息矩阵非正定，没有标准误"
    ),
    "the bias correction moves rho to [{}], outside its parameter space": (
        "偏误修正使 rho 变为 [{}]，超出参数空间"
    ),
    "the bias correction moves rho to [{}], outside its parameter space: the panel is too short "
    "for this model": "偏误修正使 rho 变为 [{}]，超出参数空间：面板过短，不足以估计该模型",
    "two stages put rho at {}, outside its parameter space": (
        "两阶段估计得到 rho = {}，超出参数空间"
    ),
    "cov={} estimates the variance of {} parameters from {} cities: it needs more cities than "
    "parameters": "cov={} 估计 {} 个参数的方差，却只有 {} 个城市：城市数须多于参数个数",
}
SENTENCES = REASONS | {
    "Each of {} cities is left out once with its links; what is standardised is standardised anew. "
    "The spread of these estimates shows influence and is no standard error.": (
        "{} 个城市各剔除一次，其联系一并剔除，标准化的权重重新标准化。这些估计值的离散程度反映"
        "单个城市的影响，并非标准误。"
    ),
    "Moved most without: the city without which the effect moves most, and by how many of its "
    "standard errors with all cities. Other sign, other significance: without how many cities the "
    "effect has the other sign, or p is on the other side of {}.": (
        "影响最大的城市：剔除后效应变动最大的城市，变动以全部城市估计的标准误为单位。符号改变、"
        "显著性改变：剔除后效应符号相反、或 p 值落到 {} 另一侧的城市数。"
    ),
    "Weight in a matrix: share of the weight of the other cities that lies on the city left out.": (
        "在矩阵中的权重：其他城市的权重中落在所剔除城市上的份额。"
    ),
    "No estimate without {}: {}.": "剔除{}后没有估计值：{}。",
    "Placebo: the cities of every matrix are relabelled at random. Its structure stays, and "
    "cities get the neighbours of others.": (
        "安慰剂检验：随机调换各矩阵中的城市；矩阵结构不变，每个城市得到其他城市的邻居。"
    ),
    "Placebo: every city keeps the strengths of its links and gets random cities at their ends.": (
        "安慰剂检验：每个城市保留其联系的强度，联系的另一端随机指定。"
    ),
    "Placebo: the cities exchange their whole series of the variable at random.": (
        "安慰剂检验：各城市随机交换该变量的整个时间序列。"
    ),
    "{:,} draws, seed {}.": "{:,} 次抽样，随机种子 {}。",
    "{:,} more draws have no estimate.": "另有 {:,} 次抽样没有估计值。",
    "p: twice the share of draws, the data counted among them, that lie as far out as the estimate "
    "on its side; p of t: the same of the estimate over its standard error. The smallest that "
    "{} draws allow is {}.": (
        "p 值：与估计值同侧且至少同样极端的抽样（含实际数据本身）所占比例的两倍；t 值的 p 值：对"
        "估计值与其标准误之比作同样计算。{} 次抽样可得的最小 p 值为 {}。"
    ),
    "Probability: posterior, of models that are equally likely before the data. Log-marginal "
    "likelihood: differences of it are logarithms of odds. ρ, or λ in SEM and SDEM: "
    "posterior mean.": (
        "后验概率：各模型先验等可能。对数边际似然之差为对数后验比。"
        "ρ（SEM 与 SDEM 中为 λ）：后验均值。"
    ),
    "{}; fixed effects: {} ({}); g-prior, families and W equally likely.": (
        "{}；固定效应：{}（{}）；g 先验，各模型族与矩阵先验等可能。"
    ),
    "{}; fixed effects: {}; g-prior, families and W equally likely.": (
        "{}；固定效应：{}；g 先验，各模型族与矩阵先验等可能。"
    ),
    "{}; fixed effects: {} ({}); flat prior, families and W equally likely.": (
        "{}；固定效应：{}（{}）；平坦先验，各模型族与矩阵先验等可能。"
    ),
    "{}; fixed effects: {}; flat prior, families and W equally likely.": (
        "{}；固定效应：{}；平坦先验，各模型族与矩阵先验等可能。"
    ),
    "Rows are tested, columns are rivals. H0: the model with the matrix of the row needs nothing "
    "of what the model with that of the column predicts. Statistic, p-value in parentheses. Both "
    "of two models may be rejected, or neither.": (
        "行为被检验模型，列为竞争模型。原假设：使用行矩阵的模型无需列矩阵模型的预测值。单元格为统计量，"
        "括号内为 p 值。两个模型可能都被拒绝，也可能都不被拒绝。"
    ),
    "p of chi-squared(1), which rejects a true model too often; that of panels drawn from the "
    "model does not.": (
        "p 值由卡方(1) 分布得到，对真实模型拒绝过于频繁；由模型生成的模拟面板得到的 p 值"
        "没有此问题。"
    ),
    "p from {} panels drawn from the model, seed {}.": (
        "p 值由模型生成的 {} 个模拟面板得到，随机种子 {}。"
    ),
    "p from {} panels drawn from the model, seed {}; {} more without an estimate.": (
        "p 值由模型生成的 {} 个模拟面板得到，随机种子 {}；另有 {} 个没有估计值。"
    ),
}
# What may stand in the blanks of a sentence made elsewhere.
PIECES = {
    "none": "无", "individual": "城市", "time": "年份", "twoways": "城市和年份",
    "lee-yu": "Lee-Yu 变换", "direct": "虚拟变量",
}  # fmt: skip
