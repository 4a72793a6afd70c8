"""From a simulated scan to the screen: RunEngine, Tiled, trigger, worker, Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import PATIENCE_MS
from tests.browser.pixels import screenshot
from tests.support.stack import Stack
from tiled.client import from_uri

from exitwave.api.live.planes import object_pictures, to_complex
from exitwave.files.colours import palette

SHORT = {
    "recipe.stages.0.epochs": 10,
    "recipe.stages.1.below_overlap": -10,  # never
    "recipe.stages.2.epochs": 9,
    "recipe.stages.3.epochs": 1,
}
FRAME = """() => {
  const plot = Bokeh.documents[0].get_model_by_name("object_phase");
  const view = Bokeh.index.get_one(plot);
  const { left, top } = view.el.getBoundingClientRect();
  const { x_range, y_range } = plot;
  const { bbox } = view.frame;
  return {
    left: left + bbox.left, top: top + bbox.top, width: bbox.width, height: bbox.height,
    x0: x_range.start, x1: x_range.end, y0: y_range.end, y1: y_range.start,
  };
}"""


def seen_levels(page: Page, metadata: dict[str, Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Level (0 to 255) of each pixel of the object phase on screen; -1 = of no such colour."""
    frame = page.evaluate(FRAME)
    pixels = screenshot(page.locator("body"))
    pitch_um = metadata["pixel_size_m"] * 1e6
    y_um, x_um = (value * 1e6 for value in metadata["origin_m"])  # centre of the first pixel
    rows = (y_um + pitch_um * np.arange(shape[0]) - frame["y0"]) / (frame["y1"] - frame["y0"])
    columns = (x_um + pitch_um * np.arange(shape[1]) - frame["x0"]) / (
        frame["x1"] - frame["x0"]
    )
    at = np.ix_(
        np.clip(frame["top"] + rows * frame["height"], 0, pixels.shape[0] - 1).astype(int),
        np.clip(frame["left"] + columns * frame["width"], 0, pixels.shape[1] - 1).astype(int),
    )
    table = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in palette("phase")])
    distance = np.abs(pixels[at][:, :, None, :] - table).max(axis=-1)
    return np.where(distance.min(axis=-1) <= 2, distance.argmin(axis=-1), -1)


def test_a_scan_becomes_this_picture(chromium: Browser, stack: Stack, tmp_path: Path) -> None:
    headers = {"Authorization": f"Apikey {stack.api_key}"}
    code = httpx.post(f"{stack.url}/api/v1/session/code", headers=headers).json()["code"]
    # Large, so that a row of the picture is never less than a row of the screen.
    page = chromium.new_page(viewport={"width": 2000, "height": 1700})
    page.goto(f"{stack.url}/#code={code}")
    expect(page.get_by_test_id("connection")).to_have_text("live")

    scan = str(tmp_path / "scan.cxi")
    said = stack.cli("simulate", "--out", scan, "--grid", "9", "--photons", "1e5")
    assert said.returncode == 0, said.stderr
    said = stack.cli("beamline", "play", "--file", scan, "--rate", "500")
    assert said.returncode == 0, said.stderr
    uid = said.stdout.rsplit("uid ", 1)[1].strip()
    # The trigger's job appears by itself. It is a long one: the page's button ends it.
    expect(page.get_by_test_id("job-ids")).to_contain_text(uid, timeout=PATIENCE_MS)
    expect(page.get_by_test_id("object_phase")).not_to_have_attribute(
        "data-epoch", "0", timeout=2 * PATIENCE_MS
    )
    page.get_by_test_id("cancel").click()
    page.get_by_test_id("confirm-cancel").click()
    expect(page.get_by_test_id("job-state")).to_have_text("cancelled", timeout=PATIENCE_MS)

    with stack.client() as client:
        job = client.submit(uid, overrides=SHORT)
        expect(page.get_by_test_id("job-ids")).to_contain_text(job.id, timeout=PATIENCE_MS)
        job = client.wait(job.id, timeout_s=120)
    assert job.result is not None
    expect(page.get_by_test_id("job-state")).to_have_text("succeeded", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("object_phase")).to_have_attribute("data-epoch", "20")
    page.wait_for_timeout(500)

    tiled = stack.settings.tiled
    path = f"{tiled.uri}/api/v1/metadata/{job.result.node.strip('/')}/live/object"
    stored = from_uri(path, api_key=tiled.api_key.get_secret_value())
    codes = object_pictures(to_complex(stored.read()))["object_phase"].codes_YX
    seen = seen_levels(page, stored.metadata, codes.shape)
    expected = np.where(codes == 0, -1, (codes.astype(int) - 1) >> 8)
    clear = np.ones(codes.shape, bool)
    clear[-codes.shape[0] // 4 :, : codes.shape[1] // 2] = False  # the scale bar's corner
    assert ((expected >= 0) & clear).sum() > 1000
    assert (np.abs(seen - expected) <= 2)[clear].mean() > 0.97
    page.close()
