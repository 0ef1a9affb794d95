"""The words of the page, in English and Chinese."""

from __future__ import annotations

from spatialsyn.report.words import check_language

CHINESE = {
    "Contents": "目录",
    "Skip to the results": "跳到结果",
    "The answer": "结论",
    "Explore the effects": "查看效应",
    "Weights matrix": "空间权重矩阵",
    "none": "无",
    "Model": "模型",
    "The map shows": "地图显示",
    "emitted": "溢出（对其他城市）",
    "received": "接收（来自其他城市）",
    "own effect": "本市效应",
    "emitted minus received": "溢出减接收",
    "City": "城市",
    "all cities": "全部城市",
    "Map of cities": "城市地图",
    "Arrow keys move between cities, Enter chooses one, Escape shows all.": (
        "方向键在城市之间移动，回车选择城市，Esc 显示全部城市。"
    ),
    "Choose a city on the map or in the list.": "请在地图或列表中选择城市。",
    "no data": "无数据",
    "interval contains zero": "区间包含零",
    "zero in this model": "在此模型中为零",
    "interval not available": "没有区间",
    "chosen city": "所选城市",
    "{}% interval": "{}% 置信区间",
    "Change in {y} per unit of {x}": "{x}每增加一个单位时{y}的变化",
    "Emitted by each city to all others together": "各城市对其他所有城市的溢出效应之和",
    "Received by each city from all others together": "各城市从其他所有城市接收的效应之和",
    "Own effect of each city": "各城市的本市效应",
    "Emitted minus received, by city": "各城市的溢出减接收",
    "Emitted by {city} to each city": "{city}对各城市的溢出效应",
    "Received by {city} from each city": "{city}从各城市接收的效应",
    "Effects of pairs were left out of this model to keep the page small.": (
        "为减小文件，此模型未包含城市对效应。"
    ),
    "This model was fitted without this city.": "此模型的样本不含该城市。",
    "Largest effects between {city} and other cities": "{city}与其他城市之间最大的效应",
    "to it": "对该市",
    "from it": "来自该市",
    "show all": "显示全部",
    "show fewer": "显示较少",
    "By block": "分区域",
    "Block": "区域",
    "own": "本市",
    "from other cities": "来自其他城市",
    "to other cities": "对其他城市",
    "of which from {}": "其中来自{}",
    "total": "总效应",
    "direct": "直接效应",
    "indirect": "间接效应",
    "own: one unit more in the city itself; from other cities: one unit more in every other "
    "city; to other cities: the sum over all other cities of one unit more in one city.": (
        "本市：该市自身增加一个单位；来自其他城市：其他每个城市都增加一个单位；"
        "对其他城市：一个城市增加一个单位时其他所有城市变化之和。"
    ),
    "Specification curve": "设定曲线",
    "Effect": "效应",
    "Every model that was declared, in the order of its estimate; filled where the interval "
    "leaves out zero. Click a point to choose its model.": (
        "按估计值排列的全部已声明模型；区间不含零的点为实心。点击可选择该模型。"
    ),
    "As a table": "以表格显示",
    "Figures": "图",
    "Equations": "模型方程",
    "Provenance": "数据与版本",
    "Weights matrices": "空间权重矩阵",
    "Name": "名称",
    "How it was made": "构造方法",
    "Base years": "基准年份",
    "Standardization": "标准化",
    "Hash": "哈希值",
    "Panel": "面板",
    "{n} cities, {first}–{last}": "{n} 个城市，{first}–{last} 年",
    "Panel, SHA-256": "面板 SHA-256",
    "Versions": "软件版本",
    "Seed": "随机种子",
    "Seed of the permutations": "置换检验的随机种子",
    "none: intervals are by the delta method, nothing was drawn": (
        "无：区间由 delta 方法得到，没有抽样"
    ),
    "To reproduce": "复现命令",
    "Study file, SHA-256": "研究文件 SHA-256",
    "The map needs a browser that runs scripts; the tables below do not.": (
        "地图需要浏览器运行脚本；下方表格不需要。"
    ),
    "South China Sea": "南海诸岛",
    "city and year effects": "城市与年份固定效应",
    "city effects": "城市固定效应",
    "year effects": "年份固定效应",
    "no fixed effects": "无固定效应",
    "km": "公里",
    "Fit": "拟合",
    "Observations": "观测数",
    "Log-likelihood": "对数似然值",
    "AIC": "AIC",
    "Squared correlation": "相关系数平方",
    "Zoom in": "放大",
    "Zoom out": "缩小",
    "Whole map": "全图",
}
FIXED_EFFECTS = {
    "none": "no fixed effects",
    "individual": "city effects",
    "time": "year effects",
    "twoways": "city and year effects",
}
# What the page's script says while it is read.
SPOKEN = (
    "emitted", "received", "own effect", "emitted minus received", "all cities", "none",
    "no data", "zero in this model", "interval contains zero", "{}% interval",
    "interval not available", "Choose a city on the map or in the list.",
    "Emitted by each city to all others together",
    "Received by each city from all others together", "Own effect of each city",
    "Emitted minus received, by city", "Emitted by {city} to each city",
    "Received by {city} from each city", "This model was fitted without this city.",
    "Effects of pairs were left out of this model to keep the page small.",
    "Largest effects between {city} and other cities", "City", "to it", "from it", "show all",
    "show fewer", "Block", "own", "from other cities", "to other cities", "of which from {}",
    "total", "direct", "indirect", "Model", "Weights matrix", "chosen city",
)  # fmt: skip
HEADINGS = {
    "en": {
        "study_area": "Study area",
        "effects": "Effects",
        "blocks": "Effects from block to block",
        "emitted_received": "Effects emitted and received by each city",
        "emitted": "Effects emitted by each city",
        "received": "Effects received by each city",
        "descriptives": "Descriptive statistics",
        "weights": "Weights matrices",
        "main": "Main model",
        "models": "Models side by side",
        "cities": "Effects city by city",
        "sweep": "Other weights and fixed effects",
        "grid": "Every specification of the grid",
        "specifications_direct": "Specification curve: direct effect",
        "specifications_indirect": "Specification curve: indirect effect",
        "specifications_total": "Specification curve: total effect",
        "diagnostics": "Diagnostics",
        "correlations": "Correlations",
        "definitions": "Definitions of variables",
        "block_matrix": "Effects from block to block, as a matrix",
        "flows": "Effects from block to block, on the map",
        "autocorrelation": "Autocorrelation of the outcome",
        "spectra": "Eigenvalues of the weights",
    },
    "zh": {
        "study_area": "研究区域",
        "effects": "效应",
        "blocks": "区域间效应",
        "emitted_received": "各城市的溢出与接收效应",
        "emitted": "各城市的溢出效应",
        "received": "各城市的接收效应",
        "descriptives": "描述性统计",
        "weights": "空间权重矩阵",
        "main": "主模型",
        "models": "模型比较",
        "cities": "分城市效应",
        "sweep": "其他权重与固定效应",
        "grid": "全部模型设定",
        "specifications_direct": "设定曲线：直接效应",
        "specifications_indirect": "设定曲线：间接效应",
        "specifications_total": "设定曲线：总效应",
        "diagnostics": "诊断检验",
        "correlations": "相关系数矩阵",
        "definitions": "变量定义",
        "block_matrix": "区域间效应矩阵",
        "flows": "区域间效应地图",
        "autocorrelation": "被解释变量的空间自相关",
        "spectra": "权重矩阵的特征值",
    },
}


def phrase(text: str, language: str) -> str:
    """`text` in `language`; every phrase of the page has a translation."""
    check_language(language)
    return CHINESE[text] if language == "zh" else text


def heading(key: str, language: str) -> str:
    """The heading of a table or figure by its name in the study file."""
    for kind in ("weights", "autocorrelation"):
        if key.startswith(f"{kind}_"):
            return f"{HEADINGS[language][kind]}: {key.removeprefix(f'{kind}_')}"
    return HEADINGS[language].get(key, key)
