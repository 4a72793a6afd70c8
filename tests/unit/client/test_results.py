"""Results as files and as arrays."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.unit.client.http_server import KEY, Answer, job, problem, serving

from exitwave.client import AsyncClient
from exitwave.files.npz import write_npz
from exitwave.files.reconstruction import Reconstruction
from exitwave.schema.errors import ExitwaveError, ResultNotFound, Unavailable

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
        assert result.job.id == "j1"
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.pixel_size_m = 1.0  # type: ignore[misc]  # what must not work


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
