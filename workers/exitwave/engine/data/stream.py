"""Parts of the patterns on their way to the device, one ahead of the step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .host import HostPatterns

Span = tuple[int, int]
"""Begin and end in the order of an epoch, half-open."""

SLOTS = 2


class Stream:
    """An epoch's patterns in their order, two parts at a time.

    Parameters
    ----------
    host : HostPatterns
    device : torch.device
    order : ndarray of int
        Indices of the patterns, batch after batch.
    bounds : list of int
        Where in `order` each batch begins; last its length.

    Attributes
    ----------
    closed : bool
        The thread that gathers patterns has ended.
    """

    def __init__(
        self,
        host: HostPatterns,
        device: torch.device,
        order: NDArray[np.intp],
        bounds: list[int],
    ) -> None:
        self._order, self._bounds = order, bounds
        self._thread = ThreadPoolExecutor(1, "frames")
        self.closed = False
        self._slots = [make_slot(host, device) for _ in range(SLOTS)]
        self._part = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """End the thread once what is under way has come."""
        self.closed = True
        self._thread.shutdown()

    @contextmanager
    def part(self, begin: int, end: int) -> Iterator[Tensor]:
        """Patterns (end - begin, H, W) as stored, on the device, to be used at once.

        Sends for the part that will be asked for next, if the step goes on as it has begun.
        """
        if not self._slots[0].holds(begin, end):
            self._slots.reverse()
        here, other = self._slots
        if not here.holds(begin, end):
            self._send(here, (begin, end))
        here.wait()
        following = self._after(begin, end)
        if following is not None and not other.holds(*following):
            self._send(other, following)
        yield here.view(begin, end)
        here.done()

    def _send(self, slot: Slot, span: Span) -> None:
        slot.span = span
        slot.arrival = self._thread.submit(slot.fetch, self._order[span[0] : span[1]])

    def _after(self, begin: int, end: int) -> Span | None:
        """The part that the step will ask for next; none at the end of the epoch.

        A step works through a batch in parts of one size and the rest, which depends on its
        buffers and is not known here: it shows in the first part of each batch. Sent for too
        little, the step would wait for a second transfer; too much, and it takes a slot's
        memory. A guess that was wrong costs time only: `part` sends for what is missing.
        """
        batch = bisect_right(self._bounds, begin) - 1
        batch_begin, batch_end = self._bounds[batch : batch + 2]
        if begin == batch_begin:
            self._part = end - begin
        if end < batch_end:
            return end, min(end + self._part, batch_end)
        if batch_end == self._bounds[-1]:
            return None
        size = self._part
        if end - begin == batch_end - batch_begin:
            # The step takes whole batches, whose sizes differ by one at most: the next one may
            # have one pattern more than this.
            size += 1
        return batch_end, min(batch_end + size, self._bounds[batch + 2])


class Slot:
    """Memory of one part on the host: all that a CPU needs."""

    def __init__(self, host: HostPatterns) -> None:
        self._host = host
        self._stored_BHW = host.empty(0)
        self.span: Span = (0, 0)
        self.arrival: Future[None] | None = None

    def holds(self, begin: int, end: int) -> bool:
        """Whether these patterns are here or on their way."""
        return self.span[0] <= begin and end <= self.span[1]

    def fetch(self, chosen: NDArray[np.intp]) -> None:
        """Bring patterns here; runs in the thread."""
        if len(self._stored_BHW) < len(chosen):
            self._stored_BHW = self._host.empty(len(chosen))
        self._host.gather(chosen, self._stored_BHW[: len(chosen)])

    def wait(self) -> None:
        """Until what was sent for can be used; raises what went wrong."""
        if self.arrival is not None:
            self.arrival.result()

    def view(self, begin: int, end: int) -> Tensor:
        """Some of the patterns that are here."""
        return self._stored_BHW[begin - self.span[0] : end - self.span[0]]

    def done(self) -> None:
        """The patterns have been used."""


class CudaSlot(Slot):
    """Memory of one part, pinned on the host and on a GPU."""

    def __init__(self, host: HostPatterns, device: torch.device) -> None:
        super().__init__(host)
        self._device = device
        self._stream = _copy_stream(device)
        self._arrived, self._used = _event(), _event()
        self._there_BHW = torch.empty(0, device=device)

    def fetch(self, chosen: NDArray[np.intp]) -> None:
        """Bring patterns here and send them off; runs in the thread."""
        count = len(chosen)
        self._arrived.synchronize()  # what pinned memory held before has left it
        with torch.cuda.stream(self._stream):
            if len(self._stored_BHW) < count:
                self._stored_BHW = self._host.empty(count, pinned=True)
                self._there_BHW = torch.empty_like(self._stored_BHW, device=self._device)
            self._host.gather(chosen, self._stored_BHW[:count])
            self._stream.wait_event(self._used)
            self._there_BHW[:count].copy_(self._stored_BHW[:count], non_blocking=True)
            self._arrived.record(self._stream)

    def wait(self) -> None:
        """Let the step's stream wait for the patterns; the host waits only to send them."""
        super().wait()
        torch.cuda.current_stream(self._device).wait_event(self._arrived)

    def view(self, begin: int, end: int) -> Tensor:
        """Some of the patterns that are here."""
        self._there_BHW.record_stream(torch.cuda.current_stream(self._device))
        return self._there_BHW[begin - self.span[0] : end - self.span[0]]

    def done(self) -> None:
        """The step's stream has been given all work that reads the patterns."""
        self._used.record(torch.cuda.current_stream(self._device))


@cache
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream on which patterns go to a GPU.

    One for all epochs: the allocator keeps the memory of each stream for that stream, so
    that with new ones every epoch would take memory of its own.
    """
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch's


def _event() -> torch.cuda.Event:
    return torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch's


def make_slot(host: HostPatterns, device: torch.device) -> Slot:
    """The kind that suits the device."""
    return CudaSlot(host, device) if device.type == "cuda" else Slot(host)
