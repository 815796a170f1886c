"""The studio: an engine for a module; in a browser one server for all tests of a process, one page for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

    from benchmarks.studio_page import StudioPage
    from benchmarks.studio_server import StudioServer
    from styleclip.models import Models
    from styleclip.studio.engine import Engine
    from tests.helpers.studio_client import StudioClient

SIZE = {"width": 1280, "height": 720}  # px of the window
OpenStudio: TypeAlias = "Callable[..., StudioPage]"


@pytest.fixture(scope="module")
def engine(demo: Models) -> Iterator[Engine]:
    """An engine with the demo models."""
    from styleclip.studio.engine import Engine

    engine = Engine(demo, "demo")
    yield engine
    engine.close()


@pytest.fixture
def client(engine: Engine) -> StudioClient:
    """A browser that has not been here before, without its page."""
    from styleclip.studio.web.server import create_app
    from tests.helpers.studio_client import StudioClient

    return StudioClient(create_app(engine))


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
def open_studio(browser: Browser, studio_server: StudioServer) -> Iterator[OpenStudio]:
    """Opens pages, each in a session of its own unless a context is given; none of them may report an error."""
    from benchmarks.studio_page import StudioPage

    opened: list[StudioPage] = []

    def open_page(context: BrowserContext | None = None, **options: Any) -> StudioPage:
        page = (context or browser.new_context(**{"viewport": SIZE, **options})).new_page()
        opened.append(StudioPage(page, studio_server.url))
        opened[-1].open()
        return opened[-1]

    yield open_page
    for studio in opened:
        studio.page.context.close()
    assert not [error for studio in opened for error in studio.errors]


@pytest.fixture
def studio(open_studio: OpenStudio) -> StudioPage:
    """A fresh page."""
    return open_studio()
