"""Results as files and as arrays."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.verdicts import DOUBTFUL, NO_PICTURE, PREPARATION, START
from tests.unit.client.http_server import KEY, Answer, job, problem, serving

from exitwave.client import AsyncClient
from exitwave.files.reconstruction import Reconstruction
from exitwave.files.result_formats.npz import write_npz
from exitwave.schema.errors import ExitwaveError, ResultNotFound, Unavailable
from exitwave.schema.result import JUDGED

NAMED = {"Content-Disposition": 'attachment; filename="../scan_7_j1.cxi"'}
DONE = job(
    "succeeded",
    result={
        "node": "ptycho/u/j1/1",
        "attempt": 1,
        "epochs": 2,
        "loss": 0.5,
        "quality": {"overlap": 0.7},
    },
)


def test_download_names_its_file_and_is_whole_or_not_there(tmp_path: Path) -> None:
    content = b"x" * 100_000
    lost = Answer(content, headers=NAMED, cut=True)
    with serving(Answer(content, headers=NAMED)) as server, server.client() as client:
        found = client.download("j1", "cxi", tmp_path)
    assert found == tmp_path / "scan_7_j1.cxi"
    assert found.read_bytes() == content
    broken = pytest.raises(Unavailable)
    with serving(answer_to=lambda _: lost) as server, server.client(0.1) as client, broken:
        client.download("j1", "cxi", tmp_path / "other.cxi")
    assert [path.name for path in tmp_path.iterdir()] == ["scan_7_j1.cxi"]


async def test_a_download_that_broke_off_begins_anew(tmp_path: Path) -> None:
    answers = [
        Answer(b"wrong" * 1000, headers=NAMED, cut=True),
        problem(503, "tiled-unavailable", "Tiled is away"),
        Answer(b"right", headers=NAMED),
    ]
    with serving(*answers, *answers) as server:
        with server.client() as client:
            assert (
                client.download("j1", "png", tmp_path / "a", "amplitude").read_bytes()
                == b"right"
            )
        async with AsyncClient(server.url, KEY) as client:
            path = await client.download("j1", "png", tmp_path / "b", "amplitude")
            assert path.read_bytes() == b"right"
    assert server.lines() == ["GET /api/v1/jobs/j1/result?format=png&plane=amplitude"] * 6


@pytest.fixture
def made() -> Reconstruction:
    object_MYX = np.arange(12 * 20).reshape(1, 12, 20) * np.complex64(1j)
    object_MYX[0, 0, 0] = np.nan
    return Reconstruction(
        object_MYX=object_MYX,
        probe_NHW=np.arange(128).reshape(2, 8, 8).astype(np.complex64),
        positions_px=np.array([[0.0, 0.0], [4.0, 12.0]]),
        positions_m=np.array([[1e-6, 2e-6], [3e-6, 4e-6]]),
        loss=np.array([1.0, 0.5]),
        pixel_size_m=1e-8,
    )


async def test_a_result_is_arrays_with_units(made: Reconstruction, tmp_path: Path) -> None:
    write_npz(tmp_path / "r.npz", made)
    content = (tmp_path / "r.npz").read_bytes()
    answers = [Answer(bytes(100_000), cut=True), Answer(content), Answer(DONE)]
    with serving(*answers, *answers) as server:
        with server.client() as client:
            found = client.result("j1")
        async with AsyncClient(server.url, KEY) as client:
            again = await client.result("j1")
    assert server.lines()[1:3] == [
        "GET /api/v1/jobs/j1/result?format=npz",
        "GET /api/v1/jobs/j1",
    ]
    for result in (found, again):
        for name in ("object_MYX", "probe_NHW", "positions_m", "positions_px", "loss"):
            np.testing.assert_array_equal(getattr(result, name), getattr(made, name))
        assert result.object_MYX.dtype == result.probe_NHW.dtype == np.complex64
        assert result.pixel_size_m == 1e-8
        assert result.quality is not None and result.quality.overlap == 0.7
        assert result.verdict is result.preparation is result.start is None
        assert result.job.id == "j1" and "not judged" in repr(result)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.pixel_size_m = 1.0  # type: ignore[misc]  # what must not work


def test_a_result_tells_what_was_judged(made: Reconstruction, tmp_path: Path) -> None:
    judged = dataclasses.replace(made, verdict=NO_PICTURE, preparation=PREPARATION, start=START)
    write_npz(tmp_path / "r.npz", judged)
    with (
        serving(Answer((tmp_path / "r.npz").read_bytes()), Answer(DONE)) as server,
        server.client() as client,
    ):
        found = client.result("j1")
    assert found.verdict == NO_PICTURE
    assert (found.preparation, found.start) == (PREPARATION, START)
    assert repr(found) == (
        "<result of job j1: no picture; object 1 x 12 x 20, probe 2 x 8 x 8, "
        "2 positions, 10 nm/px>"
    )


def test_a_file_of_an_earlier_service_leaves_the_verdict_to_the_record(
    made: Reconstruction, tmp_path: Path
) -> None:
    write_npz(tmp_path / "r.npz", made)
    with np.load(tmp_path / "r.npz") as arrays:
        kept = {name: arrays[name] for name in arrays if name not in JUDGED}
        assert len(kept) == len(arrays.files) - 3
    np.savez(tmp_path / "old.npz", **kept)
    record = json.loads(DONE)
    record["result"]["verdict"] = DOUBTFUL.model_dump()
    answers = Answer((tmp_path / "old.npz").read_bytes()), Answer(json.dumps(record))
    with serving(*answers) as server, server.client() as client:
        found = client.result("j1")
    assert found.verdict == DOUBTFUL
    assert found.preparation is found.start is None


def test_a_verdict_that_this_client_does_not_know_is_said_so(
    made: Reconstruction, tmp_path: Path
) -> None:
    write_npz(tmp_path / "r.npz", made)
    with np.load(tmp_path / "r.npz") as arrays:
        newer = dict(arrays) | {"verdict": np.array('{"verdict": "superb"}')}
    np.savez(tmp_path / "new.npz", **newer)
    answers = Answer((tmp_path / "new.npz").read_bytes()), Answer(DONE)
    other = pytest.raises(ExitwaveError, match="versions of client and service differ")
    with serving(*answers) as server, server.client() as client, other:
        client.result("j1")


@pytest.mark.parametrize("content", [b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_result_is_said_so(content: bytes) -> None:
    answers = Answer(content), Answer(DONE)
    other = pytest.raises(ExitwaveError, match="versions of client and service differ")
    with serving(*answers) as server, server.client() as client, other:
        client.result("j1")


def test_a_job_without_a_result() -> None:
    answer = problem(404, "result-not-found", "job j1 has no result; it is queued")
    without = pytest.raises(ResultNotFound, match="it is queued")
    with serving(answer) as server, server.client() as client, without:
        client.result("j1")


def test_without_numpy_the_package_to_install_is_named() -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from exitwave.client import Client\n"
        "from exitwave.schema.errors import UsageError\n"
        "try: Client('http://127.0.0.1:9', 'k').result('j1')\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install numpy" in done.stdout
