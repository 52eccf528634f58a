"""A browser to read pages with."""

import os
import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that want it are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox refuses to run as root
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()
