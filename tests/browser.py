"""A browser for the tests that need one."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; without one the tests are skipped."""
    found = [path for name in _NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip("NO BROWSER: what people see in one is not tested; run make browser")
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found[0], args=sandbox)
        yield opened
        opened.close()
