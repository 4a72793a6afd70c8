"""A real Chromium that may talk to the dashboard's own host only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright
from tests.support.live_api import LiveApi, make_live_api
from tests.support.stack import TiledServer

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 30_000

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def running_api(
    valkey_uri: str, tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveApi]:
    live_api = make_live_api(tmp_path_factory.mktemp("page"), valkey_uri, tiled_server)
    with live_api.process():
        yield live_api


@pytest.fixture
def api(running_api: LiveApi) -> LiveApi:
    """The API with an empty queue."""
    running_api.forget()
    return running_api


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Of a module, not the session: the sync API occupies the thread's event loop.
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no Chromium on PATH: run deploy/get-chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, api: LiveApi) -> Iterator[OpenPage]:
    """Opens pages. Any request to another host, and any script error, fails the test."""
    strangers: list[str] = []
    errors: list[str] = []
    contexts = []

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(api.url).netloc:
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    def open_(*, signed_in: bool = True, fragment: str = "", theme: str = "dark") -> Page:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900},
            color_scheme=theme,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.route("**/*", guard)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        code = f"&code={api.one_time_code()}" if signed_in else ""
        page.goto(f"{api.url}/#{fragment}{code}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not strangers
    assert not errors
