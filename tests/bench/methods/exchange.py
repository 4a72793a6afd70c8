"""What every method of the benchmark reads and writes; numpy and h5py only.

A run is a settings file (JSON) in, a result file (npz) out. The patterns lie in a CXI file as
`exitwave simulate` writes them, the starting probe in an npy file. This module must import in
the peers' environments too, so it knows nothing of exitwave.

Settings
--------
scan, start : paths; `start` may be null: the method starts as it likes
origin_m : (y, x) metres of object pixel (8, 8), or null for that of the first view
states, epochs, seed : int
snapshot_every : int, epochs; 0 keeps no picture on the way (they go to `OUT.snapshots`)
time_ffts : bool, measure the bare transforms beside the run
options : what the method alone understands
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

MARGIN_PX = 8
"""Object pixels before the first view, as in the simulated truth."""
JOULES_PER_EV = 1.602176634e-19
HC_EV_M = 1.23984198e-6
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FFT_EPOCHS = 20
"""The yardstick is measured beside so many epochs, from the first on."""


@dataclass(frozen=True)
class Scan:
    """Patterns (n, H, W) with DC at the centre; positions (n, 2), (y, x) top-left pixels."""

    patterns_nHW: NDArray[Any]
    positions_px: NDArray[np.float64]
    pixel_size_m: float
    wavelength_m: float

    @property
    def object_shape_YX(self) -> tuple[int, int]:
        far = np.ceil(self.positions_px.max(axis=0)).astype(int) + MARGIN_PX
        height, width = self.patterns_nHW.shape[1:]
        return int(far[0]) + height, int(far[1]) + width


def read_settings(path: str) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(Path(path).read_text())
    return settings


def read_scan(path: str, origin_m: list[float] | None = None) -> Scan:
    """The scan in a CXI file; (8, 8) is its first view, or `origin_m` where that is given."""
    with h5py.File(path, "r") as file:
        patterns_nHW = file["entry_1/data_1/data"][...]
        translation = file["entry_1/data_1/translation"][...]
        detector = file["entry_1/instrument_1/detector_1"]
        distance_m, pitch_m = detector["distance"][()], detector["x_pixel_size"][()]
        energy_eV = file["entry_1/instrument_1/source_1/energy"][()] / JOULES_PER_EV
    wavelength_m = HC_EV_M / energy_eV
    pixel_size_m = wavelength_m * distance_m / (patterns_nHW.shape[-1] * pitch_m)
    positions_m = translation[:, 1::-1]
    first_m = positions_m.min(axis=0) if origin_m is None else np.array(origin_m)
    positions_px = np.round((positions_m - first_m) / pixel_size_m + MARGIN_PX, 4)
    return Scan(patterns_nHW, positions_px, float(pixel_size_m), float(wavelength_m))


def peak_bytes() -> int:
    """Most resident memory that this process has had since `forget_peak`, or at all.

    Not `ru_maxrss`: that begins with the parent's memory.
    """
    return _status_bytes("VmHWM")


def forget_peak() -> int:
    """Let the peak begin anew, where the kernel can do that; gives what is resident now."""
    if RESET.exists():
        RESET.write_text("5")
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} holds no {name}")


@dataclass
class Recorder:
    """Times epochs and keeps pictures on the way; its own work is not timed.

    Pictures go to a file, so that they do not count as the method's memory. `ffts` measures
    the yardstick once beside each of the first epochs; `beside_s` are epochs of other scans.
    """

    snapshot_every: int
    snapshot_path: str
    ffts: Callable[[], float] | None = None
    setup_s: float = 0.0
    epoch_s: list[float] = field(default_factory=list)
    fft_s: list[float] = field(default_factory=list)
    beside_s: dict[str, list[float]] = field(default_factory=dict)
    snapshot_epochs: list[int] = field(default_factory=list)
    before_bytes: int = field(default_factory=forget_peak)
    _since: float = field(default_factory=time.perf_counter)

    def begin(self) -> None:
        """The first epoch begins now; what went before is setting up."""
        now = time.perf_counter()
        self.setup_s += now - self._since
        self._since = now

    def end_epoch(
        self, picture: Callable[[], NDArray[Any]], seconds: float | None = None
    ) -> None:
        """An epoch is over; `seconds` if the method's own clock knows what was set-up."""
        passed = time.perf_counter() - self._since
        self.epoch_s.append(passed if seconds is None else seconds)
        self.setup_s += passed - self.epoch_s[-1]
        epoch = len(self.epoch_s)
        if self.snapshot_every > 0 and epoch % self.snapshot_every == 0:
            with Path(self.snapshot_path).open(
                "wb" if not self.snapshot_epochs else "ab"
            ) as file:
                file.write(np.ascontiguousarray(picture(), np.complex64).tobytes())
            self.snapshot_epochs.append(epoch)
        if self.ffts is not None and len(self.fft_s) < FFT_EPOCHS:
            self.fft_s.append(self.ffts())
        self._since = time.perf_counter()


def about(
    recorder: Recorder, packages: tuple[str, ...], threads: int, **more: Any
) -> dict[str, Any]:
    """Plain facts of a run; `more` are values that the row shall show, too."""
    return {
        "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
        "threads": threads,
        "setup_s": recorder.setup_s,
        "peak_bytes": peak_bytes(),
        "before_bytes": recorder.before_bytes,
        **more,
    }


def write_result(
    path: str,
    recorder: Recorder,
    object_YX: NDArray[Any],
    probe_NHW: NDArray[Any],
    *,
    packages: tuple[str, ...],
    threads: int,
    **more: Any,
) -> None:
    """Write the result of a run."""
    facts = about(recorder, packages, threads, **more)
    np.savez(
        path,
        object_YX=np.asarray(object_YX, np.complex64),
        probe_NHW=np.asarray(probe_NHW, np.complex64),
        epoch_s=np.array(recorder.epoch_s),
        fft_s=np.array(recorder.fft_s),
        snapshot_epochs=np.array(recorder.snapshot_epochs, int),
        about=json.dumps(facts),
    )
