"""A file of the detector pixels to use, as `data.mask` or a beamline profile names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  # registers the filters of compressed files
import numpy as np
import tifffile
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

LEAST_VALID = 0.5
"""Of the pixels: a mask that leaves less is taken for an inverted one."""

HDF5 = (".h5", ".hdf5", ".hdf", ".cxi", ".nxs")
TIFF = (".tif", ".tiff")

CONVENTION = "true/false: true is used; numbers: 0 is used"


def read_mask_file(
    name: str, shape_HW: tuple[int, int], key: str = "data.mask"
) -> NDArray[np.bool_]:
    """Pixels (H, W) that can be used, as the frames are stored.

    Parameters
    ----------
    name : str
        A .npy or TIFF file, or an HDF5 file, a colon and the path of a dataset in it.
        Of true and false, true is used; of numbers, 0 is used.
    shape_HW : (int, int)
        Of a stored frame.
    key : str
        How messages name the mask.

    Raises
    ------
    DataError
        There is no such mask, it has another shape, or it leaves less than half of the
        pixels: then both conventions are named.
    """
    values = _values(name, key)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.shape != shape_HW:
        raise DataError(key, f"{name} of shape {values.shape}", f"the frames' shape {shape_HW}")
    if values.dtype.kind not in "biuf":
        raise DataError(key, f"{name} of type {values.dtype}", CONVENTION)
    valid_HW: NDArray[np.bool_] = values if values.dtype == np.bool_ else values == 0
    share = float(valid_HW.mean())
    if share < LEAST_VALID:
        raise DataError(
            key,
            f"a mask that leaves {100 * share:.1f} % of the pixels",
            f"at least {100 * LEAST_VALID:.0f} % ({CONVENTION}); read the other way round it "
            f"would leave {100 * (1 - share):.1f} %: invert it if it is meant like that",
        )
    return valid_HW


def mask_within(folder: Path | None, name: str) -> str:
    """The mask's path for a job: it must lie in the folder that the site has set aside.

    Parameters
    ----------
    folder : Path, optional
        Setting `worker.masks`.
    name : str
        Relative to the folder, or below it; "" stays.

    Raises
    ------
    DataError
        There is no such folder, or the file would lie elsewhere.
    """
    if not name:
        return name
    if folder is None:
        raise DataError(
            "data.mask",
            name,
            "no mask: this service has no folder for them (setting worker.masks)",
        )
    root = folder.resolve()
    file, dataset = _split(name)
    path = (root / file).resolve()
    if not path.is_relative_to(root):
        raise DataError("data.mask", name, "a file in the service's folder of masks")
    return f"{path}:{dataset}" if dataset else str(path)


def _values(name: str, key: str) -> NDArray[Any]:
    file, dataset = _split(name)
    path = Path(file)
    kind = path.suffix.lower()
    if not path.is_file():
        raise DataError(key, f"{file}, which is no file", "a file with a mask")
    try:
        if kind == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        if kind in TIFF:
            return np.asarray(tifffile.imread(path))
        if kind in HDF5:
            return _of_hdf5(path, dataset, key)
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise DataError(key, f"{file} that cannot be read: {error}", "a mask") from None
    raise DataError(key, file, "a file .npy, .tif or .tiff, or mask.h5:/path/of/the/dataset")


def _of_hdf5(path: Path, dataset: str, key: str) -> NDArray[Any]:
    with h5py.File(path, "r", locking=False) as file:
        found = file.get(dataset) if dataset else None
        if not isinstance(found, h5py.Dataset):
            raise DataError(
                key,
                f"{path}:{dataset}" if dataset else f"{path} without a dataset",
                "file.h5:/path/of/the/dataset",
            )
        values: NDArray[Any] = found[()]
        return values


def _split(name: str) -> tuple[str, str]:
    """File and dataset; only HDF5 files have one."""
    for suffix in HDF5:
        file, colon, dataset = name.rpartition(f"{suffix}:")
        if colon:
            return file + suffix, dataset
    return name, ""
