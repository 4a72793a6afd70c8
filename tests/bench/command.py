"""`exitwave reconstruct --json` as people call it, on a file: what it told, as a row.

Unlike the other runners this one goes the whole way: the file is read, its scan screened, the
beam searched for, the result judged.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.bench.judged import extra_findings
from tests.bench.rows import Row

from exitwave.commands.ground_truth import align_with_truth
from exitwave.files.cxi import read_reconstruction, write_reconstruction
from exitwave.files.reconstruction import Reconstruction, Truth
from exitwave.files.scan_formats import open_measurement
from exitwave.schema.errors import DataError

TILE_PX = 200
"""Pictures for the sheets are kept no larger than so."""


def reconstruct_file(
    scan: Path,
    out: Path,
    options: Mapping[str, Any],
    *,
    seed: int,
    env: Mapping[str, str],
    limit_s: float,
) -> Row:
    """Run the command; pictures for the sheets go to `out` (npz).

    Parameters
    ----------
    scan, out : Path
    options : mapping
        `recipe`: its name; `device`; `overrides`: more settings; `begin`: "truth" begins with
        the true probe that the file carries.
    seed : int
        Of the run.
    env : mapping
    limit_s : float

    Raises
    ------
    subprocess.CalledProcessError, subprocess.TimeoutExpired
        The command refused the file, failed, or took too long.
    """
    result, given = out.with_suffix(".cxi"), out.with_suffix(".given.cxi")
    words = ["--out", str(result), "--recipe", options["recipe"], "--seed", str(seed)]
    words += ["--device", options["device"], "--json"]
    for name, value in options.get("overrides", {}).items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    if options.get("begin") == "truth":
        _write_true_probe(given, _truth(scan))
        words += ["--start", str(given)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "exitwave.cli", "reconstruct", str(scan), *words],
            env=env,
            capture_output=True,
            text=True,
            check=True,
            timeout=limit_s,
        )
        told = json.loads(done.stdout)
        found = read_reconstruction(result)
        if "cpcc" in told:
            _keep_pictures(out, found, _truth(scan))
        software = found.metadata["software"]
    finally:
        result.unlink(missing_ok=True)
        given.unlink(missing_ok=True)
    start = "true probe" if options.get("begin") == "truth" else "own"
    return {"start": start, "versions": software, **told_row(told)}


def told_row(told: Mapping[str, Any]) -> Row:
    """What the command told, in the words of a row."""
    start = told["start"]
    figures = {name: float(value) for name, value in told["figures"].items()}
    return {
        "cpcc": told.get("cpcc"),
        "verdict": told["verdict"],
        "figures": figures,
        "findings": extra_findings(told["rules"], figures),
        "left_out": [line["text"] for line in told["left_out"]],
        "notes": [note["text"] for note in told["notes"]],
        "kinds": [
            *(line["why"] for line in told["left_out"]),
            *(note["code"] for note in told["notes"]),
        ],
        "epochs": told["epochs"],
        "run_s": told["seconds"],
        "search_s": start["seconds"],
        "search_share": start["seconds"] / told["seconds"],
        "chosen": start["chosen"]["kind"],
        "chosen_px2": [start["chosen"][f"defocus_{axis}_px2"] for axis in "yx"],
        "tried": len(start["tried"]),
        "runs": start["runs"],
    }


def _truth(scan: Path) -> Truth:
    truth = open_measurement(scan).truth
    if truth is None:
        raise DataError(str(scan), "no truth", "a simulated scan with its truth")
    return truth


def _write_true_probe(path: Path, truth: Truth) -> None:
    """A result that has the true probe and no object of the scan's shape."""
    none = np.zeros((1, 2))
    result = Reconstruction(
        object_MYX=np.ones((1, 1, 1), np.complex64),
        probe_NHW=truth.probe_HW[None],
        positions_px=none,
        positions_m=none,
        loss=np.zeros(1),
        pixel_size_m=1.0,
    )
    write_reconstruction(path, result)


def _keep_pictures(out: Path, found: Reconstruction, truth: Truth) -> None:
    """Aligned picture, truth and probe, no larger than a sheet shows them."""
    aligned = align_with_truth(found, truth)
    np.savez(
        out,
        picture_YX=shrunk(aligned.picture),
        truth_YX=shrunk(aligned.reference),
        probe_HW=found.probe_NHW[0],
    )


def shrunk(picture_YX: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """The middle of a picture, in means over squares of pixels, no larger than a tile."""
    block = -(-max(picture_YX.shape) // TILE_PX)
    height, width = (size // block for size in picture_YX.shape)
    whole = picture_YX[: height * block, : width * block]
    means: NDArray[np.complex64] = whole.reshape(height, block, width, block).mean((1, 3))
    return means
