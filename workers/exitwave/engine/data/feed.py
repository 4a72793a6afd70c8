"""The patterns of each update, on the device when the step asks for them.

Patterns keep their type until they are used. `DevicePatterns` lie where the step computes;
`StreamedPatterns` lie in host memory or in a file and come part by part: while the device
works on one part, a thread gathers the next and, on CUDA, sends it off from pinned memory on
a stream of its own. Two slots hold all that is on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .host import HostPatterns
from .stream import Stream

Indices = NDArray[np.intp]

_WIDER = {torch.int16: (torch.int32, 0xFFFF), torch.int32: (torch.int64, 0xFFFFFFFF)}


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The patterns of one update.

    Attributes
    ----------
    chosen : ndarray of int (B,)
        Their indices in the scan, in host memory.
    index_B : Tensor, int64 (B,)
        The same on the device.
    """

    chosen: Indices
    index_B: Tensor
    _counts: Callable[[int, int], Tensor]

    def __len__(self) -> int:
        return len(self.chosen)

    def counts(self, begin: int, end: int) -> Tensor:
        """Counts (end - begin, H, W) of a part of the batch, float32, the caller's own.

        Invalid pixels are zero. Streamed patterns come soonest where parts of one size are
        asked for in order.
        """
        return self._counts(begin, end)


class Patterns(Protocol):
    """All patterns of a scan, wherever they lie."""

    @property
    def device(self) -> torch.device:
        """Where counts are handed out."""
        ...

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a pattern."""
        ...

    def __len__(self) -> int: ...

    def counts(self, chosen: Indices) -> Tensor:
        """Counts (B, H, W) of the chosen patterns, float32, invalid pixels zero."""
        ...

    def feed(self, batches: Sequence[Indices]) -> Iterator[Batch]:
        """The batches one after the other."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PixelEncoding:
    """What stored numbers mean.

    Attributes
    ----------
    unsigned : bool
        Signed integers stand for unsigned ones of their size, for which torch has few
        operations.
    invalid : Tensor of int64, optional
        Flat indices of the pixels that are not counts.
    """

    unsigned: bool = False
    invalid: Tensor | None = None

    def counts(self, stored_BHW: Tensor, *, own: bool) -> Tensor:
        """Counts as float32; in a tensor of their own, or in `stored_BHW` if that is `own`."""
        if self.unsigned and stored_BHW.dtype in _WIDER:
            wider, ones = _WIDER[stored_BHW.dtype]
            stored_BHW = stored_BHW.to(wider).bitwise_and_(ones)
        counts_BHW = stored_BHW.to(torch.float32, copy=not own)
        if self.invalid is not None:
            counts_BHW.view(len(counts_BHW), -1).index_fill_(1, self.invalid, 0.0)
        return counts_BHW


@dataclass(frozen=True, slots=True, eq=False)
class DevicePatterns:
    """Patterns that lie where the step computes.

    Attributes
    ----------
    stored_nHW : Tensor
    encoding : PixelEncoding
    """

    stored_nHW: Tensor
    encoding: PixelEncoding = PixelEncoding()

    @property
    def device(self) -> torch.device:
        """Where the patterns are."""
        return self.stored_nHW.device

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a pattern."""
        return int(self.stored_nHW.shape[1]), int(self.stored_nHW.shape[2])

    def __len__(self) -> int:
        return int(self.stored_nHW.shape[0])

    def counts(self, chosen: Indices) -> Tensor:
        """Counts (B, H, W) of the chosen patterns, float32, invalid pixels zero."""
        return self._gathered(torch.from_numpy(chosen).to(self.device))

    def feed(self, batches: Sequence[Indices]) -> Iterator[Batch]:
        """The batches one after the other."""
        for chosen, index_B in _uploaded(batches, self.device):
            yield self.batch(chosen, index_B)

    def batch(self, chosen: Indices, index_B: Tensor) -> Batch:
        """The patterns of one update, by their indices on the host and on the device."""

        def counts(begin: int, end: int) -> Tensor:
            return self._gathered(index_B[begin:end])

        return Batch(chosen, index_B, counts)

    def _gathered(self, index_B: Tensor) -> Tensor:
        chosen_BHW = torch.index_select(self.stored_nHW, 0, index_B)
        return self.encoding.counts(chosen_BHW, own=True)


@dataclass(frozen=True, slots=True, eq=False)
class PatternSubset:
    """Some of a scan's patterns, numbered anew.

    Attributes
    ----------
    patterns : Patterns
    numbers : ndarray of int
        Of the chosen ones.
    """

    patterns: Patterns
    numbers: Indices

    @property
    def device(self) -> torch.device:
        """Where counts are handed out."""
        return self.patterns.device

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a pattern."""
        return self.patterns.window_HW

    def __len__(self) -> int:
        return len(self.numbers)

    def counts(self, chosen: Indices) -> Tensor:
        """Counts (B, H, W) of the chosen patterns, float32, invalid pixels zero."""
        return self.patterns.counts(self.numbers[chosen])

    def feed(self, batches: Sequence[Indices]) -> Iterator[Batch]:
        """The batches one after the other."""
        named = zip(_uploaded(batches, self.device), self._fed(batches), strict=True)
        for (chosen, index_B), batch in named:
            yield Batch(chosen, index_B, batch.counts)

    def _fed(self, batches: Sequence[Indices]) -> Iterator[Batch]:
        return self.patterns.feed([self.numbers[chosen] for chosen in batches])


class StreamedPatterns:
    """Patterns that come to the device part by part.

    Parameters
    ----------
    host : HostPatterns
    encoding : PixelEncoding
    device : torch.device
    """

    def __init__(
        self, host: HostPatterns, encoding: PixelEncoding, device: torch.device
    ) -> None:
        self._host, self._encoding, self._device = host, encoding, device

    @property
    def device(self) -> torch.device:
        """Where counts are handed out."""
        return self._device

    @property
    def window_HW(self) -> tuple[int, int]:
        """Height and width of a pattern."""
        return self._host.window_HW

    def __len__(self) -> int:
        return len(self._host)

    def counts(self, chosen: Indices) -> Tensor:
        """Counts (B, H, W) of the chosen patterns, float32, invalid pixels zero."""
        stored_BHW = self._host.empty(len(chosen))
        self._host.gather(chosen, stored_BHW)
        return self._encoding.counts(stored_BHW.to(self._device), own=True)

    def feed(self, batches: Sequence[Indices]) -> Iterator[Batch]:
        """The batches one after the other; the next part is under way meanwhile."""
        order = np.concatenate(batches)
        bounds = np.cumsum([0, *map(len, batches)]).tolist()
        with Stream(self._host, self._device, order, bounds) as stream:
            for number, (chosen, index_B) in enumerate(_uploaded(batches, self._device)):

                def counts(
                    begin: int, end: int, chosen: Indices = chosen, first: int = bounds[number]
                ) -> Tensor:
                    if stream.closed:
                        return self.counts(chosen[begin:end])
                    with stream.part(first + begin, first + end) as stored_BHW:
                        return self._encoding.counts(stored_BHW, own=False)

                yield Batch(chosen, index_B, counts)


def _uploaded(
    batches: Sequence[Indices], device: torch.device
) -> Iterator[tuple[Indices, Tensor]]:
    """Indices on the host and on the device; one transfer for all batches."""
    order = torch.from_numpy(np.concatenate(batches).astype(np.int64, copy=False))
    parts = torch.split(order.to(device), [len(chosen) for chosen in batches])
    return zip(batches, parts, strict=True)
