"""What the tests of forms share: questions of a sandbox, a server that follows a script, and bare pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.client.conftest import client, fake_time, make_client, question, run_json, server
from tests.widgets.asking import asking, box
from tests.widgets.live import LivePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["asking", "box", "client", "fake_time", "make_client", "question", "run_json", "server"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.set_default_timeout(5000)
    yield page
    page.close()


@pytest.fixture
def live(page: Page) -> LivePage:
    return LivePage(page)
