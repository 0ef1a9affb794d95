"""Layouts, families side by side, what stands beside an estimate, tests at the foot."""

from __future__ import annotations

import re

import numpy as np
import pytest
from models import KINDS, fitted, places
from scipy.stats import norm

import spatialsyn as ss
from spatialsyn.report import effects_table, table

X = "urbanization"


def printed(value, places=3):
    return f"{value:.{places}f}".replace("-", "−")


def headings(made):
    return [row.label for row in made.rows if row.kind == "group"]


def rows_under(made, heading):
    """The lines between one heading and the next, by label."""
    rows = list(made.rows)
    start = next(i for i, row in enumerate(rows) if (row.kind, row.label) == ("group", heading))
    found, last = {}, ""
    for row in rows[start + 1 :]:
        if row.kind in ("group", "foot"):
            break
        last = row.label or last
        found.setdefault(row.label or f"below {last}", row.cells)
    return found


def feet(made):
    return {row.label: row.cells for row in made.rows if row.kind == "foot"}


def test_stata_has_the_equations_of_xsmle_in_their_order():
    made = table([fitted("sdm"), fitted("random")], layout="stata")
    assert headings(made) == ["Main", "Wx", "Spatial", "Variance", "Direct", "Indirect", "Total"]
    sdm, random = fitted("sdm"), fitted("random")
    assert rows_under(made, "Wx")[X][0] == printed(sdm.params[f"W[geo]*{X}"])
    assert rows_under(made, "Main")["_cons"] == ("", printed(random.params["Intercept"]))
    assert rows_under(made, "Spatial")["rho[geo]"][1] == printed(random.rho["geo"])
    assert rows_under(made, "Variance")["sigma2_e"][0].startswith(f"{sdm.sigma2:.5f}"[:6])
    assert rows_under(made, "Direct")[X][0] == printed(sdm.effects(X)["direct"]["estimate"].item())
    assert feet(made)["R-squared (within)"][0] == f"{sdm.r2['within']:.3f}"


def test_stata_lags_keep_their_matrix_where_there_are_two():
    lags = rows_under(table(fitted("two"), layout="stata"), "Wx")
    assert f"W[geo]*{X}" in lags
    assert f"W[eco]*{X}" in lags


def test_stata_names_lags_in_time_as_stata_does():
    made = table(fitted("dynamic"), layout="stata")
    assert {"L.log(gdp)", "L.W[geo]*log(gdp)"} <= set(rows_under(made, "Main"))
    assert headings(made)[-6:] == ["SR_Direct", "SR_Indirect", "SR_Total",
                                   "LR_Direct", "LR_Indirect", "LR_Total"]  # fmt: skip


def test_matlab_has_a_line_per_coefficient_with_its_statistic():
    fit = fitted("sdm")
    made = table(fit, layout="matlab", digits=4)
    assert made.over == ("(1)",)
    assert made.columns == ("Coefficient", "Asymptotic t-stat", "z-probability",
                            "lower 0.025", "upper 0.975")  # fmt: skip
    assert made.rows[0].kind == "foot"
    assert made.ruled.index(True) == sum(row.kind == "foot" for row in made.rows) - 1
    b, se = fit.rho["geo"], fit.se["rho[geo]"]
    line = next(row.cells for row in made.rows if row.label == "W[geo]*dep.var.")
    half = norm.ppf(0.975) * se
    assert line == (printed(b, 4), printed(b / se, 2), printed(2 * norm.sf(abs(b / se)), 4),
                    printed(b - half, 4), printed(b + half, 4))  # fmt: skip
    assert headings(made) == ["Direct", "Indirect", "Total"]
    assert not any(row.kind == "below" for row in made.rows)


def test_beside_gives_every_model_two_columns_and_shares_the_foot():
    fit = fitted("sdm")
    made = table({"A": fit, "B": fitted("two")}, beside="interval")
    assert made.over == ("A", "B")
    assert made.columns == ("Estimate", "95% interval") * 2
    effect = fit.effects(X)["direct"].iloc[0]
    cells = rows_under(made, "Direct effects")[X]
    assert cells[:2] == (
        printed(effect["estimate"]), f"[{printed(effect['low'])}, {printed(effect['high'])}]"
    )  # fmt: skip
    assert rows_under(made, "Direct effects")[f"below {X}"] == (
        f"({effect['se']:.3f})", "", *rows_under(made, "Direct effects")[f"below {X}"][2:],
    )  # fmt: skip
    assert feet(made)["Cities"] == ("21", "21")


def test_what_stands_beside_is_not_repeated_below():
    made = table(fitted("sdm"), beside="se")
    assert made.columns == ("Estimate", "s.e.")
    assert not any(row.kind == "below" for row in made.rows)
    assert not any("in parentheses" in note for note in made.notes if "Tests" not in note)


@pytest.mark.parametrize("below", ["z", "p"])
def test_statistics_and_p_values_stand_below_on_request(below):
    fit = fitted("sdm")
    made = table(fit, below=below)
    tidy = fit.tidy().set_index("term").loc["rho[geo]"]
    assert rows_under(made, "Spatial lag of y (ρ)")["below ρ[geo]"] == (
        f"({printed(tidy[below], 2 if below == 'z' else 3)})",
    )


def test_nothing_stands_below_where_nothing_is_asked_for():
    assert not any(row.kind == "below" for row in table(fitted("sdm"), below=None).rows)


@pytest.mark.parametrize("layout", ["default", "stata", "matlab"])
def test_every_family_has_its_parameters_in_every_layout(layout):
    """No parameter of any family is lost: each stands on a line, with its own number."""
    fits = {kind: fitted(kind) for kind in KINDS}
    made = table(fits, layout=layout, digits=4)
    each = made.each(tuple(fits))
    shown = {kind: set() for kind in fits}
    for row in made.rows:
        if row.kind == "body":
            for kind, cell in zip(fits, row.cells[::each], strict=True):
                shown[kind].add(cell)
    for kind, fit in fits.items():
        for name, value in fit.params.items():
            stored = made.frame.query("part == 'coefficient' and model == @kind and term == @name")
            assert stored["estimate"].item() == value
            if name == "sigma2" and layout != "stata":
                continue
            near = [cell for cell in shown[kind] if cell not in ("", "–")]
            found = [abs(float(cell.replace("−", "-").replace(",", "")) - value) for cell in near]
            assert min(found) <= 0.5e-4, (kind, name)


def test_a_model_without_a_term_leaves_its_cell_blank():
    made = table({kind: fitted(kind) for kind in ("ols", "sdm", "mess", "gns", "convex")})
    assert rows_under(made, "Spatial lag of y (ρ)")["α[geo]"][0] == ""
    assert rows_under(made, "Spatial error (λ)")["λ[geo]"][:3] == ("", "", "")
    assert rows_under(made, "Shares of the matrices")["share of geo"][:4] == ("",) * 4
    assert rows_under(made, "Indirect effects")[X][0] == "–"


def test_shares_have_their_profile_intervals():
    fit = fitted("convex")
    made = table(fit, below="interval")
    low, high = fit.shares.loc["geo", ["low", "high"]]
    assert rows_under(made, "Shares of the matrices")["below share of geo"] == (
        f"[{low:.3f}, {high:.3f}]",
    )


def test_dynamic_models_show_the_year_of_the_change_and_the_long_run():
    fit = fitted("dynamic")
    made = table([fitted("sdm"), fit])
    long = fit.effects(X, horizon="long")["total"]["estimate"].item()
    short = fit.effects(X)["total"]["estimate"].item()
    assert rows_under(made, "Total effects, in the year of the change")[X][1] == printed(short)
    cells = rows_under(made, "Total effects, long run")[X]
    assert cells[0] == ""
    assert cells[1].startswith(printed(long)[:4])
    assert feet(made)["Largest root"] == ("", f"{fit.stability()['root']:.3f}")


def test_a_process_that_does_not_come_to_rest_has_no_long_run():
    made = table(fitted("restless"))
    assert not [heading for heading in headings(made) if "long run" in heading]
    assert "(1): no long run, since the largest root is not below one." in made.notes


def test_regimes_stand_among_the_coefficients_with_their_labels():
    made = table(fitted("regimes"), labels={X: "Urban", "GBA": "Bay"})
    assert {"Urban[Bay]", "Urban[periphery]"} <= set(rows_under(made, "Coefficients"))
    lags = rows_under(made, "Spatial lags of x (W*x): not effects")
    assert "W[geo]*Urban[Bay]" in lags


def test_labels_of_matrices_apply_inside_brackets():
    made = table(fitted("convex"), labels={"geo": "Border", "eco": "Income"})
    assert "ρ[Border+Income]" in rows_under(made, "Spatial lag of y (ρ)")
    assert feet(made)["Weights"] == ("Border, Income",)


def test_the_foot_has_the_bounds_of_rho_and_the_tests_of_instruments():
    made = table([fitted("sdm"), fitted("2sls"), fitted("mess")])
    eigenvalues = np.linalg.eigvals(places()[1].dense()).real
    assert feet(made)["Bounds of ρ"] == (f"({printed(1 / eigenvalues.min())}, 1.000)", *[
        feet(made)["Bounds of ρ"][1], ""])  # fmt: skip
    assert feet(made)["Overidentification"][1] == (
        f"{fitted('2sls').overid().statistic:.3f} ({fitted('2sls').overid().p:.3f})"
    )
    strength = fitted("2sls").first_stage().table["F"].min()
    assert feet(made)["First-stage F, smallest"][1] == f"{strength:.3f}"


def test_tests_that_are_handed_over_stand_at_the_foot():
    made = ss.HypothesisTest("theta is zero", 12.3456, 2, 0.00002)
    silent = ss.HypothesisTest("theta is zero", np.nan, 2, np.nan, "no lags")
    fits = [fitted("sdm"), fitted("sar"), fitted("ols")]
    shown = table(fits, tests={"LR: SAR": [made, silent, None], "Hausman": made})
    assert feet(shown)["LR: SAR"] == ("12.346 (<0.001)", "–", "")
    assert feet(shown)["Hausman"] == ("12.346 (<0.001)",) * 3
    stored = shown.frame.query("part == 'test' and term == 'LR: SAR' and model == '(1)'")
    assert stored["estimate"].item() == 12.3456


def test_simulated_effects_state_their_draws_seed_and_level():
    asked = {"method": "simulation", "draws": 300, "seed": 5, "level": 0.9, "x": X}
    made = table(fitted("sdm"), effects=asked, below="interval")
    truth = fitted("sdm").effects(**asked)["indirect"].iloc[0]
    assert rows_under(made, "Indirect effects") == {
        X: (printed(truth["estimate"]),),
        f"below {X}": (f"[{printed(truth['low'])}, {printed(truth['high'])}]",),
    }
    assert any("300 simulated draws, seed 5; 0.00% rejected" in note for note in made.notes)
    assert "90% intervals in brackets." in made.notes
    rho = fitted("sdm").tidy(0.9).set_index("term").loc["rho[geo]"]
    assert rows_under(made, "Spatial lag of y (ρ)")["below ρ[geo]"] == (
        f"[{printed(rho['low'])}, {printed(rho['high'])}]",
    )


def test_wild_bootstrap_states_its_seed():
    results = ss.wild_bootstrap(fitted("ols"), draws=100, seed=3)
    notes = table(results, effects={"method": "bootstrap"}).notes
    assert any("100 bootstrap draws" in note for note in notes)
    assert any("seed 3" in note for note in notes)


def test_rows_that_say_nothing_are_left_out():
    assert "Random effects" not in feet(table(fitted("sdm")))
    assert feet(table([fitted("sdm"), fitted("random")]))["Random effects"] == ("none", "city")


def test_options_that_do_not_exist_are_refused():
    fit = fitted("sdm")
    with pytest.raises(ss.ConfigError, match="layout='spss' is not one of 'default', 'stata'"):
        table(fit, layout="spss")
    with pytest.raises(ss.ConfigError, match="beside='sd' is not one of"):
        table(fit, beside="sd")
    with pytest.raises(ss.ConfigError, match="columns of its own beside the estimate"):
        table(fit, layout="matlab", beside="se")
    with pytest.raises(ss.ConfigError, match=r"effects=\{'by': \.\.\.\}.*effects_table"):
        table(fit, effects={"by": "region"})
    with pytest.raises(ss.ConfigError, match=r"'LR'.*1 columns, 2 given"):
        table(fit, tests={"LR": [None, None]})
    with pytest.raises(ss.ConfigError, match="language='fr'"):
        table(fit, language="fr")
    with pytest.raises(ss.ConfigError, match=r"needs effects: results\.effects"):
        effects_table(fit)


def test_years_stand_side_by_side_on_request():
    effects = fitted("dynamic").effects(X, horizon=[0, 3])
    made = effects_table(effects, wide=True, digits=5)
    assert made.columns == ("year 0", "year 3")
    truth = effects.table.query("effect == 'total' and horizon == 3")["estimate"].item()
    assert rows_under(made, X)["Total"][1] == printed(truth, 5)
    with pytest.raises(ss.ConfigError, match="wide=True puts years"):
        effects_table(fitted("sdm").effects(), wide=True)


def test_every_line_of_a_long_table_has_a_label_of_its_own():
    fit = fitted("two")
    for effects in (fit.effects(X, order=2), fit.effects(X, by="channel"),
                    fit.effects(X, by=["region", "channel"])):  # fmt: skip
        labels = [row.label for row in effects_table(effects).rows if row.kind == "body"]
        assert len(set(labels)) == len(labels) == len(effects.table)


@pytest.mark.parametrize(
    ("per", "said"),
    [("receiver", "Each row sums to its total"), ("source", "one city of the sending block"),
     ("share", "shares of the sum")],
)  # fmt: skip
def test_block_tables_say_what_they_are_counted_per(per, said):
    made = effects_table(fitted("sdm").effects(X, by="region", per=per))
    assert said in made.notes[0]


def test_scenarios_are_not_called_effects_of_one_unit():
    plan = {X: ("periphery", "+10%")}
    blocks = effects_table(fitted("sdm").scenario(plan, by="region"))
    assert "from the city's own change" in blocks.notes[0]
    cities = effects_table(fitted("sdm").scenario(plan))
    assert not re.search("one unit", " ".join((*blocks.notes, *cities.notes)))


def test_means_of_correlated_effects_are_labelled_like_what_they_are_of():
    """They had a bracket too many, mean(W[geo]*x)], and no labels."""
    panel, geo, _ = places()
    model = ss.sdm("log(gdp) ~ urbanization + secondary_share", W="geo", random="correlated")
    made = table(ss.fit(model, panel, geo), labels={X: "Urban"}, show="coefficients")
    means = [row.label for row in made.rows if row.label.startswith("mean")]
    assert means[:2] == ["mean(Urban)", "mean(secondary_share)"]
    assert means[2:] == ["mean(W[geo]*Urban)", "mean(W[geo]*secondary_share)"]


def test_the_lag_of_the_outcome_is_no_block_of_a_regressor_called_rho():
    panel, geo, _ = places()
    model = ss.sdm("log(gdp) ~ rho", W="geo", fixed_effects="twoways")
    made = table(ss.fit(model, panel.assign(rho=panel.array(X)), geo))
    assert "ρ[geo]" in rows_under(made, "Spatial lag of y (ρ)")
    assert "rho" in rows_under(made, "Coefficients")
