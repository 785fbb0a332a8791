"""What tests of pictures and pages share: a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")  # its event loop runs as long, and other tests have their own
def browser(chromium: str) -> Iterator[Any]:
    """Chromium, which asks no network by itself."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic",
                 "--disable-background-networking"]  # fmt: skip
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()
