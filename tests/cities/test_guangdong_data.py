"""The embedded Guangdong panel: complete, within its identities, every jump explained."""

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

DATA = files("spatialsyn.cities") / "data"
KEYS = ["adcode", "city_en", "city_zh", "region", "year"]
YEARS = range(2011, 2020)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
beside = pytest.mark.skipif(
    not (SHARED / "guangdong_cities.csv").exists(),
    reason="the raw tables the panel was taken from are not beside this checkout",
)

# Names in the raw table, which keep the unit; the rule covers the fifteen not listed.
RAW = {
    "gdp": "gdp_revised_100m_yuan",
    "gdp_per_capita": "gdp_per_capita_calc_yuan",
    "population": "population_resident_10k",
    "urbanization": "urbanization_rate_pct",
    "land_area": "land_area_km2",
    "secondary_share": "secondary_share_pct",
    "tertiary_share": "tertiary_share_pct",
    "digital_finance": "pku_digital_finance_index",
    "mobile_subs": "mobile_subs_10k",
    "employment": "employment_urban_units_10k",
    "employment_transport": "employment_transport_post_10k",
    "industrial_firms": "industrial_firms_count",
    "average_wage": "average_wage_yuan",
}


def raw_name(variable):
    unit = "10k" if variable.startswith("employment") else "10k_yuan"
    return RAW.get(variable, f"{variable}_{unit}")


@pytest.fixture(scope="module")
def table():
    with (DATA / "guangdong.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


@pytest.fixture(scope="module")
def codebook():
    with (DATA / "guangdong_codebook.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col="variable", keep_default_na=False)


@pytest.fixture(scope="module")
def variables(table):
    return [name for name in table if name not in KEYS]


def cell(table, variable, city, year):
    row = table[(table["city_en"] == city) & (table["year"] == year)]
    return row[variable].item()


# ---- shape ------------------------------------------------------------------------------


def test_twenty_one_cities_by_nine_years_sorted_and_unique(table, variables):
    expected = pd.MultiIndex.from_product([sorted(table["adcode"].unique()), YEARS])
    assert list(zip(table["adcode"], table["year"], strict=True)) == list(expected)
    assert len(table) == 21 * 9
    assert len(variables) == 28
    assert list(table)[:5] == KEYS


def test_names_and_region_belong_to_the_city(table):
    fixed = table.groupby("adcode")[["city_en", "city_zh", "region"]].nunique()
    assert (fixed == 1).all(axis=None)
    assert table["city_en"].nunique() == table["city_zh"].nunique() == 21
    gba = table.loc[table["region"] == "GBA", "city_en"].unique()
    assert set(gba) == {
        "Guangzhou", "Shenzhen", "Zhuhai", "Foshan", "Huizhou", "Dongguan", "Zhongshan",
        "Jiangmen", "Zhaoqing",
    }  # fmt: skip
    assert set(table["region"]) == {"GBA", "periphery"}


def test_files_are_plain_utf8_with_unix_line_ends():
    for name in ("guangdong.csv", "guangdong_codebook.csv"):
        content = (DATA / name).read_bytes()
        assert not content.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in content
        content.decode("utf-8")


def test_only_two_cells_are_missing(table, variables):
    holes = table.melt(["city_en", "year"], variables).query("value.isna()")
    assert set(zip(holes["variable"], holes["year"], holes["city_en"], strict=True)) == {
        ("mobile_subs", 2015, "Zhaoqing"),
        ("mobile_subs", 2019, "Heyuan"),
    }


def test_every_value_is_a_positive_number(table, variables):
    numbers = table[variables]
    assert all(pd.api.types.is_numeric_dtype(kind) for kind in numbers.dtypes)
    assert ((numbers > 0) | numbers.isna()).all(axis=None)


# ---- published facts --------------------------------------------------------------------


@pytest.mark.parametrize(("city", "gdp"), [("Shenzhen", 26992), ("Guangzhou", 23845)])
def test_revised_gdp_of_2019(table, city, gdp):
    assert round(cell(table, "gdp", city, 2019)) == gdp


def test_provincial_totals(table):
    """Guangdong after the 2018 economic census and the 2020 population census."""
    total = table.groupby("year")[["gdp", "population", "land_area"]].sum()
    assert total.loc[2019, "gdp"] == pytest.approx(107990, abs=10)  # 10.799 tn yuan
    assert total.loc[2019, "population"] == pytest.approx(12489, abs=1)  # 124.89 m
    # The province is 179.7 thousand km2; Zhaoqing, Shanwei and Shaoguan shrink by 2013.
    assert (total["land_area"] / 179_700).between(0.99, 1.01).all()


def test_exchanged_columns_of_yunfu_are_back_in_place(table):
    assert cell(table, "science_expenditure", "Yunfu", 2014) == 18838
    assert cell(table, "education_expenditure", "Yunfu", 2014) == 275386


# ---- identities -------------------------------------------------------------------------


def test_gdp_per_capita_is_gdp_over_population(table):
    quotient = table["gdp"] / table["population"] * 10_000  # 100 m yuan over 10 k persons
    assert ((quotient - table["gdp_per_capita"]).abs() <= 0.5).all()  # printed to the yuan


def test_parts_stay_within_their_whole(table):
    share = table["secondary_share"] + table["tertiary_share"]
    assert (share < 100).all()  # agriculture is left over, 0.03% in Shenzhen
    spent = table["science_expenditure"] + table["education_expenditure"]
    assert (spent < table["fiscal_expenditure"]).all()
    sectors = table.filter(regex="^employment_")
    assert sectors.shape[1] == 9
    assert (sectors.sum(axis=1) <= table["employment"]).all()
    assert (table["urbanization"] <= 100).all()


# ---- jumps ------------------------------------------------------------------------------

FACTOR = 2.5  # year on year, up or down

WIDER = "urban units cover more from 2013 on; the new level stays"
CENSUS = "scope of 2019 differs from 2018 in whole rows (the year after the economic census)"

JUMPS = {
    WIDER: [
        ("employment", 2013, "Foshan Dongguan Zhongshan"),
        ("employment_construction", 2013, "Zhuhai Dongguan Zhongshan"),
        ("employment_manufacturing", 2013, "Foshan Dongguan Zhongshan Chaozhou Jieyang"),
        ("employment_real_estate", 2013, "Foshan Qingyuan Dongguan Zhongshan"),
        ("employment_transport", 2013, "Dongguan"),
        ("employment_it", 2013, "Dongguan"),
        ("employment_leasing_business", 2013, "Foshan Dongguan"),
        ("employment_scitech", 2013, "Dongguan"),
        ("employment_wholesale_retail", 2013, "Foshan Dongguan Zhongshan Jieyang Yunfu"),
    ],
    "wider coverage on top of a doubtful 2012: its columns look rotated": [
        ("employment_wholesale_retail", 2013, "Zhaoqing"),
    ],
    "wider coverage a year late; the new level stays": [
        ("employment_wholesale_retail", 2014, "Chaozhou"),
    ],
    "units reclassified; the new level stays to 2019": [
        ("employment_leasing_business", 2016, "Shantou"),
    ],
    CENSUS: [
        ("employment_leasing_business", 2019, "Maoming Yunfu"),
        ("employment_finance", 2019, "Yunfu"),
    ],
    "doubtful: scope of 2019, no later year to confirm it": [
        ("employment_scitech", 2019, "Dongguan"),
        ("employment_finance", 2019, "Foshan"),
    ],
    "doubtful: far from both neighbours, though the 19 sectors add up to the total": [
        ("employment_real_estate", 2015, "Yunfu"),
        ("employment_real_estate", 2016, "Yunfu"),
        ("employment_manufacturing", 2018, "Yangjiang"),
    ],
    "doubtful before: the register is cut to a third and stays there in 2019": [
        ("industrial_firms", 2018, "Yunfu"),
    ],
    "budget raised for good; a step, not a spike": [
        ("science_expenditure", 2014, "Huizhou Heyuan"),
        ("science_expenditure", 2015, "Meizhou"),
    ],
    "doubtful: small and erratic budget": [
        ("science_expenditure", 2013, "Chaozhou"),
        ("science_expenditure", 2015, "Chaozhou"),
        ("science_expenditure", 2019, "Shanwei"),
    ],
}


def test_every_jump_is_known_and_has_a_reason(table, variables):
    numbers = table.set_index(["city_en", "year"])[variables]
    change = numbers / numbers.groupby("city_en").shift()
    jump = (change > FACTOR) | (change < 1 / FACTOR)
    found = {
        (variable, year, city) for variable in jump for city, year in jump.index[jump[variable]]
    }
    known = {
        (variable, year, city)
        for cells in JUMPS.values()
        for variable, year, cities in cells
        for city in cities.split()
    }
    assert found == known


def test_the_codebook_names_every_doubtful_jump(codebook):
    for reason, cells in JUMPS.items():
        if reason == WIDER:
            continue
        for variable, _, cities in cells:
            caution = codebook.loc[variable, "caution"]
            assert all(city in caution for city in cities.split()), (variable, cities)


def test_the_codebook_warns_of_the_break_in_urban_unit_employment(codebook):
    employment = codebook.loc[codebook.index.str.startswith("employment"), "caution"]
    assert len(employment) == 10
    assert employment.str.contains("BREAK 2012/2013").all()


# ---- codebook and source ----------------------------------------------------------------


def test_codebook_describes_exactly_the_variables(codebook, variables):
    assert list(codebook.index) == variables
    assert list(codebook) == [
        "label_en", "label_zh", "unit", "definition", "publication", "source_table",
        "corrected", "caution",
    ]  # fmt: skip
    needed = ["label_en", "label_zh", "unit", "definition", "publication", "corrected"]
    assert (codebook[needed].map(str.strip) != "").all(axis=None)
    assert codebook["label_en"].is_unique
    assert codebook["label_zh"].is_unique


@beside
def test_every_cell_equals_the_raw_table(table, variables):
    raw = pd.read_csv(SHARED / "guangdong_cities.csv")
    raw = raw[raw["year"].isin(YEARS)].sort_values(["adcode", "year"], ignore_index=True)
    theirs = raw[[raw_name(variable) for variable in variables]].set_axis(variables, axis=1)
    pd.testing.assert_frame_equal(table[variables], theirs, check_dtype=False, check_exact=True)
    for name in ("adcode", "city_en", "city_zh", "year"):
        assert (table[name] == raw[name]).all()
    assert ((table["region"] == "GBA") == (raw["in_gba"] == 1)).all()


@beside
def test_greater_bay_area_agrees_with_the_joint_official_tables(table):
    joint = pd.read_csv(SHARED / "gba_hk_macao.csv")
    both = table.merge(joint, on=["adcode", "year"])
    assert len(both) == 9 * 9
    assert (both["gdp"] / both["gdp_100m_local_currency"] - 1).abs().max() < 1e-4
    off = (both["population"] / both["population_yearend_10k"] - 1).abs()
    assert off.max() < 0.006  # Shenzhen 2011-2016, a later revision
    assert off[both["city_en_x"] != "Shenzhen"].max() < 0.0003  # rounded to 100 persons
