"""exitwave's engine on one scan. Needs torch, numpy and h5py alone, so it also runs on a GPU
machine without a network:

    PYTHONPATH=workers:service python tests/bench/methods/run_exitwave.py settings.json out.npz
    PYTHONPATH=workers:service python tests/bench/methods/run_exitwave.py jobs.json out.h5

where jobs.json holds a list of settings with a `name` each and the scans lie in its folder.
Options: `recipe`, all its values; `device`; `beside`, scans in the same folder of which an
epoch each is timed after every one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from bare_ffts import ffts_beside
from exchange import Recorder, about, read_scan, write_result

from exitwave.engine import ArrayFrames, Dataset, EpochState, InitialGuess, reconstruct
from exitwave.schema.errors import ExitwaveError
from exitwave.schema.recipe import Recipe, recipe_from_mapping

PACKAGES = ("torch", "numpy")
SLAB = 256


def main(settings_path: str, out: str) -> None:
    settings = json.loads(Path(settings_path).read_text())
    if isinstance(settings, list):
        run_all(settings, Path(settings_path).parent, out)
        return
    state, recorder = run(settings, f"{out}.snapshots")
    write_result(
        out,
        recorder,
        state.object_MYX()[0],
        state.probe_NHW(),
        packages=PACKAGES,
        threads=torch.get_num_threads(),
        **measured(settings, recorder, state),
    )


def run(settings: dict[str, Any], snapshots: str) -> tuple[EpochState, Recorder]:
    """All epochs; the last state and what was recorded."""
    dataset = read_dataset(settings["scan"], settings["origin_m"])
    recipe: Recipe = recipe_from_mapping(settings["options"]["recipe"])
    device = settings["options"]["device"]
    start = None
    if settings["start"] is not None:
        shape_YX = tuple(int(n) for n in dataset.object_shape_YX)
        start = InitialGuess(
            probe_NHW=np.load(settings["start"])[: recipe.probe_states],
            object_MYX=np.ones((recipe.object_states, *shape_YX), np.complex64),
        )
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()  # that of the run before
    beside: dict[str, Iterator[EpochState]] = {}
    for name in settings["options"].get("beside", []):
        other = Path(settings["scan"]).with_name(f"{name}.cxi")
        beside[name] = reconstruct(read_dataset(str(other)), recipe, device=device)
    shape_nHW = (len(dataset.frames), *dataset.frames.shape_HW)
    ffts = ffts_beside(settings, shape_nHW, device)
    recorder = Recorder(settings["snapshot_every"], snapshots, ffts)
    last: EpochState | None = None
    for state in reconstruct(dataset, recipe, start, device=device):
        last = state
        for name, run_beside in beside.items():
            recorder.beside_s.setdefault(name, []).append(next(run_beside).seconds)
        recorder.end_epoch(lambda shown=state: shown.object_MYX()[0], seconds=state.seconds)
    if last is None:
        raise SystemExit("the recipe has no epochs")
    return last, recorder


def read_dataset(path: str, origin_m: list[float] | None = None) -> Dataset:
    """A scan as the engine takes it."""
    scan = read_scan(path, origin_m)
    frames_nHW = scan.patterns_nHW
    for begin in range(0, len(frames_nHW), SLAB):  # in place: there may be gigabytes of them
        slab = frames_nHW[begin : begin + SLAB]
        slab[...] = np.fft.ifftshift(slab, axes=(1, 2))
    return Dataset(
        frames=ArrayFrames(frames_nHW),
        positions_px=scan.positions_px,
        pixel_size_m=scan.pixel_size_m,
    )


def run_all(jobs: list[dict[str, Any]], folder: Path, out: str) -> None:
    """Many runs into one HDF5 file, objects at half precision: small enough to carry home."""
    with h5py.File(out, "a") as file:
        for job in jobs:
            if job["name"] in file:
                continue
            path = str(folder / job["scan"])
            try:
                state, recorder = run(job | {"scan": path}, f"{out}.snapshots")
            except ExitwaveError as error:
                group = file.create_group(job["name"])
                group.attrs["error"] = f"{type(error).__name__}: {error}"
                continue
            group = file.create_group(job["name"])
            planes = state.object_MYX()[0]
            group["object"] = np.stack([planes.real, planes.imag]).astype(np.float16)
            group["epoch_s"] = np.array(recorder.epoch_s)
            group["fft_s"] = np.array(recorder.fft_s)
            group.attrs["about"] = json.dumps(
                about(
                    recorder,
                    PACKAGES,
                    torch.get_num_threads(),
                    **measured(job, recorder, state),
                )
            )
            print(job["name"], f"{sum(recorder.epoch_s):.1f} s", flush=True)


def measured(settings: dict[str, Any], recorder: Recorder, last: EpochState) -> dict[str, Any]:
    """Facts of a run for its row."""
    chosen = last.search.candidates[last.run - 1]
    facts: dict[str, Any] = {
        "search_s": last.search.seconds,
        "search_share": last.search.seconds / (recorder.setup_s + sum(recorder.epoch_s)),
        "chosen": chosen.kind,
        "chosen_px2": list(chosen.defocus_px2),
        "tried": len(last.search.candidates),
        "runs": last.runs,
        "device": device_name(settings["options"]["device"]),
        "memory_peak_device_bytes": device_peak_bytes(),
    }
    if recorder.beside_s:
        facts["s_per_epoch_beside"] = {
            name: float(np.median(seconds[1:])) for name, seconds in recorder.beside_s.items()
        }
    return facts


def device_name(device: str) -> str:
    """What the device calls itself; empty for a CPU."""
    return torch.cuda.get_device_name() if device.startswith("cuda") else ""


def device_peak_bytes() -> int:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
