"""Every file of a result tells what was judged of it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.support.verdicts import NO_PICTURE, PREPARATION, START
from tests.unit.api.made import after, made_job

from exitwave.api.jobs.result_files import read_result, write_result
from exitwave.files.reconstruction import Reconstruction
from exitwave.schema.errors import LayoutError
from exitwave.schema.job import JobState, Result, ScanRef
from exitwave.schema.result_formats import ResultFormat
from exitwave.schema.verdict import Verdict

JOB = made_job(state=JobState.SUCCEEDED, ended_at=after(60))


@pytest.fixture
def result() -> Reconstruction:
    y, x = np.indices((30, 40))
    return Reconstruction(
        object_MYX=np.exp(0.01j * (y + x))[None].astype(np.complex64),
        probe_NHW=np.ones((1, 16, 16), np.complex64),
        positions_px=np.array([[0.0, 0.0], [14.0, 24.0]]),
        positions_m=np.zeros((2, 2)),
        loss=np.ones(3),
        pixel_size_m=1e-8,
        verdict=NO_PICTURE,
        preparation=PREPARATION,
        start=START,
    )


def content(result: Reconstruction, format: ResultFormat, scan_id: int | None = None) -> bytes:
    scan = ScanRef(uid="7f0c", scan_id=scan_id, path="raw/7f0c")
    job = JOB.model_copy(update={"spec": JOB.spec.model_copy(update={"scan": scan})})
    with write_result(result, job, format).content as file:
        return file.read()


def test_a_picture_says_what_and_whose_it_is(result: Reconstruction) -> None:
    judged = Image.open(io.BytesIO(content(result, "png", 4711)))
    plain = Image.open(io.BytesIO(content(replace(result, verdict=None), "png")))
    assert judged.height > plain.height
    assert judged.text["Verdict"] == "no picture"
    assert judged.text["Scan"] == "4711 7f0c" and plain.text["Scan"] == "7f0c"
    assert judged.text["Job"] == "j1"
    assert judged.text["Creation Time"] == "Thu, 01 Jan 2026 00:01:00 +0000"
    assert "Verdict" not in plain.text


def test_a_tiff_says_so_too(result: Reconstruction) -> None:
    with tifffile.TiffFile(io.BytesIO(content(result, "tiff", 4711))) as file:
        found = file.imagej_metadata
    assert (found["verdict"], found["job"]) == ("no picture", "j1")


def test_the_zipped_tree_holds_the_verdict(result: Reconstruction) -> None:
    with zipfile.ZipFile(io.BytesIO(content(result, "npy", 4711))) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".json"))
        assert name == "recon_result/S4711/j1/recon_data/verdict.json"
        told = json.loads(archive.read(name))
        assert sum(name.endswith(".npy") for name in archive.namelist()) == 4
    assert Verdict.model_validate(told["verdict"]) == NO_PICTURE
    assert told.keys() == {"verdict", "preparation", "start"}


def test_the_named_arrays_hold_it_as_text(result: Reconstruction) -> None:
    with np.load(io.BytesIO(content(result, "npz"))) as arrays:
        assert Verdict.model_validate_json(str(arrays["verdict"])) == NO_PICTURE


class Nodes:
    """A Tiled with one node, of a layout to come."""

    async def metadata(self, path: str) -> dict[str, object]:
        return {"layout": 2, "where": path}


async def test_a_result_of_another_layout_is_refused() -> None:
    job = JOB.model_copy(update={"result": Result(node="ptycho/u/j1/a1", attempt=1, epochs=3)})
    with pytest.raises(LayoutError, match="ptycho/u/j1/a1 layout: found 2; expected 1") as told:
        await read_result(Nodes(), job)
    assert told.value.status == 500
