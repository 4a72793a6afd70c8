"""phaser's gradient engine on one scan, on CPU. Runs in the peer's environment.

The engine is driven as `phaser run` drives it, with a state made here in place of files.
Options: `backend` (jax or torch), `grouping` (patterns per update), `object_rate`,
`noise_model`, and in units of the starting probe's root mean square, which follows the dose:
`probe_rate`, `tv_cost`.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import numpy as np
import pane
from bare_ffts import ffts_beside
from exchange import Recorder, Scan, read_scan, read_settings, write_result
from phaser.execute import execute_engine
from phaser.hooks import EngineHook
from phaser.observer import Observer, ObserverSet
from phaser.state import (
    IterState,
    Patterns,
    PixelatedObjectState,
    PixelatedProbeState,
    PreparedRecons,
    ReconsState,
    ScanState,
)
from phaser.utils.num import Sampling, block_until_ready, get_backend_module, to_numpy
from phaser.utils.object import ObjectSampling

M_TO_ANGSTROM = 1e10
NOISE_FREE_COUNTS = 1e6


def main(settings_path: str, out: str) -> None:
    logging.disable(logging.INFO)
    settings = read_settings(settings_path)
    scan = read_scan(settings["scan"], settings["origin_m"])
    ffts = ffts_beside(settings, scan.patterns_nHW.shape)
    recorder = Recorder(settings["snapshot_every"], f"{out}.snapshots", ffts)
    gain = counts_gain(scan)
    probe_NHW = np.load(settings["start"]) * np.sqrt(gain)
    prepared = prepare(settings, scan, np.load(settings["start"]), Watcher(recorder, scan))
    done = execute_engine(prepared, engine(settings, rms(probe_NHW))).state
    write_result(
        out,
        recorder,
        picture(done, scan),
        to_numpy(done.probe.data),
        packages=("phaserem", "torch", "numpy"),
        threads=int(os.environ["OMP_NUM_THREADS"]),
    )


class Watcher(Observer):
    """Times the iterations and keeps pictures on the way."""

    def __init__(self, recorder: Recorder, scan: Scan) -> None:
        self._recorder, self._scan = recorder, scan

    def start_engine(self, init_state: ReconsState) -> None:
        self._recorder.begin()

    def update_iteration(
        self, state: ReconsState, i: int, n: int, errors: dict[str, float]
    ) -> None:
        # What an iteration left to do on the device belongs to it.
        block_until_ready(state.object.data)
        self._recorder.end_epoch(lambda: picture(state, self._scan))


def prepare(
    settings: dict[str, Any], scan: Scan, probe_NHW: np.ndarray, watcher: Watcher
) -> PreparedRecons:
    backend = get_backend_module(settings["options"]["backend"])
    shape_HW = scan.patterns_nHW.shape[1:]
    pixel = scan.pixel_size_m * M_TO_ANGSTROM
    middle = (np.array(shape_HW) - 1) / 2
    positions = ((scan.positions_px + middle) * pixel).astype(np.float32)
    sampling = Sampling(shape_HW, sampling=(pixel, pixel))
    object_sampling = ObjectSampling(scan.object_shape_YX, (pixel, pixel), corner=(0.0, 0.0))
    state = ReconsState(
        iter=IterState.empty(),
        wavelength=scan.wavelength_m * M_TO_ANGSTROM,
        probe=PixelatedProbeState(sampling, probe_NHW.astype(np.complex64)),
        object=PixelatedObjectState(
            object_sampling,
            np.ones((1, *scan.object_shape_YX), np.complex64),
            np.array([], np.float32),
        ),
        scan=ScanState(positions, positions.copy()),
    ).to_xp(backend)
    counts_nHW = np.fft.ifftshift(scan.patterns_nHW, axes=(1, 2)) * counts_gain(scan)
    patterns = Patterns(counts_nHW.astype(np.float32), np.ones(shape_HW, np.float32))
    return PreparedRecons(patterns, state, "bench", ObserverSet((watcher,)))


def counts_gain(scan: Scan) -> float:
    """Its costs are in particles: patterns without noise count as a million of them each."""
    if scan.patterns_nHW.dtype.kind != "f":
        return 1.0
    return NOISE_FREE_COUNTS / float(scan.patterns_nHW.sum(axis=(1, 2)).max())


def rms(probe_NHW: np.ndarray) -> float:
    return float(np.sqrt((np.abs(probe_NHW) ** 2).sum(axis=0).mean()))


def engine(settings: dict[str, Any], probe_rms: float) -> EngineHook:
    wanted = settings["options"]
    plan: dict[str, Any] = {
        "type": "gradient",
        "niter": settings["epochs"],
        "grouping": wanted["grouping"],
        "probe_modes": settings["states"],
        "noise_model": {"type": wanted["noise_model"]},
        "solvers": {
            "object": {"type": "adam", "learning_rate": wanted["object_rate"]},
            "probe": {"type": "adam", "learning_rate": wanted["probe_rate"] * probe_rms},
        },
        "regularizers": [{"type": "obj_tv", "cost": wanted["tv_cost"] * probe_rms}],
        "group_constraints": [],
        "iter_constraints": [],
    }
    hook: EngineHook = pane.convert(plan, EngineHook)
    return hook


def picture(state: ReconsState, scan: Scan) -> np.ndarray:
    """The object in our frame: phaser grew it by whole pixels."""
    whole = to_numpy(state.object.data)[0]
    pixel = scan.pixel_size_m * M_TO_ANGSTROM
    y, x = np.rint(-np.asarray(state.object.sampling.corner) / pixel).astype(int)
    height, width = scan.object_shape_YX
    return whole[y : y + height, x : x + width]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
