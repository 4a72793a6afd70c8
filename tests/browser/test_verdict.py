"""A verdict is plain on the list, on the job's page and on its pictures."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import PATIENCE_MS, OpenPage
from tests.browser.pixels import Rgb, coloured, screenshot
from tests.support.live_api import LiveApi
from tests.support.live_job import LiveJob
from tests.support.verdicts import DOUBTFUL, GOOD, NO_PICTURE, PREPARATION, START

from exitwave.schema.job import Quality
from exitwave.schema.verdict import Verdict

expect.set_options(timeout=PATIENCE_MS)

QUALITY = Quality(prtf_cycles_per_px=0.5, overlap=0.634)
COLOURS = {
    "dark": {"good": "#57c78a", "wait": "#d9b25f", "bad": "#ff7b72"},
    "light": {"good": "#176f3f", "wait": "#8a6100", "bad": "#c2271c"},
}


def painted_job(api: LiveApi, scan_id: int) -> LiveJob:
    api.submit(uuid.uuid4().hex, scan_id)
    job = api.claim()
    job.paint(40)
    return job


def ended_job(api: LiveApi, scan_id: int, verdict: Verdict | None) -> LiveJob:
    job = painted_job(api, scan_id)
    job.succeed(QUALITY, verdict=verdict, preparation=PREPARATION, start=START)
    return job


def item(page: Page, scan_id: int) -> Locator:
    return page.get_by_test_id("job-item").filter(has_text=f"Scan {scan_id}")


def share(pixels: Rgb, colour: str) -> float:
    return float(coloured(pixels, colour, 20).mean())


def shapes(pixels: Rgb, colour: str) -> np.ndarray:
    """Where the colour is, its rows and columns from the first to the last."""
    mask = coloured(pixels, colour, 60)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_list_tells_pictures_from_what_is_none(
    open_page: OpenPage, api: LiveApi, theme: str
) -> None:
    page = open_page(theme=theme)
    for scan_id, verdict in ((1, GOOD), (2, DOUBTFUL), (3, NO_PICTURE), (4, None)):
        ended_job(api, scan_id, verdict)
    words = {1: "succeeded", 2: "doubtful", 3: "no picture", 4: "succeeded"}
    for scan_id, word in words.items():
        expect(item(page, scan_id).locator(".chip")).to_have_text(word)
    expect(item(page, 3).locator(".chip")).to_have_attribute("title", "succeeded: no picture")
    page.get_by_test_id("job-item").filter(has_text="Scan 4").get_by_role("button").click()
    colours = COLOURS[theme]
    for scan_id, colour in ((1, "good"), (2, "wait"), (3, "bad"), (4, "good")):
        seen = screenshot(item(page, scan_id))
        found = {name for name, value in colours.items() if share(seen, value) > 0.002}
        assert found == {colour}, f"scan {scan_id}"
    # Nor by colour alone: each sign has a form of its own, and what nobody judged has none.
    widths = [
        page.evaluate(
            "chip => parseFloat(getComputedStyle(chip, '::before').width) || 0",
            item(page, scan_id).locator(".chip").element_handle(),
        )
        for scan_id in words
    ]
    assert [width > 5 for width in widths] == [True, True, True, False]
    forms = {
        page.evaluate(
            "chip => getComputedStyle(chip, '::before').clipPath",
            item(page, scan_id).locator(".chip").element_handle(),
        )
        for scan_id in (1, 2, 3)
    }
    assert len(forms) == 3


def test_a_picture_that_is_none_says_so_itself(open_page: OpenPage, api: LiveApi) -> None:
    colours = COLOURS["light"]
    page = open_page(theme="light")
    job = painted_job(api, 4242)
    panels = [page.get_by_test_id(name) for name in ("object_phase", "object_amplitude")]
    stamps = [panel.get_by_role("note") for panel in panels]
    for panel, stamp in zip(panels, stamps, strict=True):
        expect(panel).to_have_attribute("data-epoch", "40")
        expect(stamp).to_be_hidden()
    bad = colours["bad"]
    page.wait_for_timeout(300)
    before = [share(screenshot(panel), bad) for panel in panels]
    job.succeed(QUALITY, verdict=NO_PICTURE)
    expect(page.get_by_test_id("job-state")).to_have_text("succeeded")
    for panel, stamp, clean in zip(panels, stamps, before, strict=True):
        expect(stamp).to_have_text("no picture")
        expect(stamp).to_have_accessible_name("Verdict on this picture: no picture")
        assert share(screenshot(panel), bad) > clean + 0.002
        assert share(screenshot(stamp), bad) > 0.4, "it lies on top"
    expect(page.get_by_role("img", name="Object phase in radians, no picture")).to_be_visible()
    good = colours["good"]
    assert share(screenshot(page.locator(".job-head")), good) < 1e-4, "nothing of it is green"

    other = ended_job(api, 1, GOOD)
    item(page, 1).get_by_role("button").click()
    expect(page.get_by_test_id("job-ids")).to_contain_text(other.job.id)
    for stamp in stamps:
        expect(stamp).to_be_hidden()
    expect(page.get_by_role("img", name="Object phase in radians", exact=True)).to_be_visible()
    assert share(screenshot(page.get_by_test_id("job-state")), good) > 0.01


def test_the_page_says_why_and_what_was_done(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    ended_job(api, 4242, NO_PICTURE)
    verdict, more = page.get_by_test_id("verdict"), page.get_by_test_id("verdict-more")
    line = page.get_by_test_id("verdict-line")
    expect(line).to_contain_text("no picture: pixels left out of the fit deviate 3.9 times")
    expect(page.get_by_test_id("job-verdict")).to_have_text("no picture")
    expect(page.get_by_test_id("quality")).to_contain_text("Overlap")
    expect(page.get_by_test_id("quality")).not_to_contain_text("PRTF")
    top, figures = verdict.bounding_box(), page.get_by_test_id("quality").bounding_box()
    assert top and figures and top["y"] < figures["y"]
    expect(more).to_be_hidden()
    line.click()
    for told in (
        "what to doCheck orientation and distance",
        "doubtfulframe 17 deviates 60 times as much as the median one. worst frame",
        "figuresheld out deviance 3.9, fit deviance 1, worst frame deviance 234",
        "left out2 hot pixels",
        "left outframe 17: no light",
        "notecounts are multiples of 4",
        "orientationswap loss of swap 0.22, none 0.61",
        "initial guesspupil with a defocus of -310 px² loss 0.117, of 3 tried in 3.25 s, run 2",
    ):
        expect(more).to_contain_text(told)
    panel = page.get_by_test_id("object_phase").bounding_box()
    assert panel and panel["height"] > 500, "the pictures keep their size"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    item(page, 4242).get_by_role("button").click()  # else the next job's page comes up
    running = painted_job(api, 3)
    expect(item(page, 3).locator(".epoch")).to_have_text("epoch 40 / 40")
    expect(more).to_be_visible()  # a reader is not disturbed by other jobs' progress
    item(page, 3).get_by_role("button").click()
    expect(verdict).to_be_hidden()
    running.succeed()

    ended_job(api, 1, GOOD)
    item(page, 1).get_by_role("button").click()
    expect(line).to_have_text("good ")
    expect(more).to_be_hidden()
    expect(page.get_by_test_id("job-verdict")).to_be_hidden()
    expect(page.get_by_test_id("quality")).to_contain_text("PRTF above 1/e to 0.50")
    ended_job(api, 2, None)
    item(page, 2).get_by_role("button").click()
    expect(line).to_contain_text("not judged")
