"""Worker processes against a real queue and a real Tiled, killed and stopped for real."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
from tests.faults.proxy import proxy_to
from tests.integration.processes import children, is_there
from tests.integration.worker_bench import (
    ENDLESS,
    LASTING,
    RESUMED,
    Worker,
    undisturbed,
    working,
)
from tests.support.stack import (
    TiledServer,
    wait_until,
)
from tiled.client import from_uri

from exitwave.schema.job import Job, JobState, ScanRef


def test_a_killed_engine_costs_an_attempt_and_few_epochs(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer
) -> None:
    job_id = worker.submit(scan, RESUMED)
    first = until_kept(worker, job_id, attempt=1)
    os.kill(worker.engine_pid(), signal.SIGKILL)
    second = until_kept(worker, job_id, attempt=2)
    assert "SIGKILL" in second.attempts[0].reason
    assert second.progress.resumed_from.attempt == 1
    assert second.progress.resumed_from.epoch >= first.progress.checkpoint.epoch

    worker.until(job_id, lambda job: len(checkpoints(worker, job_id)) == 2)
    os.kill(worker.engine_pid(), signal.SIGKILL)
    newest, before = checkpoints(worker, job_id)
    newest.write_bytes(newest.read_bytes()[:-5000])
    job = worker.until_ended(job_id)
    assert job.state == JobState.SUCCEEDED and job.attempt == 3, job.failure
    assert f"{newest.stem} skipped: " in job.progress.note
    assert before.stem.endswith(f"-e{job.progress.resumed_from.epoch:06d}")
    folder = worker.settings.data_dir / "checkpoints"
    wait_until(lambda: not list(folder.iterdir()), "checkpoints to go", within_s=10)

    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    node = root[job.result.node]
    np.testing.assert_array_equal(node["object"].read(), undisturbed(job, tiled_server))
    np.testing.assert_array_equal(node["live/progress"].read()[:, 0], np.arange(1, 201))


def until_kept(worker: Worker, job_id: str, attempt: int) -> Job:
    """Wait for a checkpoint of this attempt."""
    return worker.until(
        job_id,
        lambda job: (
            job.attempt == attempt
            and job.progress
            and job.progress.checkpoint
            and job.progress.checkpoint.attempt == attempt
        ),
    )


def checkpoints(worker: Worker, job_id: str) -> list[Path]:
    """Newest first."""
    folder = worker.settings.data_dir / "checkpoints" / job_id
    return sorted(folder.glob("*.npz"), reverse=True)


def test_a_hung_engine_is_killed(worker: Worker, scan: ScanRef) -> None:
    job_id = worker.submit(scan, ENDLESS)
    worker.until_computing(job_id)
    os.kill(worker.engine_pid(), signal.SIGSTOP)
    job = worker.until_computing(job_id, attempt=2)
    assert "no progress" in job.attempts[0].reason
    worker.ledger.cancel(job_id)
    assert worker.until_ended(job_id).state == JobState.CANCELLED


def test_a_killed_agent_takes_its_engine_along_and_another_worker_takes_over(
    tiled_server: TiledServer, valkey_uri: str, scan: ScanRef, tmp_path: Path
) -> None:
    prefix = f"w{uuid4().hex[:8]}"
    with working(tiled_server, valkey_uri, tmp_path / "a", prefix) as first:
        job_id = first.submit(scan, ENDLESS)
        first.until_computing(job_id)
        engine = first.engine_pid()
        first.process.kill()
        first.process.wait()
        wait_until(lambda: not is_there(engine), "engine to end", within_s=2)
    with working(tiled_server, valkey_uri, tmp_path / "b", prefix) as second:
        # The lease has run out, or does soon.
        job = second.until_computing(job_id, attempt=2)
        assert job.attempts[0].outcome == "lost" and "silent" in job.attempts[0].reason

        # Told to stop, a worker gives its job back and leaves nothing behind.
        family = [second.process.pid, *children(second.process.pid)]
        second.process.terminate()
        assert second.process.wait(3) == 0
        wait_until(lambda: not any(map(is_there, family)), "family", within_s=2)
        job = second.ledger.get(job_id)
        assert job.state == JobState.QUEUED and job.attempts[1].outcome == "preempted"
        assert not [w for w in second.ledger.workers() if w.name.endswith(f"-{family[0]}")]


def test_tiled_away_a_result_outlives_its_engine_and_a_cancel_is_heard(
    tiled_server: TiledServer, valkey_uri: str, scan: ScanRef, tmp_path: Path
) -> None:
    spool = tmp_path / "worker" / "spool"
    with proxy_to(tiled_server.uri.removeprefix("http://")) as link:
        settings = tiled_server.settings.model_copy(update={"uri": f"http://{link.address}"})
        tiled = replace(tiled_server, uri=settings.uri, settings=settings)
        with working(tiled, valkey_uri, tmp_path / "worker") as worker:
            unwanted, job_id = worker.submit(scan, LASTING), worker.submit(scan, LASTING)

            def until_spooled(job_id: str) -> None:
                worker.until_computing(job_id)
                link.cut()
                worker.until(job_id, lambda job: job.progress.phase == "writing")
                wait_until(lambda: list(spool.glob(f"{job_id}-a1.npz")), "spool")

            until_spooled(unwanted)
            worker.ledger.cancel(unwanted)
            assert worker.until_ended(unwanted).state == JobState.CANCELLED
            assert not list(spool.iterdir())

            link.mend()
            until_spooled(job_id)
            os.kill(worker.engine_pid(), signal.SIGKILL)
            worker.until(job_id, lambda job: job.attempt == 2)
            link.mend()
            job = worker.until_ended(job_id)
        assert job.state == JobState.SUCCEEDED and job.attempt == 2, job.failure
        assert "attempt 1 had computed the result" in job.progress.note
        assert not list(spool.iterdir())
    node = from_uri(tiled_server.uri, api_key=tiled_server.api_key)[job.result.node]
    assert node.metadata["attempt"] == 2 and node.metadata["complete"] is True
    np.testing.assert_array_equal(node["object"].read(), undisturbed(job, tiled_server))
    rows = node["live/progress"].read()
    np.testing.assert_array_equal(rows[:, 0], np.arange(1, 81))
    assert rows[-1, 5] == 1 and node["live/object"].metadata["epoch"] == 80
