"""pty-chi on one scan, through its public API. Runs in the peer's own environment.

Options: `engine` (lsqml or autodiff), `batch_size`, and per engine the settings below.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from bare_ffts import ffts_beside
from exchange import Recorder, Scan, read_scan, read_settings, write_result

try:
    import torchvision  # noqa: F401  # pty-chi blurs with it
except RuntimeError:
    # torchvision's compiled part is for CUDA and torch here for CPU: the operators that must be
    # known at its import are declared, and none is called.
    for name in ("nms", "qnms"):
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        torch.library.define(f"torchvision::{name}", schema)

import ptychi.api as api
from ptychi.api.task import PtychographyTask
from ptychi.utils import rescale_probe


def main(settings_path: str, out: str) -> None:
    settings = read_settings(settings_path)
    scan = read_scan(settings["scan"], settings["origin_m"])
    probe_NHW = np.load(settings["start"])
    ffts = ffts_beside(settings, scan.patterns_nHW.shape)
    recorder = Recorder(settings["snapshot_every"], f"{out}.snapshots", ffts)
    task = PtychographyTask(make_options(settings, scan, probe_NHW))
    recorder.begin()
    for _ in range(settings["epochs"]):
        task.run(1)
        recorder.end_epoch(lambda: task.get_data("object")[0].numpy())
    write_result(
        out,
        recorder,
        task.get_data_to_cpu("object", as_numpy=True)[0],
        task.get_data_to_cpu("probe", as_numpy=True)[0] * np.sqrt(probe_NHW[0].size),
        packages=("ptychi", "torch", "numpy"),
        threads=torch.get_num_threads(),
    )


def make_options(settings: dict[str, Any], scan: Scan, probe_NHW: np.ndarray) -> Any:
    wanted = settings["options"]
    options = (
        api.LSQMLOptions() if wanted["engine"] == "lsqml" else api.AutodiffPtychographyOptions()
    )
    options.data_options.data = scan.patterns_nHW.astype(np.float32)
    options.data_options.wavelength_m = scan.wavelength_m

    thing = options.object_options
    thing.initial_guess = torch.ones((1, *scan.object_shape_YX), dtype=torch.complex64)
    thing.pixel_size_m = scan.pixel_size_m
    # Positions are centres of views; so given, object pixel (0, 0) is ours.
    thing.determine_position_origin_coords_by = api.ObjectPosOriginCoordsMethods.SPECIFIED
    thing.position_origin_coords = [0.0, 0.0]
    beam = options.probe_options
    # Its transform has no factor: the probe is scaled to the patterns by its own helper.
    probe_NHW = rescale_probe(probe_NHW.astype(np.complex64), scan.patterns_nHW)
    beam.initial_guess = torch.from_numpy(probe_NHW[None].astype(np.complex64))
    for part, name in ((thing, "object"), (beam, "probe")):
        part.optimizer = api.Optimizers(wanted["optimizer"])
        part.step_size = wanted[f"{name}_step_size"]

    height, width = scan.patterns_nHW.shape[1:]
    centres_px = scan.positions_px + np.array([height - 1, width - 1]) / 2
    options.probe_position_options.position_y_px = centres_px[:, 0]
    options.probe_position_options.position_x_px = centres_px[:, 1]

    run = options.reconstructor_options
    run.num_epochs = settings["epochs"]
    run.batch_size = wanted["batch_size"]
    run.default_device = api.Devices.CPU
    run.random_seed = settings["seed"]
    if wanted["engine"] == "lsqml":
        run.noise_model = api.NoiseModels(wanted["noise_model"])
        run.batching_mode = api.BatchingModes(wanted["batching_mode"])
        run.momentum_acceleration_gain = wanted["momentum"]
    else:
        run.loss_function = api.LossFunctions(wanted["loss"])
    return options


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
