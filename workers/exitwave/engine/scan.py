"""A dataset on its device: counts, view corners, sub-pixel ramps, flux."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import EngineError
from exitwave.schema.recipe import SubPixel

from .dataset import Counts, Dataset, read_counts
from .feed import Batch
from .illuminate import split_positions
from .loss import EPSILON_SHARE

SUBPIXEL_FROM_PX = 0.05
"""`auto` shifts the probe where any position is farther than this from the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What every step reads.

    Counts keep a compact type until they are used and are zero where the mask is False.
    """

    counts_nHW: Tensor
    corners_n2: Tensor
    shifts_n2: Tensor | None
    scale_n: Tensor | None
    mask_HW: Tensor | None
    object_shape_YX: tuple[int, int]
    mean_count: float

    def __len__(self) -> int:
        return int(self.counts_nHW.shape[0])

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a view."""
        return int(self.counts_nHW.shape[1]), int(self.counts_nHW.shape[2])

    @property
    def device(self) -> torch.device:
        """Where the counts are."""
        return self.counts_nHW.device

    @property
    def epsilon(self) -> float:
        """Added to modelled counts, in counts."""
        return EPSILON_SHARE * self.mean_count

    def intensities(self, chosen: NDArray[np.intp]) -> Tensor:
        """Counts (B, H, W) of the chosen frames as float32."""
        return self.counts_nHW[torch.from_numpy(chosen).to(self.device)].float()

    def feed(self, batches: Sequence[NDArray[np.intp]]) -> Iterator[Batch]:
        """The patterns of one update after the other, each ready when it is asked for."""
        order = torch.from_numpy(np.concatenate(batches).astype(np.int64, copy=False))
        parts = order.to(self.device).split([len(chosen) for chosen in batches])
        for chosen, index_B in zip(batches, parts, strict=True):
            yield Batch(chosen, index_B, self.counts_nHW)


def load(dataset: Dataset, subpixel: SubPixel, device: torch.device) -> Scan:
    """Read and check all frames and put them on `device`."""
    counts_nHW = read_counts(dataset)
    positions = torch.from_numpy(dataset.positions_px)
    corners_n2, shifts_n2 = split_positions(positions)
    off_grid = float(shifts_n2.abs().max()) > SUBPIXEL_FROM_PX
    shifted = subpixel == "on" or (subpixel == "auto" and off_grid)
    scaled = dataset.scale_n is not None and not (dataset.scale_n == 1).all()
    valid = counts_nHW[0].size if dataset.mask_HW is None else int(dataset.mask_HW.sum())
    return Scan(
        counts_nHW=_compact(counts_nHW).to(device),
        corners_n2=corners_n2.to(device),
        shifts_n2=shifts_n2.float().to(device) if shifted else None,
        scale_n=torch.tensor(dataset.scale_n, dtype=torch.float32, device=device)
        if scaled
        else None,
        mask_HW=None
        if dataset.mask_HW is None
        else torch.from_numpy(dataset.mask_HW.copy()).to(device),
        object_shape_YX=dataset.object_shape_YX,
        mean_count=float(counts_nHW.sum(dtype=np.float64)) / (len(counts_nHW) * valid),
    )


def choose_device(device: str) -> torch.device:
    """The device named, or for ``auto`` a GPU where there is one.

    Raises
    ------
    EngineError
        The name is unknown or there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        message = f"device: found {device!r}, which cannot be used; expected auto, cpu or cuda"
        raise EngineError(message) from error
    return chosen


def _compact(counts_nHW: Counts) -> Tensor:
    """The smallest signed type that torch computes with everywhere."""
    if counts_nHW.dtype.kind == "f":
        return torch.from_numpy(counts_nHW)
    largest = int(counts_nHW.max())
    for kept in (np.uint8, np.int16, np.int32):
        if largest <= np.iinfo(kept).max:
            return torch.from_numpy(counts_nHW.astype(kept, copy=False))
    return torch.from_numpy(counts_nHW.astype(np.float32))
