"""The page of the command `measure`: what it tells, and how it looks in a real Chromium without a network."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from feature_diversity.networks.others.measure import COLUMNS
from feature_diversity.report.measured import measured_page

STRANGE = "</script><b>net</b>"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two networks, two layers each, two measures; one value is infinite, one has no standard error."""
    rows = [
        (STRANGE, "late", "gap", "diversity", -2.5, 0.25),
        (STRANGE, "early", "gap", "diversity", -np.inf, np.nan),
        (STRANGE, "late", "gap", "rankme", 7.0, np.nan),
        (STRANGE, "early", "gap", "rankme", 3.0, 1.0),
        ("other", "late", "gap", "diversity", -1.5, 0.5),
        ("other", "late", "gap", "rankme", 5.0, 0.5),
    ]
    frame = pd.DataFrame(rows, columns=["model", *COLUMNS[:5]])
    return frame.assign(n_images=12, n_vectors=12, n_dim=1000)


@pytest.fixture(scope="module")
def page(table) -> str:
    return measured_page(table, "my <pictures>", ["12 images: few"])


def test_the_page_tells_the_first_measure_and_the_notes(page):
    text = " ".join(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL).split())
    assert "on 12 images of my &lt;pictures&gt;." in text
    assert "12 images: few" in text
    assert "late gap −2.5 0.25 1,000" in text
    assert "early gap −inf – 1,000" in text
    assert "rankme" not in text  # the chart has the others


def test_the_chart_has_every_row_and_layers_in_the_tables_order(page, table):
    found = re.search(r'id="specification">(.*?)</script>', page, re.DOTALL)
    chart = json.loads(found[1])
    rows = chart["datasets"]["rows"]
    assert [row["value"] for row in rows] == [-2.5, None, 7, 3, -1.5, 5]
    assert (rows[0]["low"], rows[0]["high"]) == (-2.75, -2.25)
    assert [row["model"] for row in rows] == list(table["model"])
    assert chart["layer"][0]["encoding"]["x"]["sort"] == ["late", "early"]


def test_a_browser_draws_it_and_menus_choose_the_measure(browser, page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page)
    wrong = []
    context = browser.new_context(offline=True)
    opened = context.new_page()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.goto(path.as_uri())
    opened.wait_for_selector("#chart[data-drawn]")
    assert {"late", "early", "other", STRANGE} <= set(opened.locator("#chart svg text").all_text_contents())
    opened.locator("#chart select").first.select_option("rankme")
    ticks = "[...document.querySelectorAll('#chart svg text')].map((text) => Number(text.textContent))"
    opened.wait_for_function(f"{ticks}.includes(7)")  # of RankMe; no diversity is above 0
    context.close()
    assert wrong == []
