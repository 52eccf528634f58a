"""The report as a reader meets it: a real Chromium, without a network."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from support.report_study import make_report, study_table

from feature_diversity.base.reading import READING
from feature_diversity.base.run import RUN
from feature_diversity.results.table import reading

STRANGE = "A study </script><script>window.strange = true</script> of <b>digits</b> & more"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    """Results of a study with one collapsed run, a history and a log of another, and its report."""
    folder = tmp_path_factory.mktemp("study")
    table = study_table()
    table.loc[(table["algorithm"] == "rotnet") & (table["seed"] == 3), "diversity"] = -np.inf
    table.loc[(table["algorithm"] == "rotnet") & (table["seed"] == 2), "test_error"] = np.nan
    run = folder / "simclr" / "resnet14_w0.25_batchnorm_ep5_seed1"
    run.mkdir(parents=True)
    (run / "history.csv").write_text("epoch,loss\n")
    (folder / "logs" / "pretrain" / "simclr").mkdir(parents=True)
    (folder / "logs" / "pretrain" / "simclr" / "resnet14_w0.25_batchnorm_seed1.log").write_text("done\n")
    study = json.dumps({"name": "strange", "description": STRANGE})
    options = ["--study", study, "--data", str(digits)]  # with the table of its splits, the widest on a phone
    make_report(table, folder, *options, pictures=("figure1", "figure3", "cosine"))
    return folder


@pytest.fixture
def open_page(browser):
    """Open a report offline; everything that goes wrong in it, or leaves it, fails the test."""
    contexts, wrong = [], []

    def open_it(path, **options):
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None
        )
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(open_page, folder):
    return open_page(folder / "report.html")


def shown(page):
    """Names of the claims that can be seen, in their order."""
    return page.locator("#claims .open:visible").all_inner_texts()


def chart(page):
    """Scroll to the chart and wait for it; the texts of its axes and its legend."""
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_selector("#chart[data-points]")
    return page.locator("#chart svg text").all_text_contents()


# --- the page ---


def test_the_page_tells_the_study_as_it_was_written_and_runs_none_of_it(page):
    assert page.locator(".lead").inner_text() == STRANGE
    assert page.evaluate("window.strange") is None


def test_every_part_that_can_be_used_has_a_name(page):
    unnamed = """() => [...document.querySelectorAll("input, select, button, img, [role=region]")].filter(
        (part) => !(part.labels?.length || part.textContent.trim() || part.alt || part.ariaLabel)).length"""
    assert page.evaluate(unnamed) == 0


def test_the_pictures_are_in_the_page(page):
    page.locator("#figure1 img").scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#figure1 img').naturalWidth > 0")
    assert page.locator("#figure1 img").get_attribute("src").startswith("data:image/svg+xml;base64,")


def test_figures_without_points_are_folded_away(page):
    assert page.locator("#empty #figure2").count() == 1
    assert page.locator("#empty #figure1").count() == 0
    assert not page.locator("#figure2").is_visible()


def test_a_figure_that_was_not_drawn_is_said_to_be_missing(open_page, folder):
    page = open_page(folder / "report.html")
    page.evaluate("location.hash = '#figure2'")  # an address opens what is folded
    page.wait_for_function("document.querySelector('#empty').open")
    assert "not drawn in this study" in page.locator("#figure2").inner_text()


def test_the_papers_sentences_stand_beside_their_figure(page):
    assert (
        "The width-1 network reaches its lowest test error at 800 epochs"
        in page.locator("#figure1 .said").inner_text()
    )


@pytest.mark.parametrize("width", [360, 768])
def test_the_page_never_scrolls_sideways(open_page, folder, width):
    page = open_page(folder / "report.html")
    page.set_viewport_size({"width": width, "height": 800})
    page.click("#everything")
    page.locator("#C01 .open").click()
    chart(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_is_light_or_dark_as_the_reader_wishes(open_page, folder, scheme, dark):
    page = open_page(folder / "report.html", color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) < 3 * 128) == dark


def test_without_javascript_the_verdicts_can_be_read(browser, folder):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert len(shown(page)) == 36
    context.close()


# --- claims ---


DECIDED = ("supported", "contradicted", "yes", "no", "by definition")


def test_what_is_decided_is_shown_and_why_the_rest_is_not(page):
    verdicts = page.locator("#claims .claim:visible .chip").all_inner_texts()
    assert 0 < len(verdicts) < 36
    assert all(verdict[2:] in DECIDED for verdict in verdicts)
    others = page.locator("#reasons li a").all_inner_texts()
    assert sorted(others + shown(page)) == [f"C{number:02}" for number in range(1, 37)]
    page.click("#everything")
    assert len(shown(page)) == 36


def test_on_paper_no_claim_is_folded_away(page):
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert len(shown(page)) == 36


def test_on_a_phone_a_verdict_is_a_line_until_it_is_opened(open_page, folder):
    page = open_page(folder / "report.html")
    page.set_viewport_size({"width": 400, "height": 800})
    page.click("#everything")
    heights = [row.bounding_box()["height"] for row in page.locator("#claims .claim").all()]
    assert max(heights) < 50
    page.locator("#C05 .open").click()
    assert page.locator("#C05 .claim").bounding_box()["height"] > 60  # the whole sentence


def test_claims_are_filtered_by_verdict(page):
    page.select_option("#filters [name=verdict]", "not testable")
    verdicts = page.locator("#claims .claim:visible .chip").all_inner_texts()
    assert 0 < len(verdicts) < 36
    assert all("not testable" in verdict for verdict in verdicts)
    assert page.locator("#count").inner_text() == f"{len(verdicts)} of 36 claims"


def test_claims_are_searched_by_their_words(page):
    page.click("#everything")
    page.fill("#filters [name=text]", "rotnet error")
    assert shown(page) == ["C22"]
    page.fill("#filters [name=text]", "no such words")
    assert shown(page) == []
    assert page.locator("#none").is_visible()


def test_filters_are_combined(page):
    page.click("#everything")
    page.select_option("#filters [name=family]", "algorithms")
    page.select_option("#filters [name=kind]", "implied")
    assert shown(page) == ["C23"]


def test_claims_are_sorted_by_numbers_both_ways_with_the_missing_last(page):
    page.click("#claims [data-sort=effect]")
    values = "[...document.querySelectorAll('#claims > tbody')].map((claim) => claim.dataset.effect)"
    upwards = page.evaluate(values)
    numbers = [float(value) for value in upwards if value]
    assert len(numbers) > 3
    assert numbers == sorted(numbers)
    assert not any(upwards[len(numbers) :])
    page.click("#claims [data-sort=effect]")
    assert [float(value) for value in page.evaluate(values) if value] == numbers[::-1]
    assert page.locator("#claims th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_an_opened_row_shows_its_readings_and_the_numbers_behind(page):
    page.click("#everything")
    row = page.locator("#C01")
    assert not row.locator(".more").is_visible()
    row.locator(".open").click()
    assert row.locator(".open").get_attribute("aria-expanded") == "true"
    assert row.locator(".readings tbody tr").count() == 4
    assert row.locator("[data-behind] tbody tr").count() == 8  # SimCLR's networks
    row.locator(".open").click()
    assert not row.locator(".more").is_visible()


def test_a_row_opens_from_the_keyboard(page):
    page.click("#everything")
    page.locator("#C03 .open").focus()
    page.keyboard.press("Enter")
    assert page.locator("#C03 .more").is_visible()


def test_a_link_to_a_claim_opens_it_though_a_filter_hid_it(page):
    page.fill("#filters [name=text]", "C36")
    page.locator("#figure1 a[href='#C09']").click()
    page.wait_for_selector("#C09 .more:visible")


# --- chart ---


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("layer", "conv1", "diversity of conv1 (flatten, not centred, s = 1)"),
        ("reading", "gap, not centred, s = 2", "diversity of head (gap, not centred, s = 2)"),
        ("x", "rankme", "rankme of head"),
        ("y", "val_error", "validation error"),
        ("colour", "width", "width"),
    ],
)
def test_the_chart_reacts_to_what_is_chosen(page, name, value, text):
    before = chart(page)
    assert text not in before
    page.evaluate("delete document.querySelector('#chart').dataset.points")
    page.select_option(f"#axes [name={name}]", value)
    assert text in chart(page)


def test_points_that_cannot_be_drawn_are_counted(page):
    chart(page)
    told = "22 of 36 runs shown; not shown: 12 untrained, 1 infinite, 1 without a number."
    assert page.locator("#shown").inner_text().startswith(told)
    assert page.locator("#chart .mark-symbol.role-mark path").count() == 22
    page.evaluate("delete document.querySelector('#chart').dataset.points")
    page.check("#axes [name=untrained]")
    chart(page)
    told = "32 of 36 runs shown; not shown: 2 infinite, 2 without a number."
    assert page.locator("#shown").inner_text().startswith(told)
    assert page.locator("#chart .mark-symbol.role-mark path").count() == 32


def test_the_correlation_of_what_is_shown_is_scipys(page, folder):
    page.fill("#axes [name=only]", "simclr w0.5")
    chart(page)
    page.wait_for_function("document.querySelector('#shown').innerText.startsWith('9 of 36')")
    rows = reading(pd.read_csv(folder / "results.csv"))
    rows = rows[(rows["layer"] == "head") & (rows["width"] == 0.5) & (rows["epochs"] > 0)]
    expected = spearmanr(rows["diversity"], rows["test_error"]).statistic
    text = page.locator("#shown").inner_text().replace("−", "-")
    assert float(re.search(r"\(Spearman\) is (\S+),", text)[1]) == pytest.approx(expected, abs=0.005)


def test_the_wheel_moves_the_page_and_zooms_with_control(page):
    before = chart(page)
    box = page.locator("#chart svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    place = page.evaluate("window.scrollY")
    page.mouse.wheel(0, 40)
    page.wait_for_function(f"window.scrollY > {place}")
    assert chart(page) == before
    box = page.locator("#chart svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    page.wait_for_function(
        "(before) => JSON.stringify([...document.querySelectorAll('#chart svg text')].map((text) => "
        "text.textContent)) !== JSON.stringify(before)",
        arg=before,
    )


def test_a_click_on_a_point_finds_its_run(page):
    chart(page)
    page.locator("#chart .mark-symbol.role-mark path").first.click(force=True)
    page.wait_for_function("document.querySelector('#found').innerText === '1 to 1 of 1 runs'")
    assert re.fullmatch(
        r"\w+/resnet14_w[\d.]+_batchnorm_ep\d+_seed\d", page.locator("#search [name=text]").input_value()
    )


def test_hovering_over_a_point_tells_its_run(page):
    chart(page)
    page.locator("#chart .mark-symbol.role-mark path").first.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    text = page.locator("#vg-tooltip-element").inner_text()
    for name in ("algorithm", "depth", "width", "norm", "epochs", "seed", "test error"):
        assert name in text
    assert "variant" not in text  # all are the default one


# --- variants ---


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """The report of a study of which half of the seeds are called another variant."""
    folder = tmp_path_factory.mktemp("varied")
    table = study_table()
    table.loc[table["seed"] == 3, ["variant", "seed"]] = "cool", 1
    return make_report(table, folder)


def test_runs_of_variants_are_told_searched_and_coloured_by_them(open_page, varied):
    page = open_page(varied)
    assert "variant" in page.locator("#all thead th").all_inner_texts()
    page.fill("#search [name=text]", "cool supervised")
    assert page.locator("#found").inner_text() == "1 to 2 of 2 runs"
    page.select_option("#axes [name=colour]", "variant")
    assert {"variant", "cool", "default"} <= set(chart(page))
    page.locator("#chart .mark-symbol.role-mark path").first.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "variant" in page.locator("#vg-tooltip-element").inner_text()


def test_where_all_runs_are_of_the_default_variant_no_column_says_so(page):
    assert "variant" not in page.locator("#all thead th").all_inner_texts()


# --- runs ---


def test_runs_are_searched_and_their_links_lead_to_files(page, folder):
    page.fill("#search [name=text]", "simclr ep5 seed1 w0.25")
    assert page.locator("#found").inner_text() == "1 to 1 of 1 runs"
    links = page.locator("#all tbody a")
    assert links.all_inner_texts() == ["history.csv", "log: pretrain"]
    for link in links.all():
        assert (folder / link.get_attribute("href")).is_file()


def test_runs_are_sorted_by_a_click_on_a_column(page):
    page.get_by_role("button", name="test error (%)").click()
    column = page.locator("#all thead th").all_inner_texts().index("test error (%)") + 1
    values = page.locator(f"#all tbody td:nth-child({column})").all_inner_texts()
    numbers = [float(value) for value in values if value != "–"]
    assert numbers == sorted(numbers)
    assert values[-2:] == ["–", "–"]


# --- tables with holes ---


@pytest.mark.parametrize(
    "change",
    [{"diversity": -np.inf}, {"test_error": np.nan}, {"layer": "block7"}, {"seed": np.nan}, {"s": 2}],
    ids=str,
)
def test_a_page_of_a_table_with_holes_works(open_page, tmp_path, change):
    table = study_table().assign(**change)
    if "seed" not in change:  # rows of one run and reading are refused
        table = table.drop_duplicates([*RUN, "layer", *READING])
    page = open_page(make_report(table, tmp_path))
    chart(page)
    if page.locator("#everything").count():
        page.click("#everything")
    assert len(shown(page)) == 36
