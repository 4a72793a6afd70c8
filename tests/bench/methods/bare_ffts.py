"""The yardstick of speed: the Fourier transforms of an epoch and nothing else.

An epoch needs one forward and one backward transform for each view and probe state: 2 x
frames x states complex64 transforms. They are done in chunks of whatever size is fastest, by
torch or, where it is installed and faster, scipy, on the same threads as the run beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

try:
    from scipy import fft as scipy_fft
except ImportError:
    scipy_fft = None

CHUNKS = (4, 8, 16, 32, 64, 128)
CUDA_CHUNKS = (64, 256, 1024, 4096)
SAMPLE_WAVES = 256
REPEATS = 3


class BareFfts:
    """Times the transforms of one epoch; the fastest way is chosen once."""

    def __init__(self, frames: int, side_px: int, states: int, device: str = "cpu") -> None:
        self._waves = frames * states
        self._device = torch.device(device)
        chunks = CUDA_CHUNKS if self._device.type == "cuda" else CHUNKS
        sample = min(self._waves, max(SAMPLE_WAVES, chunks[-1]))
        ways: dict[str, Callable[[], object]] = {}
        for chunk in chunks:
            wave = torch.randn(
                (min(chunk, sample), side_px, side_px), dtype=torch.complex64, device=device
            )
            ways[f"torch, chunks of {len(wave)}"] = lambda w=wave: torch.fft.ifft2(
                torch.fft.fft2(w, norm="ortho"), norm="ortho"
            )
            if scipy_fft is not None and self._device.type == "cpu":
                host, workers = wave.numpy(), torch.get_num_threads()
                ways[f"scipy, chunks of {len(host)}"] = lambda w=host, n=workers: (
                    scipy_fft.ifft2(
                        scipy_fft.fft2(w, norm="ortho", workers=n), norm="ortho", workers=n
                    )
                )
        sizes = {name: int(name.rsplit(" ", 1)[1]) for name in ways}
        costs = {
            name: median(self._seconds(way, sizes[name], sample) for _ in range(REPEATS))
            for name, way in ways.items()
        }
        self.way = min(costs, key=costs.__getitem__)
        self._call, self._size = ways[self.way], sizes[self.way]
        self._sample = sample

    def seconds(self) -> float:
        """Seconds that the transforms of one epoch take now."""
        return self._seconds(self._call, self._size, self._sample)

    def _seconds(self, call: Callable[[], object], size: int, sample: int) -> float:
        calls = max(1, round(sample / size))
        self._wait()
        began = time.perf_counter()
        for _ in range(calls):
            call()
        self._wait()
        return (time.perf_counter() - began) * self._waves / (calls * size)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def ffts_beside(
    settings: dict[str, Any], shape_nHW: tuple[int, ...], device: str = "cpu"
) -> Callable[[], float] | None:
    """What a run's recorder measures beside it, where the settings ask for it."""
    if not settings["time_ffts"]:
        return None
    return BareFfts(shape_nHW[0], shape_nHW[-1], settings["states"], device).seconds
