"""Worker processes against a real queue and a real Tiled: what they compute and write."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.integration.worker_bench import (
    ENDLESS,
    SHORT,
    WATCHED,
    Worker,
    played,
    uncut,
)
from tests.support.stack import (
    TiledServer,
    wait_until,
)
from tiled.client import from_uri

from exitwave.engine import InitialGuess
from exitwave.results import binned_planes
from exitwave.schema.job import Job, JobState, ScanRef, StartRef


def test_five_pictures_equal_the_engine_states_of_the_epochs_they_name(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer
) -> None:
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    job_id = worker.submit(scan, WATCHED)
    node = f"ptycho/{scan.uid}/{job_id}/a1"
    messages: dict[int, tuple[float, np.ndarray]] = {}

    def take(update: Any) -> None:
        messages[update.sequence] = (time.time(), np.array(update.data()))

    wait_until(lambda: "a1" in below(root, node), "node", log=worker.log)
    wait_until(lambda: "object" in below(root, f"{node}/live/object"), "picture")
    subscription = root[f"{node}/live/object"].subscribe()
    subscription.new_data.add_callback(take)
    subscription.start_in_thread(0)
    job = worker.until_ended(job_id)
    assert job.state == JobState.SUCCEEDED, job.failure
    assert job.result and job.result.node == node and job.result.epochs == 100
    assert job.progress and job.progress.epoch == 100
    rows = root[f"{node}/live/progress"].read()
    epoch_of = {int(row[5]): int(row[0]) for row in rows if row[5]}
    wait_until(lambda: len(messages) == len(epoch_of), "all messages", within_s=10)
    subscription.disconnect()

    in_time = [k for k, (at, _) in messages.items() if at < job.ended_at.timestamp()]
    assert len({messages[version][1].tobytes() for version in in_time}) >= 5
    np.testing.assert_array_equal(rows[:, 0], np.arange(1, 101))
    states = engine_states(job, tiled_server, set(epoch_of.values()))
    for version, epoch in epoch_of.items():
        amplitude, phase = messages[version][1]
        expected_amplitude, expected_phase = states[epoch]
        np.testing.assert_allclose(
            amplitude * np.exp(1j * phase),
            expected_amplitude * np.exp(1j * expected_phase),
            rtol=1e-5,
            atol=1e-5,
        )
    assert root[node].metadata["complete"] is True
    final = binned_planes(root[f"{node}/object"].read()[0]).planes_2hw
    seen = np.isfinite(states[100][0])
    np.testing.assert_allclose(final[0][seen], states[100][0][seen], rtol=1e-5, atol=1e-5)
    assert root[f"{node}/positions_m"].shape == (81, 2)
    assert list((worker.settings.data_dir / "spool").iterdir()) == []


FEW = {"frames": 15}
"""So few that nobody asks why so short a run is no good."""


def below(root: Any, path: str) -> list[str]:
    """Last key of a node that exists, else nothing."""
    try:
        root[path]
    except KeyError:
        return []
    return path.split("/")[-1:]


def engine_states(job: Job, tiled: TiledServer, epochs: set[int]) -> dict[int, np.ndarray]:
    """The binned states that the engine reaches when the job is done once more."""
    return {
        state.epoch: binned_planes(state.object_MYX()[0], state.illuminated_YX()).planes_2hw
        for state in uncut(job, tiled)
        if state.epoch in epochs
    }


def test_bad_jobs_fail_with_their_reason_and_the_next_one_runs(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer, tmp_path: Path
) -> None:
    truncated = played(tiled_server, tmp_path)
    frames = max((tiled_server.scans / truncated.uid).iterdir(), key=lambda p: p.stat().st_size)
    with frames.open("r+b") as file:
        file.truncate(frames.stat().st_size // 2)
    unknown = ScanRef(uid="deadbeef", path="raw/deadbeef")  # accepted while Tiled was away
    jobs = {
        worker.submit(unknown, SHORT): "scan-not-found",
        worker.submit(scan, {"probe_states": 0}): "recipe-invalid",
        worker.submit(scan, SHORT, crop_px=4096): "data-invalid",
        worker.submit(truncated, SHORT): "data-invalid",
    }
    good = worker.submit(ScanRef(uid=scan.uid[:13], path="raw/x"), SHORT, **FEW)
    for job_id, slug in jobs.items():
        job = worker.until_ended(job_id)
        assert job.state == JobState.FAILED and job.attempt == 1
        assert job.failure is not None and job.failure.slug == slug, job.failure
        assert "found" in job.failure.message or "no run" in job.failure.message
    job = worker.until_ended(good)
    assert job.state == JobState.SUCCEEDED, job.failure
    assert job.result and job.result.node == f"ptycho/{scan.uid}/{good}/a1"
    assert h5py.is_hdf5(frames)  # the file's beginning was sound: only reading can tell


def test_a_run_that_diverges_fails_and_its_last_good_epoch_is_kept(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer
) -> None:
    stages = [{"epochs": 2}, {"epochs": 4, "object_rate": 10, "probe_rate": 10}]
    job = worker.until_ended(worker.submit(scan, {"stages": stages}, **FEW))
    assert job.state == JobState.FAILED and job.failure is not None
    assert job.failure.slug == "diverged"
    assert "epoch 3: " in job.failure.message
    assert "epoch 2, the last good one, is kept in ptycho/" in job.failure.message
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    node = root[job.failure.message.split(" is kept in ")[1]]
    assert node.metadata["complete"] is False and node.metadata["epoch"] == 2
    assert np.isfinite(node["object"].read()).all()


def test_live_work_goes_first_and_stop_keeps_what_there_is(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer
) -> None:
    batch = worker.submit(scan, ENDLESS)
    worker.until_computing(batch)
    live = worker.submit(scan, SHORT, priority=0, **FEW)
    assert worker.until_ended(live).state == JobState.SUCCEEDED
    job = worker.until_computing(batch, attempt=2)
    assert (job.preemptions, job.lost) == (1, 0)
    assert job.progress.resumed_from.epoch == job.attempts[0].progress.epoch

    worker.ledger.stop(batch)
    job = worker.until_ended(batch)
    assert job.state == JobState.SUCCEEDED and job.result, job.failure
    assert job.result.complete is False and job.result.epochs < 100_000
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    node = root[job.result.node]
    assert node.metadata["complete"] is False
    assert node.metadata["epoch"] == job.result.epochs
    assert np.isfinite(node["object"].read()).all()


def test_a_job_begins_with_the_result_of_another(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer
) -> None:
    first = worker.until_ended(worker.submit(scan, SHORT, **FEW))
    start = StartRef(job_id=first.id, attempt=1, node=first.result.node)
    job = worker.until_ended(worker.submit(scan, SHORT, start=start, **FEW))
    assert job.state == JobState.SUCCEEDED, job.failure
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    begins = InitialGuess(
        object_MYX=root[first.result.node]["object"].read(),
        probe_NHW=root[first.result.node]["probe"].read(),
    )
    *_, last = uncut(job, tiled_server, begins)
    np.testing.assert_array_equal(root[job.result.node]["object"].read(), last.object_MYX())

    cropped = worker.until_ended(worker.submit(scan, SHORT, start=start, crop_px=48))
    assert cropped.failure and cropped.failure.slug == "data-invalid"
    assert "pixels of" in cropped.failure.message
    gone = start.model_copy(update={"node": f"ptycho/{scan.uid}/gone/a1"})
    lost = worker.until_ended(worker.submit(scan, SHORT, start=gone))
    assert lost.failure and "gone/a1; expected one with object" in lost.failure.message


def test_the_agent_is_light_and_listed(worker: Worker) -> None:
    assert "torch" not in Path(f"/proc/{worker.process.pid}/maps").read_text()
    assert "torch" in Path(f"/proc/{worker.engine_pid()}/maps").read_text()
    (info,) = worker.ledger.workers()
    assert info.state in {"idle", "busy"} and info.device == "cpu (1 thread)"
