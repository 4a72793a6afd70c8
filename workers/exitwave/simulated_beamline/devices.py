"""The instrument: devices that a RunEngine drives through the bluesky protocols.

`Detector` and `PositionRecorder` write files and announce what is there
(`WritesStreamAssets`); `FlyScan` is the fly scan that makes both write, at the pace of the
exposures (`Flyable`); `StaticReading` is a reading of the baseline (`Readable`).

The constants of the encoders belong to this instrument. They are *not* shared with the
reader of the scans, so that a wrong calibration there shows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bluesky.protocols import Reading
from event_model import DataKey
from numpy.typing import NDArray

from .recorded import RecordedScan
from .writers import STEP_FRAMES, Hdf5Writer

SAMPLES_PER_FRAME = 10
"""Positions that the PandA takes during one exposure."""

ZPSSX_COUNTS_PER_UM = -1 / 0.9542e-4
ZPSSY_COUNTS_PER_UM = -1 / 1.03297e-4

SWEEP_UM = 0.005
"""How far the stage moves along the line during one exposure."""


class FutureStatus:
    """A bluesky `Status` on top of a future."""

    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def add_callback(self, callback: Callable[[FutureStatus], None]) -> None:
        """Call `callback(self)` once it is over, at once if it is."""
        self._future.add_done_callback(lambda _: callback(self))

    def exception(self, timeout: float | None = 0.0) -> BaseException | None:
        """What went wrong, None if nothing did."""
        return self._future.exception(timeout)

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._future.done()

    @property
    def success(self) -> bool:
        """Whether it is over and went well."""
        return self._future.done() and self._future.exception() is None


class StaticReading:
    """A device with one reading that does not change during a scan."""

    parent = None

    def __init__(self, name: str, value: float, units: str) -> None:
        self.name = name
        self._value = value
        self._units = units

    def describe(self) -> dict[str, DataKey]:
        """Its one data key."""
        return {
            self.name: {
                "source": f"SIM:{self.name}",
                "dtype": "number",
                "dtype_numpy": "<f8",
                "shape": [],
                "units": self._units,
            }
        }

    def read(self) -> dict[str, Reading[float]]:
        """Its value now."""
        return {self.name: {"value": self._value, "timestamp": time.time()}}


class Detector(Hdf5Writer):
    """A pixel detector that sees the recorded patterns."""

    name = "eiger2"
    pixel_m = 75e-6

    def __init__(self, recorded: RecordedScan) -> None:
        super().__init__()
        self._recorded = recorded
        shape = (1, *recorded.frame_shape)
        self.columns = {
            "eiger2_image": ("entry/instrument/detector/data", shape, recorded.dtype),
        }

    def measure(self, key: str, start: int, stop: int) -> NDArray[Any]:
        """The recorded patterns."""
        return self._recorded.frames(start, stop)


class PositionRecorder(Hdf5Writer):
    """A PandA that samples the encoders of the scanning stage.

    The stage carries the sample: where it moves in +x, the beam on the object moves in -x.
    +y of the stage is up, rows of the object run down, so there both grow together.
    """

    name = "panda1"

    def __init__(self, recorded: RecordedScan) -> None:
        super().__init__()
        beam_um = recorded.beam_m * 1e6
        self.zpssx_um = -beam_um[:, 1]
        self.zpssy_um = beam_um[:, 0]
        samples = (SAMPLES_PER_FRAME,)
        int32 = np.dtype("<i4")
        self.columns = {
            "inenc2_val": ("INENC2.VAL.Value", samples, int32),
            "inenc3_val": ("INENC3.VAL.Value", samples, int32),
        }

    def measure(self, key: str, start: int, stop: int) -> NDArray[np.int32]:
        """Encoder counts, ten per frame, end to end."""
        sweep = (np.arange(SAMPLES_PER_FRAME) + 0.5) / SAMPLES_PER_FRAME - 0.5
        if key == "inenc2_val":
            um = self.zpssx_um[start:stop, None] + SWEEP_UM * sweep
            counts = um * ZPSSX_COUNTS_PER_UM
        else:
            um = np.repeat(self.zpssy_um[start:stop, None], SAMPLES_PER_FRAME, axis=1)
            counts = um * ZPSSY_COUNTS_PER_UM
        return np.rint(counts).astype(np.int32).ravel()


class FlyScan:
    """The fly scan itself: exposures at an even pace, written in steps by all writers."""

    name = "fly_scan"
    parent = None

    def __init__(self, writers: list[Hdf5Writer], n_frames: int, rate_hz: float) -> None:
        self._writers = writers
        self._n_frames = n_frames
        self._rate_hz = rate_hz
        self._halted = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fly_scan")

    def arm(self, folder: Path) -> None:
        """Open one file per writer in `folder`."""
        for writer in self._writers:
            writer.open(folder / f"{writer.name}.h5")

    def kickoff(self) -> FutureStatus:
        """Start the exposures."""
        started: Future[None] = Future()
        self._exposures = self._thread.submit(self._fly, started)
        return FutureStatus(started)

    def complete(self) -> FutureStatus:
        """Done once every frame is on disk."""
        return FutureStatus(self._exposures)

    def halt(self) -> None:
        """End now, whatever has been written; close the files."""
        self._halted.set()
        self._thread.shutdown(wait=True)
        for writer in self._writers:
            writer.close()

    def _fly(self, started: Future[None]) -> None:
        begin = time.monotonic()
        started.set_result(None)
        for start in range(0, self._n_frames, STEP_FRAMES):
            stop = min(start + STEP_FRAMES, self._n_frames)
            due = begin + stop / self._rate_hz
            if self._halted.wait(max(0.0, due - time.monotonic())):
                return
            for writer in self._writers:
                writer.write(start, stop)
