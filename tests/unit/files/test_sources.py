"""Numbers that lie in other files: what is missing is named, nothing reads as zeros."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.unit.files.made import DATA, SIDE, counts_nHW, cxi, put, xyz_m

from exitwave.files.scan_formats import open_measurement
from exitwave.schema.errors import DataError

PATTERNS = f"{DATA}/data"
SHAPE = (25, SIDE, SIDE)


def virtual(path: Path, parts: dict[str, slice]) -> Path:
    """A CXI file whose patterns are a virtual dataset; each part's source is written."""
    layout = h5py.VirtualLayout(SHAPE, np.uint16)
    for name, frames in parts.items():
        part = counts_nHW()[frames]
        layout[frames] = h5py.VirtualSource(name, "counts", part.shape)
        put(path.with_name(name), {"counts": part})
    cxi(path, {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(PATTERNS, layout, fillvalue=0)
    return path


HALVES = {"first.h5": slice(0, 12), "second.h5": slice(12, 25)}


def test_a_virtual_dataset_is_read(tmp_path: Path) -> None:
    measurement = open_measurement(virtual(tmp_path / "a.cxi", HALVES))
    np.testing.assert_array_equal(measurement.counts_nHW[:], counts_nHW())
    assert measurement.notes == ()


def test_a_source_that_is_missing_is_named(tmp_path: Path) -> None:
    path = virtual(tmp_path / "a.cxi", HALVES)
    (tmp_path / "second.h5").unlink()
    with pytest.raises(DataError, match=r"source file is missing; expected .*second\.h5"):
        open_measurement(path)


def test_a_source_that_is_no_hdf5_is_named(tmp_path: Path) -> None:
    path = virtual(tmp_path / "a.cxi", HALVES)
    (tmp_path / "second.h5").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"cannot be read.*second\.h5"):
        open_measurement(path)


@pytest.mark.parametrize(
    ("left", "says"), [({}, "is not in its file"), ({"counts": counts_nHW()[:3]}, "too short")]
)
def test_a_source_that_lacks_its_numbers(
    tmp_path: Path, left: dict[str, np.ndarray], says: str
) -> None:
    path = virtual(tmp_path / "a.cxi", HALVES)
    put(tmp_path / "second.h5", {"counts": None, **left})
    with pytest.raises(DataError, match=rf"{says}.*second\.h5"):
        open_measurement(path)


def test_a_hole_is_found(tmp_path: Path) -> None:
    path = virtual(tmp_path / "a.cxi", {"first.h5": slice(0, 12), "second.h5": slice(14, 25)})
    with pytest.raises(DataError, match=r"a hole: 2 of 25 frames.*first \[12, 13\]"):
        open_measurement(path)


def test_frames_that_take_turns_are_no_hole(tmp_path: Path) -> None:
    path = virtual(tmp_path / "a.cxi", {"even.h5": slice(0, 25, 2), "odd.h5": slice(1, 25, 2)})
    np.testing.assert_array_equal(open_measurement(path).counts_nHW[:], counts_nHW())


def test_sources_of_sources_are_looked_at(tmp_path: Path) -> None:
    inner = virtual(tmp_path / "inner.cxi", HALVES)
    layout = h5py.VirtualLayout(SHAPE, np.uint16)
    layout[:] = h5py.VirtualSource(inner.name, PATTERNS, SHAPE)
    path = cxi(tmp_path / "outer.cxi", {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(PATTERNS, layout)
    np.testing.assert_array_equal(open_measurement(path).counts_nHW[:], counts_nHW())
    (tmp_path / "first.h5").unlink()
    with pytest.raises(DataError, match=r"inner\.cxi.*first\.h5"):
        open_measurement(path)


def test_gaps_between_modules_are_masked_and_told_of(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(SHAPE, np.int32)
    for rows in (slice(0, 14), slice(18, SIDE)):
        part = counts_nHW()[:, rows]
        put(tmp_path / f"module{rows.start}.h5", {"counts": part})
        source = h5py.VirtualSource(f"module{rows.start}.h5", "counts", part.shape)
        layout[:, rows] = source
    path = cxi(tmp_path / "a.cxi", {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(PATTERNS, layout, fillvalue=-1)
    measurement = open_measurement(path)
    assert np.flatnonzero(~measurement.mask_HW.all(axis=1)).tolist() == [14, 15, 16, 17]
    assert "gaps between modules" in measurement.notes[0].text


def test_positions_may_be_virtual(tmp_path: Path) -> None:
    name = f"{DATA}/translation"
    put(tmp_path / "motors.h5", {"x": xyz_m()[:, 0], "y": xyz_m()[:, 1]})
    layout = h5py.VirtualLayout((25, 3), np.float64)
    for column, axis in enumerate("xy"):
        layout[:, column] = h5py.VirtualSource("motors.h5", axis, (25,))
    path = cxi(tmp_path / "a.cxi", {name: None})
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset(name, layout, fillvalue=0)
    np.testing.assert_array_equal(open_measurement(path).positions_m, xyz_m()[:, 1::-1])
    (tmp_path / "motors.h5").unlink()
    with pytest.raises(DataError, match=r"translation: .*motors\.h5"):
        open_measurement(path)


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (h5py.ExternalLink("gone.h5", "/counts"), r"the file gone\.h5"),
        (h5py.SoftLink("/entry_1/gone"), "/entry_1/gone"),
    ],
)
@pytest.mark.parametrize("name", [PATTERNS, f"{DATA}/translation"])
def test_links_that_lead_nowhere_are_named(
    tmp_path: Path, link: object, says: str, name: str
) -> None:
    path = cxi(tmp_path / "a.cxi", {name: None})
    with h5py.File(path, "r+") as file:
        file[name] = link
    with pytest.raises(DataError, match=f"{name}: found a link that leads nowhere.*{says}"):
        open_measurement(path)


def test_a_circle_of_links_is_named(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        file[PATTERNS] = h5py.SoftLink("/entry_1/other")
        file["entry_1/other"] = h5py.SoftLink(f"/{PATTERNS}")
    with pytest.raises(DataError, match="leads nowhere"):
        open_measurement(path)


def test_a_link_to_another_file_is_followed(tmp_path: Path) -> None:
    put(tmp_path / "detector.h5", {"a/counts": counts_nHW()})
    path = cxi(tmp_path / "a.cxi", {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        file[PATTERNS] = h5py.ExternalLink("detector.h5", "/a/counts")
    np.testing.assert_array_equal(open_measurement(path).counts_nHW[:], counts_nHW())


def test_numbers_in_a_raw_file(tmp_path: Path) -> None:
    raw = tmp_path / "frames.raw"
    path = cxi(tmp_path / "a.cxi", {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        file.create_dataset(
            PATTERNS, data=counts_nHW(), external=[(str(raw), 0, counts_nHW().nbytes)]
        )
    np.testing.assert_array_equal(open_measurement(path).counts_nHW[:], counts_nHW())
    raw.write_bytes(raw.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"which has 5000 bytes.*frames\.raw"):
        open_measurement(path)
    raw.unlink()
    with pytest.raises(DataError, match=r"is missing.*frames\.raw"):
        open_measurement(path)


def test_frames_that_were_never_written_are_told_of(tmp_path: Path) -> None:
    path = cxi(tmp_path / "a.cxi", {PATTERNS: None})
    with h5py.File(path, "r+") as file:
        patterns = file.create_dataset(PATTERNS, SHAPE, np.uint16, chunks=(2, SIDE, SIDE))
        patterns[:18] = counts_nHW()[:18]
    (note,) = open_measurement(path).notes
    assert note.figures == {"frames": 7.0} and "18, 19" in note.text
