"""A browser for the tests that need one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def open_browser() -> Iterator[Any]:
    """Open a headless Chromium; None without one."""
    found = [path for name in _NAMES if (path := shutil.which(name))]
    if not found:
        yield None
        return
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found[0], args=sandbox)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; without one the tests are skipped."""
    with open_browser() as opened:
        if opened is None:
            pytest.skip("NO BROWSER: what people see in one is not tested; run make browser")
        yield opened
