"""The report page in a real browser, from disk, with the network cut."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from drawing import fitted, invented_panel
from study_file import MAIN
from test_page import NAUGHTY, naughty_panel

import spatialsyn as ss
from spatialsyn.studyfile.job import open_job
from spatialsyn.studyfile.output import TABLES, write_figures, write_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium in the path (on Debian: apt install chromium)"
)
MEGABYTE = 1e6


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """Open a file without a network; at the end nothing may have been asked for or said."""
    contexts, said, asked = [], [], []

    def opened(path, width=1280, height=900):
        context = browser.new_context(
            offline=True, viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert sum(url.startswith("file:") for url in asked) == len(contexts)


@pytest.fixture(scope="module")
def job():
    return open_job(MAIN)


@pytest.fixture(scope="module")
def study(job, tmp_path_factory):
    """The page of the main job, whole, as a run writes it."""
    folder = tmp_path_factory.mktemp("main")
    figures = write_figures(job, folder / "figures")
    write_page(
        job, {name: TABLES[name](job) for name in job.tables}, figures, folder / "report.html"
    )
    return folder / "report.html"


@pytest.fixture(scope="module")
def naughty(tmp_path_factory):
    panel = naughty_panel(invented_panel())
    results, _ = fitted(panel)
    path = tmp_path_factory.mktemp("naughty") / "report.html"
    return ss.report.page({NAUGHTY: results}, panel, path, title=NAUGHTY)


def fills(page):
    return page.eval_on_selector_all(".city", "all => all.map(one => one.getAttribute('fill'))")


def city(page, name):
    return page.locator(f'.city[aria-label^="{name}"]')


def printed(v):
    return f"{v:.3f}".replace("-", "−")


def test_the_page_of_the_main_job_is_small_and_says_when_it_is_ready(study, visit):
    """How soon that is, `benchmarks/page.py` measures."""
    assert study.stat().st_size < 3 * MEGABYTE
    assert int(visit(study).get_attribute("html", "data-ready")) >= 0


def test_clicking_shenzhen_shows_what_it_emits(study, job, visit):
    page = visit(study)
    before = fills(page)
    assert "Emitted by each city" in page.text_content("#caption")
    city(page, "Shenzhen").click()
    assert fills(page) != before
    assert "Emitted by Shenzhen to each city" in page.text_content("#caption")
    assert city(page, "Shenzhen").get_attribute("aria-selected") == "true"
    assert page.input_value("#city") == "2"
    effects = job.fit("sdm").effects("va", by="city").table.set_index(["city", "effect"])
    shown = page.text_content("#numbers")
    for effect in ("direct", "received", "emitted", "net"):
        row = effects.loc[("440300", effect)]
        assert (
            f"{printed(row['estimate'])} [{printed(row['low'])}, {printed(row['high'])}]" in shown
        )
    pairs = job.fit("sdm").effects("va", by="pair").table.set_index(["to", "from"])["estimate"]
    to_dongguan, from_dongguan = pairs["441900", "440300"], pairs["440300", "441900"]
    first = page.locator("#pairs tbody tr").first.text_content()
    assert first.startswith(f"Dongguan{printed(from_dongguan)}")
    assert printed(to_dongguan) in first
    assert (
        city(page, "Dongguan")
        .get_attribute("aria-label")
        .startswith(f"Dongguan (GBA): {printed(to_dongguan)}, 95% interval [")
    )
    city(page, "Shenzhen").click()
    assert fills(page) == before


def test_switching_w_keeps_the_specification_and_changes_the_numbers(study, job, visit):
    page = visit(study)
    before = page.text_content("#numbers")
    page.select_option("#weights", "dig")
    assert page.locator("#model option:checked").text_content().startswith("sdm: dig, twoways (SDM")
    assert page.text_content("#numbers") != before
    row = job.fit("sdm: dig, twoways").effects("va")["indirect"].iloc[0]
    assert f"{printed(row['estimate'])} [{printed(row['low'])}" in page.text_content("#numbers")
    assert "sdm: dig, twoways" in page.text_content("#blocks caption")
    fit = job.fit("sdm: dig, twoways")
    assert f"Log-likelihood{fit.loglik:.2f}" in page.text_content("#fit")
    assert f"rho[dig]{printed(fit.rho['dig'])} [" in page.text_content("#fit")
    assert page.locator(".spot.now").get_attribute("aria-label").startswith("sdm: dig, twoways")
    page.select_option("#weights", "")
    assert page.locator("#model option:checked").text_content().startswith("ols (OLS")
    assert set(fills(page)) == {"#ffffff"}  # without W nothing is emitted


def test_colours_follow_the_numbers_and_hatching_the_intervals(study, job, visit):
    page = visit(study)
    page.check('input[value="direct"][name="show"]')
    direct = job.fit("sdm").effects("va", by="city")["direct"]
    assert (direct["low"] > 0).all()
    assert not any("hatch" in fill for fill in fills(page))
    page.check('input[value="emitted"][name="show"]')
    emitted = job.fit("sdm").effects("va", by="city")["emitted"]
    uncertain = ((emitted["low"] <= 0) & (emitted["high"] >= 0)).tolist()
    assert ["hatch" in fill for fill in fills(page)] == uncertain
    assert page.locator("#legend").text_content().endswith("interval contains zerono data")
    classes = [int(fill.split("hatch")[1][:-1]) for fill in fills(page)]
    order = np.argsort(emitted["estimate"].to_numpy())
    assert (np.diff(np.array(classes)[order]) >= 0).all()
    assert max(classes) <= 4  # all below zero: none on the other side of the scale


def test_the_map_is_used_with_the_keyboard_alone(study, visit):
    page = visit(study)
    page.focus("#whole")
    page.keyboard.press("Tab")
    label = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(label).startswith("Guangzhou")
    page.keyboard.press("ArrowUp")  # Shaoguan lies due north, Qingyuan north-west
    assert page.evaluate(label).startswith("Shaoguan")
    assert page.locator("#ring").get_attribute("d") == city(page, "Shaoguan").get_attribute("d")
    page.keyboard.press("Enter")
    assert page.text_content("#who") == "Shaoguan (periphery)"
    assert page.text_content("#status").startswith("Emitted by Shaoguan to each city")
    page.keyboard.press("Escape")
    assert page.text_content("#who") == "all cities"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#map')") is None
    assert page.locator('.city[tabindex="0"]').count() == 1
    page.focus(".spot >> nth=0")
    page.keyboard.press("Enter")
    assert page.locator(".spot.now").get_attribute("aria-label") == page.evaluate(label)


def test_names_with_markup_stay_text(naughty, visit):
    page = visit(naughty)
    assert page.evaluate("window.hacked") is None
    page.select_option("#city", "0")
    assert page.text_content("#who") == f"{NAUGHTY} (GBA)"
    assert page.text_content("h1") == NAUGHTY
    page.select_option("#city", "1")
    assert NAUGHTY in page.text_content("#pairs")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, #map script").count() == 0


def test_a_script_that_came_in_all_the_same_would_not_run(naughty, browser):
    page = browser.new_page()
    page.goto(naughty.as_uri())
    page.evaluate(
        "const one = document.createElement('script'); one.textContent = 'window.hacked = 3';"
        "document.body.append(one); document.body.insertAdjacentHTML('beforeend', "
        "'<button id=bad onclick=\"window.hacked = 4\">x</button>'); document.getElementById('bad').click()"
    )
    assert page.evaluate("window.hacked") is None
    page.close()


NAMES = """() => [...document.querySelectorAll('select, input, button, [role=button], [role=region], [role=option], [role=listbox], svg[role], img, a[href]')]
  .filter(one => !(one.getAttribute('aria-label') || one.alt || one.textContent.trim()
    || (one.labels && [...one.labels].some(l => l.textContent.trim()))
    || one.getAttribute('aria-labelledby'))).map(one => one.outerHTML.slice(0, 80))"""
CONTRAST = r"""() => {
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const one of document.querySelectorAll('body *:not(script):not(style):not(svg *)')) {
    const own = [...one.childNodes].some(c => c.nodeType === 3 && c.textContent.trim());
    if (!own || !one.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(one.outerHTML.slice(0, 80));
  }
  return poor;
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_controls_have_names_headings_an_order_and_text_contrast(study, visit, width):
    page = visit(study, width)
    city(page, "Shenzhen").click()
    assert page.evaluate(NAMES) == []
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ids = page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))
    links = page.eval_on_selector_all("nav a", "all => all.map(one => one.getAttribute('href'))")
    assert {link[1:] for link in links} <= set(ids)


def test_labels_never_cover_each_other_at_any_width(study, visit):
    for width in (390, 1280):
        page = visit(study, width)
        boxes = np.array(page.eval_on_selector_all(
            "#labels text:not(.away)",
            "all => all.map(one => one.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])",
        ))  # fmt: skip
        assert len(boxes) >= 10
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                overlap = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                # Boxes hold the line height, not ink: names may come 3 pixels near.
                assert min(overlap) < 3


def test_zooming_shows_more_names_around_the_chosen_city(study, visit):
    page = visit(study, 390)
    page.select_option("#city", "2")
    for _ in range(3):
        page.click("#closer")
    _, _, width, _ = map(float, page.get_attribute("#map", "viewBox").split())
    assert width == pytest.approx(2000 / 1.6**3)
    assert page.locator('#labels text[data-city="2"]:not(.away)').count() == 1
    page.click("#whole")
    assert page.get_attribute("#map", "viewBox").startswith("0 0 2000 ")


def test_a_page_of_340_prefectures_is_below_ten_megabytes(visit, tmp_path):
    units = ss.datasets.boundaries("prefectures")
    ids = list(units.index[:340])
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([ids, range(2011, 2015)], names=["adcode", "year"])
    frame = pd.DataFrame(rng.normal(size=(len(index), 2)), index, ["y", "va"]).reset_index()
    panel = ss.CityPanel(frame, cities=units, blocks=["region"])
    near = ss.weights.knn(panel.cities, 5, name="near").standardize("row")
    model = ss.slx("y ~ va", W="near", fixed_effects="twoways")
    kinds = ("twoways", "individual", "time", "none")
    fits = {kind: ss.fit(model.but(fixed_effects=kind), panel, near) for kind in kinds}
    path = ss.report.page(fits, panel, tmp_path / "china.html")
    assert path.stat().st_size < 10 * MEGABYTE
    page = visit(path)
    assert page.locator(".city").count() == 340
    assert page.locator("#inset use").count() == 1
    page.select_option("#city", str(ids.index("440300")))
    assert "Emitted by Shenzhen" in page.text_content("#caption")
    assert page.locator("#pairs tbody tr").count() == 10
    page.click("#more")
    assert page.locator("#pairs tbody tr").count() == 339
    assert re.search(r"to all other cities|indirect", page.text_content(".answer"))
