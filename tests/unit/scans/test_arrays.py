from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from exitwave.scans.arrays import RunArray
from exitwave.schema.errors import DataError
from exitwave.settings.service import TiledSettings
from exitwave.tiled_http import TiledReader

IMAGES = np.arange(12 * 5 * 7, dtype=np.uint16).reshape(12, 5, 7)

NOWHERE = TiledReader(TiledSettings(uri="http://127.0.0.1:9"))


def attributes(path: Path, shape: tuple[int, ...], dtype: str = "u2") -> dict[str, Any]:
    """A node's attributes as Tiled gives them for an array in an HDF5 file."""
    return {
        "structure_family": "array",
        "structure": {
            "shape": list(shape),
            "data_type": {
                "kind": dtype[0],
                "itemsize": int(dtype[1:]),
                "endianness": "little",
            },
        },
        "data_sources": [
            {
                "mimetype": "application/x-hdf5",
                "parameters": {"dataset": "entry/data", "swmr": True},
                "assets": [{"data_uri": f"file://localhost{path}"}],
            }
        ],
    }


def hdf5(folder: Path, data: np.ndarray) -> Path:
    path = folder / "a file.h5"
    with h5py.File(path, "w") as file:
        file["entry/data"] = data
    return path


def run_array(path: Path, shape: tuple[int, ...], dtype: str = "u2") -> RunArray:
    return RunArray(NOWHERE, "raw/uid/primary/key", attributes(path, shape, dtype))


@pytest.mark.parametrize(
    "shape", [(12, 5, 7), (12, 1, 5, 7), (1, 12, 5, 7), (3, 4, 5, 7), (1, 3, 4, 5, 7)]
)
@pytest.mark.parametrize("stored_as_told", [True, False])
@pytest.mark.parametrize("span", [(0, 12), (0, 1), (3, 4), (5, 11), (11, 12), (4, 4)])
def test_images_of_any_layout(
    tmp_path: Path, shape: tuple[int, ...], stored_as_told: bool, span: tuple[int, int]
) -> None:
    path = hdf5(tmp_path, IMAGES.reshape(shape) if stored_as_told else IMAGES)
    images = run_array(path, shape).images(*span)
    np.testing.assert_array_equal(images, IMAGES[slice(*span)])
    assert images.dtype == IMAGES.dtype


@pytest.mark.parametrize("shape", [(120,), (12, 10), (1, 120)])
def test_samples_of_any_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    samples = np.arange(120, dtype=np.int32)
    array = run_array(hdf5(tmp_path, samples), shape, "i4")
    np.testing.assert_array_equal(array.flat(), samples)


def test_truncated_file_is_named(tmp_path: Path) -> None:
    path = hdf5(tmp_path, IMAGES)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a file\.h5.*cannot be read.*truncated"):
        run_array(path, IMAGES.shape).images(0, 12)


def test_file_without_the_dataset_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["entry/elsewhere"] = IMAGES
    with pytest.raises(DataError, match=r"other\.h5:entry/data: found nothing"):
        run_array(path, IMAGES.shape).images(0, 1)


def test_file_with_less_than_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found 350 elements; expected 420"):
        run_array(hdf5(tmp_path, IMAGES[:10]), IMAGES.shape).images(0, 1)


def test_file_of_another_machine_is_not_local(tmp_path: Path) -> None:
    assert run_array(tmp_path / "not-here.h5", IMAGES.shape).local is None


def test_file_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "open.h5"
    with h5py.File(path, "w", libver="latest", locking=False) as file:
        file.create_dataset("entry/data", data=IMAGES, maxshape=(None, 5, 7))
        file.swmr_mode = True
        file["entry/data"].flush()
        np.testing.assert_array_equal(run_array(path, IMAGES.shape).images(2, 5), IMAGES[2:5])


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_truncated_file_of_either_format(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "cut.h5"
    with h5py.File(path, "w", libver=libver) as file:
        file["entry/data"] = IMAGES
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"cut\.h5.*cannot be read"):
        run_array(path, IMAGES.shape).images(0, 12)


def test_a_virtual_dataset_without_its_source_is_no_dark_scan(tmp_path: Path) -> None:
    path = hdf5(tmp_path, IMAGES[:7])
    layout = h5py.VirtualLayout(IMAGES.shape, np.uint16)
    layout[:7] = h5py.VirtualSource(path.name, "entry/data", (7, 5, 7))
    layout[7:] = h5py.VirtualSource("rest.h5", "entry/data", (5, 5, 7))
    master = tmp_path / "master.h5"
    with h5py.File(master, "w") as file:
        file.create_virtual_dataset("entry/data", layout, fillvalue=0)
    with pytest.raises(DataError, match=r"source file is missing.*rest\.h5"):
        run_array(master, IMAGES.shape).images(0, 3)
    with h5py.File(tmp_path / "rest.h5", "w") as file:
        file["entry/data"] = IMAGES[7:]
    np.testing.assert_array_equal(run_array(master, IMAGES.shape).images(5, 9), IMAGES[5:9])


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["entry/data"] = h5py.ExternalLink("detector.h5", "/counts")
    with pytest.raises(DataError, match=r"leads nowhere.*detector\.h5"):
        run_array(path, IMAGES.shape).images(0, 3)
