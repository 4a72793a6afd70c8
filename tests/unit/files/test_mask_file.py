from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from exitwave.files.mask_file import mask_within, read_mask_file
from exitwave.schema.errors import DataError

VALID = np.ones((6, 8), np.bool_)
VALID[2, 3] = VALID[5, 7] = False


@pytest.mark.parametrize(
    "values", [VALID, (~VALID).astype(np.uint8), 4 * (~VALID).astype(np.int32)]
)
def test_true_or_zero_is_used(tmp_path: Path, values: Any) -> None:
    np.save(tmp_path / "m.npy", values)
    np.testing.assert_array_equal(read_mask_file(str(tmp_path / "m.npy"), (6, 8)), VALID)


def test_tiff_and_hdf5_are_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", (~VALID).astype(np.uint8))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/mask"] = (~VALID).astype(np.uint32)[None]
    for name in ("m.tif", "m.h5:/entry/mask"):
        np.testing.assert_array_equal(read_mask_file(f"{tmp_path}/{name}", (6, 8)), VALID)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.npy", "which is no file"),
        ("text.txt", r"expected a file \.npy"),
        ("broken.npy", "that cannot be read"),
        ("m.h5", "without a dataset"),
        ("m.h5:/entry/other", "m.h5:/entry/other; expected file.h5:/path"),
        ("m.h5:/entry", "expected file.h5:/path"),
        ("small.npy", r"of shape \(5, 8\); expected the frames' shape \(6, 8\)"),
        ("complex.npy", "of type complex128"),
    ],
)
def test_what_is_no_mask_is_named(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "text.txt").write_text("0 0")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    np.save(tmp_path / "small.npy", VALID[1:])
    np.save(tmp_path / "complex.npy", VALID.astype(complex))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["entry/mask"] = VALID
    with pytest.raises(DataError, match=says):
        read_mask_file(f"{tmp_path}/{name}", (6, 8))


@pytest.mark.parametrize("values", [~VALID, VALID.astype(np.uint8)])
def test_an_inverted_mask_is_refused_with_both_readings(tmp_path: Path, values: Any) -> None:
    np.save(tmp_path / "m.npy", values)
    says = r"leaves 4\.2 % of the pixels; .*numbers: 0 is used.* would leave 95\.8 %"
    with pytest.raises(DataError, match=says):
        read_mask_file(str(tmp_path / "m.npy"), (6, 8))


def test_jobs_reach_masks_in_one_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    np.save(folder / "m.npy", VALID)
    np.save(tmp_path / "secret.npy", VALID)
    (folder / "link.npy").symlink_to(tmp_path / "secret.npy")
    assert mask_within(None, "") == mask_within(folder, "") == ""
    assert mask_within(folder, "m.npy") == str(folder / "m.npy")
    assert mask_within(folder, str(folder / "m.h5:/a")) == str(folder / "m.h5:/a")
    with pytest.raises(DataError, match=r"no folder for them \(setting worker\.masks\)"):
        mask_within(None, "m.npy")
    for name in ("../secret.npy", str(tmp_path / "secret.npy"), "link.npy", "../masks2/m.npy"):
        with pytest.raises(DataError, match="a file in the service's folder of masks"):
            mask_within(folder, name)
