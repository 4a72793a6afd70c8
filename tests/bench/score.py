"""What a finished run is worth: |cPCC|, grid artefact, time to a quality, speed, memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from exitwave.files.scan_formats import read_measurement
from exitwave.quality import align, cpcc, error_raster_artefact, rectangle_of_centres
from exitwave.quality.align import Alignment, Region

LEVELS = (0.95, 0.97)
MARGIN_PX = 36
MB = 1e6


@dataclass(frozen=True)
class Truth:
    """What a simulated set was made from, and where it is compared."""

    object_YX: NDArray[np.complex64]
    positions_px: NDArray[np.float64]
    region: Region


def truth_of(scan: Path) -> Truth | None:
    """The truth in a CXI file; None where it holds a measured scan."""
    measurement = read_measurement(scan)
    if measurement.truth is None:
        return None
    side_px = measurement.counts_nHW.shape[-1]
    pixel_size_m = measurement.geometry.pixel_size_m(side_px)
    positions_px = np.round(measurement.positions_m / pixel_size_m, 4)
    region = rectangle_of_centres(positions_px, (side_px, side_px))
    return Truth(measurement.truth.object_YX, positions_px, region)


def quality(
    object_YX: NDArray[np.complexfloating], truth: Truth
) -> tuple[dict[str, Any], Alignment]:
    """Figures of a picture against its truth, and the aligned picture itself."""
    aligned = align(object_YX, truth.object_YX, truth.region)
    figures = {
        "cpcc": aligned.cpcc,
        "raster_artefact": error_raster_artefact(aligned, truth.positions_px),
    }
    return figures, aligned


def speed(epoch_s: NDArray[np.float64], fft_s: NDArray[np.float64]) -> dict[str, Any]:
    """Seconds per epoch, and its ratio to the bare transforms measured beside it.

    The first epoch warms up and is left out where there are others.
    """
    first = 1 if len(epoch_s) > 1 else 0
    figures: dict[str, Any] = {
        "epochs": len(epoch_s),
        "s_per_epoch": float(np.median(epoch_s[first:])),
        "epochs_s": float(epoch_s.sum()),
    }
    if len(fft_s) > first:
        beside = epoch_s[first : len(fft_s)] / fft_s[first:]
        figures["fft_s"] = float(np.median(fft_s[first:]))
        # A mean over all epochs: batches grow over a run, and small ones cost more.
        figures["fft_ratio"] = float(epoch_s[first:].mean() / figures["fft_s"])
        figures["fft_ratio_beside"] = float(np.median(beside))
    return figures


def facts(result: Any) -> dict[str, Any]:
    """What a run says of itself, in the words of a row."""
    about: dict[str, Any] = json.loads(str(result["about"]))
    peak, before = about.pop("peak_bytes"), about.pop("before_bytes")
    return about | {"peak_MB": peak / MB, "peak_over_data_MB": (peak - before) / MB}


def levels(
    result: Any, truth: Truth, final: Alignment, snapshots: Path, setup_s: float
) -> dict[str, Any]:
    """Epochs and seconds until |cPCC| first reached each level.

    Pictures on the way are moved as the last one was. Where that does not say clearly that a
    picture is below the level, it is aligned by itself.
    """
    epochs = result["snapshot_epochs"]
    figures: dict[str, Any] = {}
    if not len(epochs):
        return figures
    passed_s = setup_s + np.cumsum(result["epoch_s"])
    shape = result["object_YX"].shape
    pictures = np.memmap(snapshots, np.complex64, "r", shape=(len(epochs), *shape))
    moved = np.array([_moved_cpcc(picture, truth, final) for picture in pictures])
    for level in LEVELS:
        name = f"{level:.2f}".replace("0.", "")
        reached = np.flatnonzero(moved >= level)
        if not len(reached):
            figures |= {f"epochs_to_{name}": None, f"s_to_{name}": None}
            continue
        high = int(reached[0])
        low = max([-1, *np.flatnonzero(moved[:high] < level - 0.03)])
        while high - low > 1:
            middle = (low + high) // 2
            if align(pictures[middle], truth.object_YX, truth.region).cpcc >= level:
                high = middle
            else:
                low = middle
        figures[f"epochs_to_{name}"] = int(epochs[high])
        figures[f"s_to_{name}"] = float(passed_s[epochs[high] - 1])
    return figures


def _moved_cpcc(picture_YX: NDArray[np.complex64], truth: Truth, final: Alignment) -> float:
    """|cPCC| of a picture with the shift and ramp of another alignment."""
    y0, y1, x0, x1 = truth.region
    before_y, before_x = min(MARGIN_PX, y0), min(MARGIN_PX, x0)
    cut = np.nan_to_num(
        picture_YX[y0 - before_y : y1 + MARGIN_PX, x0 - before_x : x1 + MARGIN_PX]
    )
    inside = cut[before_y : before_y + y1 - y0, before_x : before_x + x1 - x0]
    largest = np.abs(inside).max() or 1.0
    cut = cut * (largest / np.maximum(np.abs(cut), largest))  # a wild rim must not spread
    frequency = [fft.fftfreq(n) for n in cut.shape]
    place = [np.arange(n) for n in cut.shape]
    ramp, shift = final.ramp_cycles_per_px, final.shift_px
    wave = [np.exp(2j * np.pi * r * p) for r, p in zip(ramp, place, strict=True)]
    delay = [np.exp(-2j * np.pi * s * f) for s, f in zip(shift, frequency, strict=True)]
    spectrum = fft.fft2(cut * np.multiply.outer(*wave)) * np.multiply.outer(*delay)
    moved = fft.ifft2(spectrum)[before_y : before_y + y1 - y0, before_x : before_x + x1 - x0]
    return abs(cpcc(moved, truth.object_YX[y0:y1, x0:x1]))
