"""Chinese of tables: blocks of the package, and the words of recipes of weights."""

from __future__ import annotations

from spatialsyn.weights.series import YEARLY

# Names of blocks, senders and channels that come with the package.
BLOCKS = {"GBA": "大湾区", "periphery": "外围城市", "own": "本市", "all": "全部"}
# Values of recipes that are no names of columns or cities.
VALUES = {"True": "是", "False": "否"}
UNITS = {
    "1 / (1 + standard deviations apart)": "1 /（1 + 标准差距离）",
    "1 / units of the column": "1 / 变量单位", "1 = a link": "1 = 有联系",
    "1 = among k nearest": "1 = k 近邻", "1 = at no distance": "1 = 距离为零",
    "1 = common border": "1 = 相邻", "1 = in the ring": "1 = 圈层内",
    "1 = within the band": "1 = 距离带内", "as before": "同原矩阵",
    "common platforms": "共同平台数", "share of common platforms": "共同平台份额",
    "km^-power": "公里^-幂次", "mass^2 km^-power": "质量² 公里^-幂次", "product": "乘积",
    "share of weight": "权重份额", "time^-power": "时间^-幂次", "units of the table": "原表单位",
}  # fmt: skip
RECIPES = {
    "contiguity (queen)": "邻接（queen）", "contiguity (rook)": "邻接（rook）",
    "k nearest": "k 近邻", "distance band": "距离带", "ring": "距离圈层",
    "inverse distance": "反距离", "kernel (bisquare)": "核函数（双平方）",
    "kernel (gaussian)": "核函数（高斯）", "kernel (triangular)": "核函数（三角）",
    "kernel (uniform)": "核函数（均匀）", "kernel (epanechnikov)": "核函数（Epanechnikov）",
    "economic gap": "经济差距", "gravity": "引力模型", "gravity (directed)": "引力模型（有向）",
    "similarity": "相似度", "flows": "流量", "predicted flows": "预测流量",
    "co-membership": "共同成员", "travel time": "出行时间",
    "product": "乘积", "convex sum": "凸组合", "union": "并集", "intersection": "交集",
    "conditional": "条件", "sparsified": "稀疏化", "matrix": "给定矩阵",
    YEARLY: "，逐年各一个", "unit": "单位",
    "column": "变量", "floor": "下限", "floored pairs": "触及下限的城市对", "power": "幂次",
    "cutoff km": "截断距离（公里）", "cutoff": "截断时间", "bandwidth km": "带宽（公里）",
    "neighbours": "邻居数", "symmetric": "对称化", "links": "附加联系", "order": "阶数",
    "up to": "含低阶", "dropped": "剔除的城市", "isolates": "孤立城市的处理", "of": "由",
    "linked": "联至最近城市的城市", "fallback": "仅留最强联系的城市", "across": "跨组",
    "within": "组内", "decay": "衰减率", "rewired": "随机重连",
    "shares": "份额", "strongest": "保留最强", "share": "份额", "per": "按", "receiver": "接收方",
    "measure": "度量", "platforms": "平台数", "from km": "起（公里）", "to km": "止（公里）",
    "beyond km": "超过（公里）", "own": "市内流量份额", "subset of": "取自", "renamed from": "原名",
    "sender elasticity": "流出方弹性", "receiver elasticity": "流入方弹性",
    "distance elasticity": "距离弹性", "fit": "拟合度",
    "weight lost": "损失的权重", "weight left": "剩余权重",
    "parts standardised": "各矩阵标准化",
}  # fmt: skip
