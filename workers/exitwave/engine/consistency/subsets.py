"""Small scans made of a large one: some of its views, with these or with other positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from exitwave.schema.recipe import Recipe

from ..data.dataset import ArrayFrames, Dataset
from ..data.scan import SUBPIXEL_FROM_PX, Interrupt, Scan, load
from ..forward.illuminate import split_positions

MARGIN_PX = 4.0

SAMPLED = 192
"""Patterns that are looked at to see where the sample is."""

AROUND = 9
"""Of them together tell how much there is to see at a place."""


def placed(scan: Scan, positions_px: NDArray[np.float64]) -> Scan:
    """The same patterns at other positions (n, 2), wherever their origin is."""
    moved_px = positions_px - positions_px.min(axis=0)
    corners_n2, shifts_n2 = split_positions(torch.from_numpy(moved_px))
    rows, columns = (corners_n2.max(0).values + torch.tensor(scan.window_HW)).tolist()
    shifted = float(shifts_n2.abs().max()) > SUBPIXEL_FROM_PX
    return replace(
        scan,
        corners_n2=corners_n2.to(scan.device),
        shifts_n2=shifts_n2.float().to(scan.device) if shifted else None,
        object_shape_YX=(rows, columns),
    )


def some_of(
    dataset: Dataset,
    frames: NDArray[np.intp],
    positions_px: NDArray[np.float64],
    recipe: Recipe,
    device: torch.device,
    interrupt: Interrupt | None = None,
) -> Scan:
    """Some frames (k,) of a dataset at these positions (k, 2), on the device."""
    masks = dataset.frame_masks
    part = Dataset(
        frames=ArrayFrames(np.asarray(dataset.frames.read(frames))),
        positions_px=positions_px - positions_px.min(axis=0) + MARGIN_PX,
        scale_n=None if dataset.scale_n is None else dataset.scale_n[frames],
        mask_HW=dataset.mask_HW,
        frame_masks=None if masks is None else masks.chosen(frames),
        pedestal=dataset.pedestal,
    )
    return load(part, recipe, device, interrupt=interrupt)


def views_around(
    positions_px: NDArray[np.float64], first: int, wanted: int
) -> NDArray[np.intp]:
    """The views nearest to one of them, with it, sorted."""
    far_px = np.hypot(*(positions_px - positions_px[first]).T)
    return np.sort(np.argsort(far_px, kind="stable")[:wanted]).astype(np.intp)


def liveliest_view(dataset: Dataset) -> int:
    """A view in whose surroundings patterns differ most from the mean pattern.

    Where there is no sample nothing tells how positions and patterns go together.
    """
    count = len(dataset.frames)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED)).astype(np.intp))
    counts_nHW = dataset.read_valid(chosen).astype(np.float64) - dataset.pedestal
    mean_HW = counts_nHW.mean(axis=0).clip(min=0)
    illuminated_HW = mean_HW > 0.02 * mean_HW.mean()
    mean = mean_HW[illuminated_HW]
    counts_nK = counts_nHW[:, illuminated_HW]
    flux_n = counts_nK.sum(axis=1) / mean.sum()
    off_n = (np.square(counts_nK - flux_n[:, None] * mean) / mean).sum(axis=1)
    # A few bright patterns must not speak for all.
    off_n = np.minimum(off_n, np.quantile(off_n, 0.9))
    positions_px = dataset.positions_px[chosen]
    seen = [
        off_n[views_around(positions_px, view, min(AROUND, len(chosen)))].mean()
        for view in range(len(chosen))
    ]
    return int(chosen[int(np.argmax(seen))])
