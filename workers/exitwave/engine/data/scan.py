"""A dataset ready for the steps: patterns, view corners, sub-pixel shifts, flux."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import EngineError
from exitwave.schema.recipe import Recipe

from ..forward import Views
from ..forward.illuminate import split_positions
from ..loss import EPSILON_SHARE
from ..schedule import for_counts
from .dataset import Dataset
from .feed import (
    Batch,
    DevicePatterns,
    Patterns,
    PatternSubset,
    PixelEncoding,
    StreamedPatterns,
)
from .frame_masks import FrameMasks
from .host import HostPatterns
from .memory import MemoryPlan, plan_memory
from .validation import FrameStatistics, validate_frames

Interrupt = Callable[[], None]
"""Asked before each batch; raises where the run is to end at once."""


def _go_on() -> None:
    """Nobody wants the run to end."""


SLAB = 256
"""Patterns sent to the device together when it will hold all of them."""

MEAN_SLAB = 32
"""Patterns added up together."""

SUBPIXEL_FROM_PX = 0.05
"""`auto` shifts the probe where any position is farther than this from the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What every step reads.

    Attributes
    ----------
    patterns : Patterns
        Counts, zero where the mask is False.
    corners_n2 : Tensor, int64
        Top-left pixel of each view.
    shifts_n2, scale_n, mask_HW : Tensor, optional
        Rest of the positions, relative flux, valid pixels; on the device.
    frame_masks : FrameMasks, optional
        Pixels that do not count in single frames.
    pedestal : float
        Counts of every pixel beside its light.
    object_shape_YX : (int, int)
    mean_count : float
        Light per valid pixel and pattern.
    counted : bool
        Whole counts, so that their noise is known from their size.
    background : float
        Least that is added to modelled counts.
    work_bytes : int, optional
        Device memory that the buffers of a step may take; none = as much as is fastest.
    interrupt : callable
        Asked whenever patterns are about to be worked on.
    """

    patterns: Patterns
    corners_n2: Tensor
    shifts_n2: Tensor | None
    scale_n: Tensor | None
    mask_HW: Tensor | None
    object_shape_YX: tuple[int, int]
    mean_count: float
    frame_masks: FrameMasks | None = None
    pedestal: float = 0.0
    counted: bool = True
    background: float = 0.0
    work_bytes: int | None = None
    interrupt: Interrupt = _go_on

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a view."""
        return self.patterns.window_HW

    @property
    def valid_pixels(self) -> int:
        """Of a pattern."""
        height, width = self.window_HW
        return height * width if self.mask_HW is None else int(self.mask_HW.sum())

    @property
    def device(self) -> torch.device:
        """Where counts and variables are."""
        return self.patterns.device

    @property
    def epsilon(self) -> float:
        """Added to modelled counts, in counts."""
        return self.pedestal + max(EPSILON_SHARE * self.mean_count, self.background)

    def positions_px(self) -> NDArray[np.float64]:
        """(y, x) of the top-left pixel of each view, (n, 2), in host memory."""
        positions_n2 = self.corners_n2.double()
        if self.shifts_n2 is not None:
            positions_n2 = positions_n2 + self.shifts_n2
        positions_px: NDArray[np.float64] = positions_n2.cpu().numpy()
        return positions_px

    def views(self, index_B: Tensor) -> Views:
        """What is known of some views, for the forward model."""
        return Views(
            index_B=index_B,
            corners_B2=self.corners_n2[index_B],
            shifts_B2=None if self.shifts_n2 is None else self.shifts_n2[index_B],
            scale_B=None if self.scale_n is None else self.scale_n[index_B],
        )

    def intensities(self, chosen: NDArray[np.intp]) -> Tensor:
        """Counts (B, H, W) of the chosen frames as float32, zero where the mask is False."""
        self.interrupt()
        return self.patterns.counts(chosen)

    def light(self, chosen: NDArray[np.intp]) -> Tensor:
        """Counts (B, H, W) without the pedestal, from 0 on; zero where a pixel is invalid."""
        counts_BHW = self.intensities(chosen)
        if self.pedestal > 0:
            counts_BHW.sub_(self.pedestal).clamp_min_(0)
            if self.mask_HW is not None:
                counts_BHW.mul_(self.mask_HW)
        if (bad := self.bad_pixels(chosen)) is not None:
            counts_BHW.view(-1).index_fill_(0, bad, 0.0)
        return counts_BHW

    def mean_light(self) -> Tensor:
        """Mean pattern (H, W) without the pedestal, zero where the mask is False."""
        total_HW = torch.zeros(self.window_HW, device=self.device)
        for begin in range(0, len(self), MEAN_SLAB):
            chosen = np.arange(begin, min(begin + MEAN_SLAB, len(self)), dtype=np.intp)
            total_HW += self.light(chosen).sum(0) / len(self)
        return total_HW

    def only(self, chosen: NDArray[np.intp]) -> Scan:
        """The chosen views alone, in the same object."""
        index = torch.from_numpy(chosen).to(self.device)
        masks = self.frame_masks
        return replace(
            self,
            patterns=PatternSubset(self.patterns, chosen),
            corners_n2=self.corners_n2[index],
            shifts_n2=None if self.shifts_n2 is None else self.shifts_n2[index],
            scale_n=None if self.scale_n is None else self.scale_n[index],
            frame_masks=None if masks is None else masks.chosen(chosen),
        )

    def bad_pixels(self, chosen: NDArray[np.intp]) -> Tensor | None:
        """Flat indices into (B, H, W) of pixels that only these frames do not have."""
        if self.frame_masks is None or not self.frame_masks.any_of(chosen):
            return None
        height, width = self.window_HW
        return torch.from_numpy(self.frame_masks.within(chosen, height * width)).to(self.device)

    def valid(self, chosen: NDArray[np.intp]) -> Tensor | None:
        """Valid pixels of the chosen frames: (H, W) or (B, H, W); none = all of them."""
        if (bad := self.bad_pixels(chosen)) is None:
            return self.mask_HW
        shape_BHW = (len(chosen), *self.window_HW)
        valid_BHW = torch.ones(shape_BHW, dtype=torch.bool, device=self.device)
        if self.mask_HW is not None:
            valid_BHW &= self.mask_HW
        valid_BHW.view(-1).index_fill_(0, bad, False)
        return valid_BHW

    def feed(self, batches: Sequence[NDArray[np.intp]]) -> Iterator[Batch]:
        """The patterns of one update after the other, each ready when it is asked for."""
        for batch in self.patterns.feed(batches):
            self.interrupt()
            yield batch

    def views_at_once(self, bytes_per_view: int, most: int) -> int:
        """How many views a step may work on together, at most `most`.

        Parameters
        ----------
        bytes_per_view : int
            That the step's buffers take for each view.
        most : int
            As many as are useful.
        """
        if self.work_bytes is None:
            return most
        return max(1, min(most, self.work_bytes // bytes_per_view))


def inner_band(scan: Scan, share: float) -> Scan:
    """The scan without what lies beyond a share of the patterns' radius; at 1 as it is."""
    if share >= 1:
        return scan
    y_H, x_W = (2 * torch.fft.fftfreq(size, device=scan.device) for size in scan.window_HW)
    inner_HW = y_H[:, None].square() + x_W.square() <= share**2
    if scan.mask_HW is not None:
        inner_HW &= scan.mask_HW
    return replace(scan, mask_HW=inner_HW)


def load(
    dataset: Dataset,
    recipe: Recipe,
    device: torch.device,
    memory_GB: float | None = None,
    interrupt: Interrupt | None = None,
) -> Scan:
    """Check all frames and make them ready for `device`; nothing there is copied on a CPU.

    Raises
    ------
    DataError
        The frames cannot be used.
    EngineError
        `memory_GB` is too little for what must be on the device.
    """
    interrupt = interrupt or _go_on
    statistics = validate_frames(dataset, interrupt)
    corners_n2, shifts_n2 = split_positions(torch.from_numpy(dataset.positions_px))
    off_grid = float(shifts_n2.abs().max()) > SUBPIXEL_FROM_PX
    shifted = recipe.subpixel == "on" or (recipe.subpixel == "auto" and off_grid)
    scaled = dataset.scale_n is not None and not (dataset.scale_n == 1).all()
    host = HostPatterns(dataset.frames, statistics.dtype)
    recipe = for_counts(recipe, whole=statistics.whole)
    plan = plan_memory(dataset, recipe, host.frame_bytes, device, memory_GB, shifted=shifted)
    mask_HW = None if dataset.mask_HW is None else torch.from_numpy(dataset.mask_HW.copy())
    return Scan(
        patterns=_placed(host, dataset, statistics, device, plan),
        corners_n2=corners_n2.to(device),
        shifts_n2=shifts_n2.float().to(device) if shifted else None,
        scale_n=torch.tensor(dataset.scale_n, dtype=torch.float32, device=device)
        if scaled
        else None,
        mask_HW=None if mask_HW is None else mask_HW.to(device),
        object_shape_YX=dataset.object_shape_YX,
        mean_count=statistics.mean_count,
        frame_masks=dataset.frame_masks,
        pedestal=dataset.pedestal,
        counted=statistics.whole,
        work_bytes=plan.work_bytes,
        interrupt=interrupt,
    )


def _placed(
    host: HostPatterns,
    dataset: Dataset,
    statistics: FrameStatistics,
    device: torch.device,
    plan: MemoryPlan,
) -> Patterns:
    """Patterns where they lie, on the device, or to be streamed there."""
    invalid = None
    if dataset.mask_HW is not None and not dataset.mask_HW.all():
        invalid = torch.from_numpy(np.flatnonzero(~dataset.mask_HW)).to(device)
    # Pixels that only some frames lack may hold any number of their type.
    unsigned = statistics.largest > host.largest or dataset.frame_masks is not None
    encoding = PixelEncoding(unsigned=unsigned, invalid=invalid)
    if device.type == "cpu" and host.lying_nHW is not None:
        return DevicePatterns(host.lying_nHW, encoding)
    if device.type == "cpu" or plan.streamed:
        return StreamedPatterns(host, encoding, device)
    stored_nHW = torch.empty((len(host), *host.window_HW), dtype=host.dtype, device=device)
    for begin in range(0, len(host), SLAB):
        chosen = np.arange(begin, min(begin + SLAB, len(host)), dtype=np.intp)
        slab_BHW = host.empty(len(chosen))
        host.gather(chosen, slab_BHW)
        stored_nHW[begin : begin + len(chosen)] = slab_BHW.to(device)
    return DevicePatterns(stored_nHW, encoding)


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
