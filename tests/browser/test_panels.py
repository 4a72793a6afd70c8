"""Panels come from the table alone, and show what files show."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import PATIENCE_MS, OpenPage
from tests.support.live_api import LiveApi
from tests.support.live_job import LiveJob, live_object

from exitwave.api.live.planes import to_complex, visited_box
from exitwave.files.colours import UNKNOWN, coloured
from exitwave.files.display import OBJECT_PLANES, object_limits, object_values
from exitwave.web.figures import PictureFigure
from exitwave.web.panels import PANELS

expect.set_options(timeout=PATIENCE_MS)

WORDS = """name => {
  const image = Bokeh.documents[0].get_model_by_name(`${name}:source`).data.image[0];
  return [image.shape, Array.from(image)];
}"""
ASPECT = """name => {
  const figure = Bokeh.documents[0].get_model_by_name(name);
  const { x_range, y_range, inner_width, inner_height } = figure;
  const [width, height] = [x_range.end - x_range.start, y_range.start - y_range.end];
  return (width / inner_width) / (height / inner_height);
}"""
TOY_ENTRY = {
    "name": "toy",
    "module": "toy",
    "plane": "loss",
    "title": "Toy",
    "label": "The newest epoch in letters",
    "remark": "",
    "figure": None,
    "column": "right",
    "height": 0.5,
    "beside": None,
    "stamped": False,
    "unit": "",
    "colour_map": None,
}
TOY_MODULE = """export default class Toy {
  constructor({ plot }) { this.plot = plot; }
  show(header, rows) { this.plot.textContent = `${rows.length / 2} epochs`; }
  clear() { this.plot.textContent = "nothing"; }
}"""


def painted_job(api: LiveApi) -> LiveJob:
    api.submit(uuid.uuid4().hex, 4242)
    job = api.claim()
    job.paint(40)
    return job


def seen_rgba(page: Page, name: str) -> NDArray[np.uint8]:
    """The pixels that a panel gave to BokehJS, (height, width, 4)."""
    shape, words = page.evaluate(WORDS, name)
    return np.array(words, "<u4").view(np.uint8).reshape(*shape, 4)


def test_the_page_colours_every_pixel_as_files_do(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    job = painted_job(api)
    object_YX = to_complex(live_object(40))
    box = visited_box(object_YX)
    for plane, name in OBJECT_PLANES.items():
        expect(page.get_by_test_id(name)).to_have_attribute("data-epoch", "40")
        values_YX = object_values(object_YX, box, plane)
        in_files = coloured(values_YX, *object_limits(values_YX, box, plane))
        on_page = seen_rgba(page, name)
        visited_YX = on_page[..., 3] == 255
        assert len(np.unique(in_files[visited_YX], axis=0)) > 1
        np.testing.assert_array_equal(on_page[visited_YX, :3], in_files[visited_YX])
        np.testing.assert_array_equal(visited_YX, np.isfinite(values_YX))
        assert (in_files[~visited_YX] == UNKNOWN).all()
    job.succeed()


@pytest.mark.parametrize("width_px", [1100, 800])
def test_pixels_are_square_however_late_a_panel_gets_its_size(
    open_page: OpenPage, api: LiveApi, width_px: int
) -> None:
    page = open_page()
    job = painted_job(api)
    pictures = [panel.name for panel in PANELS if isinstance(panel.figure, PictureFigure)]
    for _ in range(3):
        for name in pictures:
            expect(page.get_by_test_id(name)).to_have_attribute("data-epoch", "40")
        page.wait_for_timeout(500)
        assert [page.evaluate(ASPECT, name) for name in pictures] == pytest.approx(
            [1] * len(pictures), rel=0.02
        )
        page.set_viewport_size({"width": width_px, "height": 900})
        page.reload()
    job.succeed()


def test_another_panel_is_one_module_and_one_entry(open_page: OpenPage, api: LiveApi) -> None:
    page = open_page()
    expect(page.get_by_test_id("empty")).to_be_visible()

    def add_entry(route: Route) -> None:
        table = route.fetch().json()
        table["panels"].append(TOY_ENTRY)
        route.fulfill(json=table)

    page.route("**/assets/panels.json*", add_entry)
    page.route(
        "**/static/panels/toy.js",
        lambda route: route.fulfill(body=TOY_MODULE, content_type="text/javascript"),
    )
    page.reload()
    job = painted_job(api)
    toy = page.get_by_test_id("toy")
    expect(toy).to_contain_text("Toy")
    expect(toy).to_contain_text("1 epochs")
    expect(toy).to_have_attribute("data-epoch", "40")
    expect(page.get_by_test_id("loss")).to_have_attribute("data-epoch", "40")
    box, loss = toy.bounding_box(), page.get_by_test_id("loss").bounding_box()
    assert box and loss and box["x"] == loss["x"] and box["y"] > loss["y"]
    job.succeed()
