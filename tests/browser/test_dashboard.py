"""The dashboard in Chromium, judged by what is on the screen."""

from __future__ import annotations

import re
import uuid

import httpx
import numpy as np
import pytest
from playwright.sync_api import APIResponse, Page, Route, expect
from tests.browser.conftest import PATIENCE_MS, OpenPage
from tests.browser.pixels import coloured, picture, plot_of, saturation, screenshot
from tests.support.live_api import KEY, LiveApi
from tests.support.live_job import LiveJob, star
from tests.support.stack import wait_until

from exitwave.files.colours import palette
from exitwave.schema.job import FrcFigures, HeldOutFigures, Quality

expect.set_options(timeout=PATIENCE_MS)

BORDER = 20
VISITED = np.s_[BORDER:-BORDER, BORDER:-BORDER]


def shown_epoch(page: Page, plane: str, epoch: int) -> None:
    expect(page.get_by_test_id(plane)).to_have_attribute("data-epoch", str(epoch))


def assert_star_on_screen(page: Page) -> None:
    colours = palette("phase")
    pixels = screenshot(plot_of(page.get_by_test_id("object_phase")))
    expected = np.sign(star()[VISITED] - 0.4)
    seen = picture(pixels, colours[0], colours[-1], expected.shape)
    inside = np.s_[2:-22, 2:-2]  # the scale bar lies over the lowest rows
    assert (seen[inside] == expected[inside]).mean() > 0.95


def running_job(api: LiveApi, scan_id: int = 4242, note: str = "") -> LiveJob:
    api.submit(uuid.uuid4().hex, scan_id)
    return api.claim(note=note)


def test_an_empty_system_says_how_to_begin(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_test_id("empty")).to_contain_text("exitwave submit")
    expect(page.get_by_test_id("job")).to_be_hidden()
    expect(page.get_by_test_id("connection")).to_have_text("live")


def test_code_opens_the_page_once_and_leaves_the_address(
    open_page: OpenPage, api: LiveApi
) -> None:
    page = open_page()
    expect(page.get_by_test_id("empty")).to_be_visible()
    assert page.url == f"{api.url}/"
    page.reload()
    expect(page.get_by_test_id("empty")).to_be_visible()


def test_without_a_session_the_key_is_asked_for(open_page: OpenPage) -> None:
    page = open_page(signed_in=False)
    expect(page.get_by_test_id("login")).to_be_visible()
    expect(page.get_by_test_id("empty")).to_be_hidden()
    page.get_by_test_id("login-key").fill("wrong")
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("login")).to_contain_text("this service has not made")
    page.get_by_test_id("login-key").fill(KEY)
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("login")).to_be_hidden()
    expect(page.get_by_test_id("empty")).to_be_visible()


def test_a_job_is_followed_from_queue_to_picture(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    expect(page.get_by_test_id("empty")).to_be_visible()
    api.submit(uuid.uuid4().hex)
    expect(page.get_by_test_id("job-state")).to_have_text("queued")
    expect(page.get_by_test_id("job-title")).to_have_text("Scan 4242 · Siemens star")

    job = api.claim(note="nominal, not measured")
    expect(page.get_by_test_id("job-state")).to_have_text("running")
    job.paint(10)
    shown_epoch(page, "object_phase", 10)
    assert_star_on_screen(page)
    expect(page.get_by_test_id("facts")).to_contain_text("10 / 40")
    expect(page.get_by_test_id("facts")).to_contain_text("0.25 s")
    expect(page.get_by_test_id("note")).to_contain_text("nominal")

    for epoch in (20, 30, 40):
        job.paint(epoch)
    shown_epoch(page, "object_phase", 40)
    shown_epoch(page, "loss", 40)
    assert_star_on_screen(page)
    assert_amplitude_the_right_way_up(page)
    assert_probe_on_screen(page)
    curve = coloured(screenshot(plot_of(page.get_by_test_id("loss"))), "#6cb6ff", 40)
    rows = [np.flatnonzero(column).mean() for column in curve.T if column.any()]
    assert len(rows) > 200
    assert rows[0] < rows[-1] - 30  # it falls

    job.succeed()
    expect(page.get_by_test_id("job-state")).to_have_text("succeeded")
    expect(page.get_by_test_id("cancel")).to_be_hidden()
    expect(page.get_by_test_id("download")).to_have_attribute(
        "href", f"/api/v1/jobs/{job.job.id}/result?format=cxi"
    )
    assert_star_on_screen(page)


def assert_amplitude_the_right_way_up(page: Page) -> None:
    """Dark in the upper left corner only: 30 of 120 rows, 50 of 120 columns."""
    colours = palette("amplitude")
    pixels = screenshot(plot_of(page.get_by_test_id("object_amplitude")))
    seen = picture(pixels, colours[0], colours[-1], (120, 120))
    assert (seen[2:28, 2:48] == -1).mean() > 0.95
    assert (seen[32:-2, 2:-2] == 1).mean() > 0.95
    assert (seen[2:28, 52:-2] == 1).mean() > 0.95


def assert_probe_on_screen(page: Page) -> None:
    """Bright in the middle, dark around; its phase drawn only where there is light."""
    grey = screenshot(plot_of(page.get_by_test_id("probe_amplitude"))).sum(axis=-1)
    grey = grey[:, : int(0.63 * grey.shape[1])]  # without the colour bar
    bright, dark = np.argwhere(grey > 740), np.argwhere(grey < 30)
    assert bright.size
    # The whole array is in view: most of it is dark, on all sides of the bright spot.
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0)
    assert top < bright[:, 0].min() < bright[:, 0].max() < bottom
    assert left < bright[:, 1].min() < bright[:, 1].max() < right
    assert len(dark) > 0.75 * (bottom - top) * (right - left)
    phase = screenshot(plot_of(page.get_by_test_id("probe_phase")))
    assert saturation(phase) > 150


def test_not_visited_pixels_show_the_ground(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    job = running_job(api)
    job.paint(40)
    shown_epoch(page, "object_phase", 40)
    plot = plot_of(page.get_by_test_id("object_phase"))
    before = coloured(screenshot(plot), "#1a212a", 3).sum()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, 600)  # away, until the rim of unvisited pixels is on the screen
    page.wait_for_timeout(500)
    assert coloured(screenshot(plot), "#1a212a", 3).sum() > 2 * before
    assert_star_on_screen(page)
    page.get_by_role("button", name="Fit").click()
    page.wait_for_timeout(300)
    assert coloured(screenshot(plot), "#1a212a", 3).sum() < 1.2 * before
    expect(page.get_by_test_id("readout")).to_have_text(re.compile(r"\s*"))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    expect(page.get_by_test_id("readout")).to_contain_text("µm")
    expect(page.get_by_test_id("readout")).to_contain_text("rad")
    job.succeed()


def test_the_view_grows_with_the_picture_until_it_is_moved(
    open_page: OpenPage, api: LiveApi
) -> None:
    page = open_page()
    job = running_job(api)
    job.paint(40, border=60)
    shown_epoch(page, "object_phase", 40)
    plot = plot_of(page.get_by_test_id("object_phase"))
    page.wait_for_timeout(500)
    ground = coloured(screenshot(plot), "#1a212a", 3).mean()
    job.paint(40)
    expect(page.get_by_test_id("object_phase")).to_have_attribute("data-version", "2")
    assert_star_on_screen(page)  # the whole of it: the view was fitted anew
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -600)  # closer, by hand
    page.wait_for_timeout(500)
    closer = screenshot(plot)
    job.paint(40, border=10)
    expect(page.get_by_test_id("object_phase")).to_have_attribute("data-version", "3")
    page.wait_for_timeout(500)
    assert coloured(screenshot(plot), "#1a212a", 3).mean() < ground
    assert np.abs(screenshot(plot).astype(int) - closer).mean() < 5
    job.succeed()


def test_pan_moves_both_object_pictures(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    job = running_job(api)
    job.paint(40)
    shown_epoch(page, "object_amplitude", 40)
    amplitude = plot_of(page.get_by_test_id("object_amplitude"))
    before = screenshot(amplitude)
    box = plot_of(page.get_by_test_id("object_phase")).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)

    def left_edge(pixels: np.ndarray) -> int:
        dark = coloured(pixels, palette("amplitude")[0]).sum(axis=0)
        return int(np.flatnonzero(dark > 20)[0])

    assert left_edge(screenshot(amplitude)) > left_edge(before) + 20
    job.succeed()


def test_cancel_asks_first_and_then_reaches_the_worker(
    open_page: OpenPage, api: LiveApi
) -> None:
    page = open_page()
    job = running_job(api)
    job.paint(3)
    page.get_by_test_id("cancel").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_test_id("confirm")).to_be_hidden()
    assert job.heartbeat() == "go"
    page.get_by_test_id("cancel").click()
    page.get_by_test_id("confirm-cancel").click()
    expect(page.get_by_test_id("job-state")).to_have_text("cancelling")
    assert job.heartbeat() == "cancel"
    job.cancelled()
    expect(page.get_by_test_id("job-state")).to_have_text("cancelled")
    expect(page.get_by_test_id("cancel")).to_be_hidden()


def test_a_finished_job_tells_how_good_it_is(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    job = running_job(api)
    job.paint(40)
    expect(page.get_by_test_id("quality")).to_be_hidden()
    job.succeed(
        Quality(
            held_out=HeldOutFigures(patterns=16, epoch=110, poisson=0.5123, amplitude=0.131),
            raster_artefact=0.0123,
            prtf_cycles_per_px=0.41,
            overlap=0.634,
        )
    )
    line = page.get_by_test_id("quality")
    told = ["Held-out Poisson loss 0.512", "PRTF above 1/e to 0.41 cycles/px"]
    told += ["Raster-grid artefact 1.2 %", "Overlap 63 %"]
    expect(line.locator("span")).to_have_text(told)
    answer = httpx.post(f"{api.url}/api/v1/jobs/{job.job.id}/frc", headers=api.headers)
    assert answer.status_code == 202, answer.text
    frc = api.claim()
    expect(page.get_by_test_id("job-item")).to_have_count(2)
    expect(page.get_by_test_id("job-item").first).to_contain_text("frc default")
    expect(page.get_by_test_id("job-ids")).to_contain_text(f"frc of job {job.job.id}")
    frc.paint(40)
    figures = FrcFigures(halves="frames", crossing_cycles_per_px=0.29, half_period_nm=34.48)
    frc.succeed(Quality(overlap=0.634, frc=figures))
    expect(line).to_contain_text("FRC half period 34.5 nm")
    expect(line).not_to_contain_text("Held-out")
    page.get_by_test_id("job-item").last.get_by_role("button").click()
    expect(line).to_contain_text("Held-out")
    expect(line).to_contain_text("FRC half period 34.5 nm")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_a_failure_is_told_in_its_own_words(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    running_job(api).fail("positions: found 515 rows; expected 516")
    expect(page.get_by_test_id("job-state")).to_have_text("failed")
    expect(page.get_by_test_id("failure")).to_have_text(
        "positions: found 515 rows; expected 516"
    )


def test_the_newest_running_job_is_shown_until_one_is_picked(
    open_page: OpenPage, api: LiveApi
) -> None:
    page = open_page()
    first = running_job(api, 1)
    expect(page.get_by_test_id("job-title")).to_contain_text("Scan 1 ")
    first.succeed()
    second = running_job(api, 2)
    expect(page.get_by_test_id("job-title")).to_contain_text("Scan 2 ")
    page.get_by_test_id("job-item").filter(has_text="Scan 1").get_by_role("button").click()
    expect(page.get_by_test_id("job-title")).to_contain_text("Scan 1 ")
    second.succeed()
    third = running_job(api, 3)
    expect(page.get_by_test_id("job-item")).to_have_count(3)
    expect(page.get_by_test_id("job-title")).to_contain_text("Scan 1 ")
    assert page.url.endswith(f"#job={first.job.id}")
    other = open_page(fragment=f"job={second.job.id}")  # a permalink
    expect(other.get_by_test_id("job-title")).to_contain_text("Scan 2 ")
    page.get_by_test_id("follow").check()
    expect(page.get_by_test_id("job-title")).to_contain_text("Scan 3 ")
    third.succeed()


def test_a_list_that_comes_late_takes_nothing_back(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    expect(page.get_by_test_id("empty")).to_be_visible()
    lists: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        lists.append((route, route.fetch()))
        if len(lists) == 1:  # the page asks once more when its connection is there
            route.fulfill(response=lists[0][1])

    page.route("**/api/v1/jobs?limit=*", hold)
    page.reload()
    expect(page.get_by_test_id("connection")).to_have_text("live")
    wait_until(lambda: page.wait_for_timeout(50) or len(lists) > 1, "the second list")
    api.submit(uuid.uuid4().hex, 7)
    expect(page.get_by_test_id("job-item")).to_have_count(1)
    late, empty = lists[1]
    with page.expect_response("**/api/v1/jobs?limit=*"):
        late.fulfill(response=empty)
    page.wait_for_timeout(300)
    expect(page.get_by_test_id("job-title")).to_contain_text("Scan 7 ")
    expect(page.get_by_test_id("job-item")).to_have_count(1)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_stands_out_from_its_ground(open_page: OpenPage, theme: str) -> None:
    page = open_page(theme=theme)
    expect(page.get_by_test_id("empty")).to_be_visible()
    names = ["ground", "surface", "raised", "ink", "quiet", "good", "busy", "wait", "bad"]
    colours = page.evaluate(
        "names => names.map(n => getComputedStyle(document.documentElement)"
        ".getPropertyValue(`--${n}`).trim())",
        names,
    )
    light = dict(zip(names, map(luminance, colours), strict=True))
    for text in names[3:]:
        for ground in names[:3]:
            high, low = sorted((light[text], light[ground]), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{text} on {ground}"


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
