"""What was judged of a result comes back from its CXI file, and other readers find the word."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.support.verdicts import NO_PICTURE, PREPARATION, START

from exitwave.files.cxi import read_reconstruction, write_reconstruction
from exitwave.files.reconstruction import Reconstruction
from exitwave.schema.errors import DataError

JUDGED = ("verdict", "preparation", "start")


@pytest.fixture
def result() -> Reconstruction:
    return Reconstruction(
        object_MYX=np.ones((1, 12, 20), np.complex64),
        probe_NHW=np.ones((1, 8, 8), np.complex64),
        positions_px=np.array([[0.0, 0.0], [4.0, 12.0]]),
        positions_m=np.zeros((2, 2)),
        loss=np.ones(1),
        pixel_size_m=1e-8,
        verdict=NO_PICTURE.model_copy(update={"figures": {"ratio": math.inf}}),
        preparation=PREPARATION,
        start=START,
    )


def test_it_comes_back_and_the_word_stands_alone(
    result: Reconstruction, tmp_path: Path
) -> None:
    write_reconstruction(tmp_path / "r.cxi", result)
    found = read_reconstruction(tmp_path / "r.cxi")
    for name in JUDGED:
        assert getattr(found, name) == getattr(result, name)
    with h5py.File(tmp_path / "r.cxi") as file:
        assert file["exitwave/verdict"].asstr()[()] == "no picture"


def test_of_a_result_that_nobody_judged_there_is_nothing(
    result: Reconstruction, tmp_path: Path
) -> None:
    plain = replace(result, verdict=None, preparation=None, start=None)
    write_reconstruction(tmp_path / "r.cxi", plain)
    found = read_reconstruction(tmp_path / "r.cxi")
    assert found.verdict is found.preparation is found.start is None
    with h5py.File(tmp_path / "r.cxi") as file:
        assert "verdict" not in file["exitwave"]
        assert not set(JUDGED) & set(file["exitwave"].attrs)


@pytest.mark.parametrize("text", ["{", '{"verdict": "superb"}', "[]"])
def test_what_is_no_verdict_is_named(result: Reconstruction, tmp_path: Path, text: str) -> None:
    write_reconstruction(tmp_path / "r.cxi", result)
    with h5py.File(tmp_path / "r.cxi", "a") as file:
        file["exitwave"].attrs["verdict"] = text
    with pytest.raises(DataError, match="attribute verdict"):
        read_reconstruction(tmp_path / "r.cxi")
