"""The ``recon_result`` tree of ptycho_gui, which Tomviz and scripts at HXN read.

::

    recon_result/S<scan_id>/<sign>/recon_data/recon_<scan_id>_<sign>_object.npy
                                              recon_<scan_id>_<sign>_probe.npy

each also as ``…_ave.npy`` (the averaged one, which Tomviz opens; there is nothing to
average here), and every further state as ``…_mode_orth_ave_rp_mode_<k>.npy``. Beside them
lies ``verdict.json`` with verdict, preparation and start, where the result has any of them.

In that tree the first axis is x: arrays are turned by 90 degrees clockwise, and its
readers turn them back with ``numpy.rot90`` before they show them.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..reconstruction import Reconstruction
from ..verdict_text import verdict_json
from .protocol import ExportOptions, ResultWriter


def write_npy_tree(folder: Path, result: Reconstruction, *, scan_id: int, sign: str) -> Path:
    """Write object and probe below ``folder/recon_result``; returns ``recon_data``.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    result : Reconstruction
        NaN (not illuminated) becomes 0: readers of this tree do not know NaN.
    scan_id : int
        Of the scan.
    sign : str
        Tells reconstructions of one scan apart.
    """
    data = folder / "recon_result" / f"S{scan_id}" / sign / "recon_data"
    data.mkdir(parents=True, exist_ok=True)
    for name, states in (("object", result.object_MYX), ("probe", result.probe_NHW)):
        stem = f"recon_{scan_id}_{sign}_{name}"
        first = _x_first(states[0])
        np.save(data / f"{stem}.npy", first)
        np.save(data / f"{stem}_ave.npy", first)
        if len(states) > 1:
            for k, state in enumerate(states):
                np.save(data / f"{stem}_mode_orth_ave_rp_mode_{k}.npy", _x_first(state))
    texts = {name: text for name, text in verdict_json(result).items() if text != "null"}
    if texts:
        judged = {name: json.loads(text) for name, text in texts.items()}
        (data / "verdict.json").write_text(json.dumps(judged, indent=2) + "\n", "utf-8")
    return data


def _x_first(state: NDArray[Any]) -> NDArray[np.complex64]:
    turned = np.rot90(np.nan_to_num(state, nan=0.0), -1)
    return np.ascontiguousarray(turned, dtype=np.complex64)


def _write(path: Path, result: Reconstruction, options: ExportOptions) -> None:
    """The tree in a zip archive, stored, not deflated: complex pictures do not shrink."""
    with tempfile.TemporaryDirectory(prefix="exitwave-") as name:
        folder = Path(name)
        write_npy_tree(folder, result, scan_id=options.scan_id, sign=options.sign)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(each for each in folder.rglob("*") if each.is_file()):
                archive.write(file, file.relative_to(folder))


NPY = ResultWriter(
    name="npy", suffix="-recon_result.zip", media_type="application/zip", write=_write
)
