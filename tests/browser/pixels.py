"""Reading pictures back from screenshots."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator

Rgb = NDArray[np.int16]


def screenshot(place: Locator) -> Rgb:
    """What is on the screen there, (height, width, 3)."""
    image = Image.open(io.BytesIO(place.screenshot(animations="disabled")))
    return np.asarray(image.convert("RGB")).astype(np.int16)


def plot_of(panel: Locator) -> Locator:
    """The part of a panel that BokehJS draws, without its colour bar."""
    return panel.locator(".plot")


def coloured(pixels: Rgb, colour: str, tolerance: int = 12) -> NDArray[np.bool_]:
    """Where a colour is."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return (np.abs(pixels - wanted) <= tolerance).all(axis=-1)


def picture(pixels: Rgb, low: str, high: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """A picture of two colours, cut out of its surroundings and sampled at `shape`.

    +1 where `high` is seen, -1 where `low` is, 0 elsewhere.
    """
    signs = coloured(pixels, high).astype(int) - coloured(pixels, low).astype(int)
    # Colour bars hold either colour too, in rows and columns with little of it.
    many = 0.3 * np.abs(signs).sum(axis=0).max()
    columns = np.flatnonzero(np.abs(signs).sum(axis=0) > many)
    rows = np.flatnonzero(np.abs(signs).sum(axis=1) > many)
    assert rows.size and columns.size, "the picture is not on the screen"
    cut = signs[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert (
        abs(cut.shape[0] / shape[0] - cut.shape[1] / shape[1])
        < 0.03 * cut.shape[0] / (shape[0])
    ), f"not to scale: {cut.shape} on screen for {shape}"
    at = [
        ((np.arange(n) + 0.5) * side / n).astype(int)
        for n, side in zip(shape, cut.shape, strict=True)
    ]
    return cut[np.ix_(*at)].astype(float)


def saturation(pixels: Rgb) -> float:
    """Greatest difference between the channels, 99th percentile: 0 is grey."""
    return float(np.percentile(pixels.max(axis=-1) - pixels.min(axis=-1), 99))
