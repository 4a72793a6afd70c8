"""The page that shows the API: drawn by scripts of this host alone, under its policy."""

from __future__ import annotations

from playwright.sync_api import expect
from tests.browser.conftest import OpenPage
from tests.support.live_api import LiveApi


def test_the_page_shows_the_api(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{api.url}/docs")
    submit = page.locator("#operations-jobs-submit_api_v1_jobs_post")
    expect(submit).to_contain_text("/api/v1/jobs")
    submit.click()
    expect(submit).to_contain_text("It is on disk before the response")
    assert not [text for text in said if "Content Security Policy" in text]
