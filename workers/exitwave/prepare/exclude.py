"""What is left out because it is masked, saturated or dark: one function for each reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.engine.data.validation import saturated_pixels
from exitwave.files.mask_file import read_mask_file
from exitwave.scans import Scan
from exitwave.schema.data import DataOptions
from exitwave.schema.errors import DataError

from .exclusions import Exclusions
from .frame_reader import slabs_of
from .frames import Framing
from .invalid_values import OFTEN_SHARE, InvalidValues
from .screen.neighbours import BESIDE, highest
from .selection import FrameSelection

LEAST_VALID = 0.5
"""Share of the pixels that must hold counts."""

HOT_TIMES = 6.0
"""Its highest count over those beside it: a hot pixel's."""


def exclude_masked(
    scan: Scan, data: DataOptions, framing: Framing, exclusions: Exclusions
) -> None:
    """Leave out what the scan's mask and `data.mask` name."""
    stored_HW = scan.mask_HW()
    if stored_HW is not None:
        exclusions.exclude_pixels("marked", ~framing.apply(stored_HW[None])[0])
    if data.mask:
        given_HW = read_mask_file(data.mask, scan.shape_HW)
        exclusions.exclude_pixels("masked", ~framing.apply(given_HW[None])[0])


def exclude_saturated(
    counts_nHW: NDArray[Any], invalid: InvalidValues, exclusions: Exclusions
) -> None:
    """Pixels whose counts are cut off at one value, in all frames or in single ones."""
    highest_HW = np.where(exclusions.valid_HW, invalid.highest_HW, 0)
    at_HW = _saturated(highest_HW, counts_nHW)
    if not at_HW.any():
        # A hot pixel must not hide where all others end.
        seen_HW = np.fft.fftshift(highest_HW)
        alone_HW = seen_HW > HOT_TIMES * highest(seen_HW, BESIDE)
        highest_HW = np.where(np.fft.ifftshift(alone_HW), 0, highest_HW)
        at_HW = _saturated(highest_HW, counts_nHW)
    if not at_HW.any():
        return
    places = np.flatnonzero(at_HW)
    full = counts_nHW.reshape(len(counts_nHW), -1)[:, places] == highest_HW.max()
    often = full.mean(axis=0) > OFTEN_SHARE
    often_HW = np.zeros_like(at_HW)
    often_HW.flat[places[often]] = True
    exclusions.exclude_pixels("saturated", often_HW)
    frames, which = np.nonzero(full[:, ~often])
    exclusions.exclude_entries("saturated at times", frames, places[~often][which])


def _saturated(highest_HW: NDArray[np.float64], counts_nHW: NDArray[Any]) -> NDArray[np.bool_]:
    def slabs() -> Iterator[NDArray[Any]]:
        return (counts_nHW[part] for part in slabs_of(len(counts_nHW)))

    return saturated_pixels(highest_HW, counts_nHW.dtype, slabs)


def exclude_scan_masks(
    scan: Scan, selection: FrameSelection, framing: Framing, exclusions: Exclusions
) -> None:
    """Leave out what the scan's masks of single frames name."""
    masks = scan.frame_masks
    if masks is None:
        return
    frames, pixels = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)]
    for place, number in enumerate(selection.frames):
        stored = masks.of(int(number))
        if not len(stored):
            continue
        bad_HW = np.zeros(scan.shape_HW, np.bool_)
        bad_HW.flat[stored] = True
        pixels.append(np.flatnonzero(framing.apply(bad_HW[None])[0]))
        frames.append(np.full(len(pixels[-1]), place, np.intp))
    exclusions.exclude_entries(
        "masked at times", np.concatenate(frames), np.concatenate(pixels)
    )


def exclude_dark(counts_nHW: NDArray[Any], exclusions: Exclusions) -> None:
    illuminated = (bool(frame[exclusions.valid_HW].any()) for frame in counts_nHW)
    illuminated_n = np.fromiter(illuminated, np.bool_, len(counts_nHW))
    if not (illuminated_n & exclusions.kept_n).any():
        raise DataError(
            "frames", f"no count in any of {len(illuminated_n)} frames", "frames with counts"
        )
    exclusions.exclude_frames("dark", ~illuminated_n)


def check_enough_left(exclusions: Exclusions) -> None:
    share = float(exclusions.valid_HW.mean()) if exclusions.kept_n.any() else 0.0
    if share < LEAST_VALID:
        kinds = ", ".join(
            f"{line.count} {line.what}: {line.why}" for line in exclusions.left_out
        )
        raise DataError(
            "frames",
            f"{100 * share:.0f} % of the pixels hold counts",
            f"at least {100 * LEAST_VALID:.0f} % neither masked nor odd (left out: {kinds}); "
            "data.screen=off leaves out only what is marked",
        )
