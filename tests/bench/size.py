"""`python -m tests.bench.size`: two epochs at the size of an MLL scan, and what they take.

40401 patterns of 220 x 220 uint16 counts, about 5,800 photons each, from two probe states, go
from a CXI file through preparation into the engine, as `exitwave reconstruct` does it. The
scan is simulated slab by slab in a process of its own, and the run is one too, so that its
peak resident memory (VmHWM) is that of reading, preparing and reconstructing alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.bench.methods.exchange import peak_bytes
from tests.bench.mixed import SHAPES, expected, make_probe, photographs, positions, slabs
from tests.bench.rows import circumstances, engine_code, merged
from tests.bench.sets import HC_EV_M

from exitwave.files.cxi import write_measurement
from exitwave.files.scan_formats import open_measurement
from exitwave.files.stored import StoredCounts, StoredMeasurement
from exitwave.schema.geometry import Geometry
from exitwave.simulated_beamline.simulate import DETECTOR_PIXEL_M, ENERGY_EV

GRID = 201
PHOTONS = 5800.0
EPOCHS = 2
SPARE_BYTES = 2 * 10**9
SAMPLED_VIEWS = 200
PUBLISHED = Path("docs/benchmarks/size.json")
FOLDER = Path(".bench/sets")


def main() -> None:
    """Simulate, run in a process of its own, print and keep the row."""
    arguments = _arguments()
    scan = FOLDER / f"size-{arguments.grid}.cxi"
    if arguments.make:
        make(scan, arguments.grid)
    elif arguments.run:
        print(json.dumps(run(scan)))
    else:
        _report(scan, arguments)


def make(scan: Path, grid: int) -> None:
    """Write the scan; only a slab of it is in memory at a time."""
    shape = SHAPES["mllfull"]
    random = np.random.default_rng([1, grid])
    corners = positions(shape, grid, random)
    side_px = shape.window_px
    object_YX = photographs(int(corners.max()) + side_px + 8)
    probe_NHW = make_probe("mllfull")
    sample = random.choice(len(corners), SAMPLED_VIEWS, replace=False)
    mean = expected(object_YX, probe_NHW, corners[sample]).sum(axis=(1, 2)).mean()
    probe_NHW *= np.complex64(np.sqrt(PHOTONS / mean))
    draft = scan.with_suffix(".h5")
    with h5py.File(draft, "w") as file:
        counts = file.create_dataset(
            "counts", (len(corners), side_px, side_px), np.uint16, chunks=(1, side_px, side_px)
        )
        for part in slabs(len(corners)):
            counts[part] = random.poisson(expected(object_YX, probe_NHW, corners[part]))
    geometry = Geometry(
        energy_eV=ENERGY_EV,
        distance_m=shape.pixel_size_m * side_px * DETECTOR_PIXEL_M / (HC_EV_M / ENERGY_EV),
        detector_pixel_m=DETECTOR_PIXEL_M,
        sources={},
    )
    stored = StoredMeasurement(
        counts_nHW=StoredCounts(draft, "counts"),
        positions_m=corners * shape.pixel_size_m,
        geometry=geometry,
    )
    write_measurement(scan, stored)
    draft.unlink()


def run(scan: Path) -> dict[str, Any]:
    """Read, prepare and reconstruct; what it took."""
    import torch

    from exitwave.commands.file_scan import FileScan
    from exitwave.engine import reconstruct
    from exitwave.prepare import build_dataset
    from exitwave.recipes.loading import resolve_recipe
    from exitwave.schema.data import DataOptions, GeometryOverrides

    recipe = resolve_recipe("mll", {})
    recipe = replace(recipe, stages=(replace(recipe.stages[0], epochs=EPOCHS),))
    base_bytes = peak_bytes()
    began_s = time.perf_counter()
    source = FileScan(scan, open_measurement(scan))
    dataset = build_dataset(source, DataOptions(), source.geometry(GeometryOverrides())).dataset
    read_s = time.perf_counter() - began_s
    read_bytes = peak_bytes()
    epoch_s, losses = [], []
    for state in reconstruct(dataset, recipe, device="cpu"):
        epoch_s.append(round(state.seconds, 1))
        losses.append(state.loss.data)
    total_s = time.perf_counter() - began_s
    height, width = dataset.frames.shape_HW
    return {
        "frames": len(dataset.frames),
        "window_px": [height, width],
        "probe_states": recipe.probe_states,
        "object_px": list(dataset.object_shape_YX),
        "epochs": len(epoch_s),
        "patterns_per_update": state.batch,
        "threads": torch.get_num_threads(),
        "frames_bytes": len(dataset.frames) * height * width * 2,
        "peak_bytes": peak_bytes(),
        "peak_after_imports_bytes": base_bytes,
        "peak_after_reading_bytes": read_bytes,
        "seconds_reading": round(read_s, 1),
        "seconds_before_first_epoch": round(total_s - read_s - sum(epoch_s), 1),
        "seconds_per_epoch": epoch_s,
        "loss": losses,
    }


def _report(scan: Path, arguments: argparse.Namespace) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    grid = str(arguments.grid)
    if not scan.exists():
        subprocess.run([*_self(), "--grid", grid, "--make"], check=True)
    row: dict[str, Any] = {
        "part": "size",
        "set": scan.stem,
        "method": "exitwave mll",
        "seed": 0,
        "device": "cpu",
        **circumstances(),
        "code": engine_code(),
        "status": "ok",
    }
    done = subprocess.run(
        [*_self(), "--grid", grid, "--run"], check=True, stdout=subprocess.PIPE, text=True
    )
    row |= json.loads(done.stdout.splitlines()[-1])
    row["limit_bytes"] = row["frames_bytes"] + SPARE_BYTES
    row["kept"] = row["peak_bytes"] <= row["limit_bytes"]
    if not arguments.keep:
        scan.unlink()
    print(_in_words(row))
    if arguments.publish:
        old = json.loads(PUBLISHED.read_text()) if PUBLISHED.exists() else []
        PUBLISHED.parent.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(kept) for kept in merged(old, [row]))
        PUBLISHED.write_text(f"[\n{lines}\n]\n")


def _in_words(row: Mapping[str, Any]) -> str:
    spare_GB = (row["peak_bytes"] - row["frames_bytes"]) / 1e9
    return (
        f"{row['frames']} x {row['window_px'][0]} x {row['window_px'][1]} x "
        f"{row['probe_states']} states: peak {row['peak_bytes'] / 1e9:.2f} GB = frames "
        f"{row['frames_bytes'] / 1e9:.2f} GB + {spare_GB:.2f} GB "
        f"({'kept to' if row['kept'] else 'MORE THAN'} frames + {SPARE_BYTES / 1e9:.0f} GB); "
        f"reading {row['seconds_reading']} s, start {row['seconds_before_first_epoch']} s, "
        f"epochs {row['seconds_per_epoch']} s"
    )


def _self() -> list[str]:
    return [sys.executable, "-m", "tests.bench.size"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=int, default=GRID, help="views along each axis")
    parser.add_argument("--keep", action="store_true", help="keep the simulated scan")
    parser.add_argument("--publish", action="store_true", help=f"write {PUBLISHED}")
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    step.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
