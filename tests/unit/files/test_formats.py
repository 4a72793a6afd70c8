"""Formats are what their registries list, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from exitwave.files.reconstruction import Measurement
from exitwave.files.result_formats import RESULT_WRITERS
from exitwave.files.scan_formats import SCAN_FORMATS, open_measurement, registry
from exitwave.files.scan_formats.protocol import ScanFormat
from exitwave.files.stored import StoredMeasurement
from exitwave.schema.geometry import Geometry
from exitwave.schema.result_formats import RESULT_FORMAT_TEXTS, ResultFormat


def test_result_formats_have_a_name_a_text_and_a_writer() -> None:
    assert list(RESULT_WRITERS) == list(get_args(ResultFormat)) == list(RESULT_FORMAT_TEXTS)


def test_result_files_can_be_told_apart() -> None:
    writers = RESULT_WRITERS.values()
    assert len({writer.suffix for writer in writers}) == len(writers)


def test_a_format_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the registry lists is opened, with no other line changed."""

    def read(path: Path, _: Any) -> StoredMeasurement:
        table = np.loadtxt(path, skiprows=1)
        return StoredMeasurement(
            counts_nHW=table[:, 2:].reshape(-1, 2, 2),
            positions_m=table[:, :2],
            geometry=Geometry(energy_eV=9e3, distance_m=1.0, detector_pixel_m=1e-4, sources={}),
        )

    toy = ScanFormat("toy", lambda path: path.read_bytes().startswith(b"TOY"), read)
    monkeypatch.setattr(registry, "SCAN_FORMATS", (toy, *SCAN_FORMATS))
    path = tmp_path / "a.toy"
    path.write_text("TOY\n0 1 5 6 7 8\n2 3 1 2 3 4\n")
    stored = open_measurement(path)
    assert isinstance(stored, StoredMeasurement)
    assert not isinstance(stored, Measurement)
    np.testing.assert_array_equal(stored.counts_nHW[1], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(stored.positions_m, [[0, 1], [2, 3]])
