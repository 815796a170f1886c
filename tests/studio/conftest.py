"""The studio in a browser: one server for all tests of a process, one browser for a module, one page for a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from benchmarks.studio_page import StudioPage
    from benchmarks.studio_server import StudioServer


@pytest.fixture(scope="session")
def studio_server(python: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioServer]:
    """`styleclip studio` with the demo models."""
    from benchmarks.studio_server import StudioServer
    from tests.helpers.support import environment

    log = tmp_path_factory.mktemp("studio") / "log"
    server = StudioServer(python=python, environment=environment(), log=log)
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; closed with the module, as asyncio cannot run beside Playwright's."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from benchmarks.studio_page import open_browser
    from benchmarks.studio_server import chromium_path

    if not chromium_path():
        pytest.skip("there is no chromium on this machine")
    with open_browser() as found:
        yield found


@pytest.fixture
def studio(browser: Browser, studio_server: StudioServer) -> Iterator[StudioPage]:
    """A fresh page in a session of its own; it must not report an error."""
    from benchmarks.studio_page import StudioPage

    context = browser.new_context(viewport={"width": 1280, "height": 720})
    studio = StudioPage(context.new_page(), studio_server.url)
    studio.open()
    yield studio
    context.close()
    assert not studio.errors
