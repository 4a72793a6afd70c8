"""A dashboard whose server goes away must look so, and recover by itself."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

from playwright.sync_api import Browser, expect
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pixels import plot_of, saturation, screenshot
from tests.support.live_api import make_live_api
from tests.support.stack import TiledServer

expect.set_options(timeout=PATIENCE_MS)


def test_a_lost_server_shows_and_a_returned_one_goes_on(
    chromium: Browser,
    valkey_uri: str,
    tiled_server: TiledServer,
    tmp_path_factory,
) -> None:
    api = make_live_api(tmp_path_factory.mktemp("lost"), valkey_uri, tiled_server)
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    panel = page.get_by_test_id("object_phase")
    with ExitStack() as first:
        first.enter_context(api.process())
        page.goto(f"{api.url}/#code={api.one_time_code()}")
        api.submit(uuid.uuid4().hex)
        job = api.claim()
        job.paint(20)
        expect(panel).to_have_attribute("data-epoch", "20")
        assert saturation(screenshot(plot_of(panel))) > 100
    expect(page.get_by_test_id("connection")).to_contain_text("connection lost")
    page.wait_for_timeout(600)  # the colours fade
    assert saturation(screenshot(plot_of(panel))) < 12
    job.paint(30)
    with api.process():
        expect(page.get_by_test_id("connection")).to_have_text("live")
        expect(panel).to_have_attribute("data-epoch", "30")
        page.wait_for_timeout(600)
        assert saturation(screenshot(plot_of(panel))) > 100
        job.succeed()
        expect(page.get_by_test_id("job-state")).to_have_text("succeeded")
    page.close()
