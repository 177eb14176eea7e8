"""The browser of this machine: Chromium, driven by Playwright. None is ever downloaded.

Owns where it is found and how it is started. Must not know what it is shown.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def what_is_missing() -> str:
    """What a machine lacks to drive a browser, as a sentence without a full stop; empty where nothing is missing."""
    if importlib.util.find_spec("playwright") is None:
        return "the package playwright is not installed"
    if program() is None:
        return f"there is no Chromium on this machine: none of {', '.join(NAMES)} is on the path"
    return ""


def program() -> str | None:
    """The path of the browser, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Generator[Browser]:
    """The browser, started for the block."""
    from playwright.sync_api import sync_playwright

    # Root has no sandbox; what it would keep from this machine are pages of this project itself.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()
