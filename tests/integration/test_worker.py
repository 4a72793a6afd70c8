"""Worker processes against a real queue and a real Tiled, killed and stopped for real."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np
import pytest
import torch
from tests.faults.proxy import proxy_to
from tests.integration.processes import children, command_line, is_there
from tests.stack import (
    TiledServer,
    clean_environment,
    exitwave,
    running,
    running_valkey,
    wait_until,
)
from tiled.client import from_uri

from exitwave.beamline.play import play
from exitwave.beamline.simulate import simulate
from exitwave.engine import EpochState, StartingPoint, reconstruct
from exitwave.files.cxi import write_measurement
from exitwave.files.reconstruction import Measurement
from exitwave.ledger import Ledger
from exitwave.prepare import build_dataset
from exitwave.results import binned_planes
from exitwave.scans import TiledScans, load_profile
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import Job, JobSpec, JobState, ScanRef, StartRef
from exitwave.schema.recipe import recipe_from_mapping
from exitwave.settings.recipes import load_recipe
from exitwave.settings.service import Settings

WATCHED = {"stages": [{"epochs": 60, "batches": [0.02]}, {"epochs": 40, "batches": [0.1]}]}
ENDLESS = {"stages": [{"epochs": 100_000}]}
SHORT = {"stages": [{"epochs": 3}]}
LASTING = {"stages": [{"epochs": 80, "batches": [0.1]}]}
RESUMED = {"stages": [{"epochs": 200, "batches": [0.1]}]}


@dataclass
class Worker:
    """A worker process with a queue of its own."""

    process: subprocess.Popen[bytes]
    ledger: Ledger
    settings: Settings
    log: Path

    def engine_pid(self) -> int:
        """Of its children the one that computes: the other is multiprocessing's own."""
        (pid,) = [p for p in children(self.process.pid) if "spawn_main" in command_line(p)]
        return pid

    def submit(
        self,
        scan: ScanRef,
        recipe: dict[str, Any],
        priority: int = 5,
        start: StartRef | None = None,
        **data: Any,
    ) -> str:
        whole = {**load_recipe("default"), **recipe}
        spec = JobSpec(scan=scan, recipe=whole, data=data, priority=priority, start=start)
        return self.ledger.submit(spec, owner="tests", idempotency_key=None)[0].id

    def until(self, job_id: str, what: Callable[[Job], object], within_s: float = 120) -> Job:
        wait_until(
            lambda: what(self.ledger.get(job_id)), "job", within_s=within_s, log=self.log
        )
        return self.ledger.get(job_id)

    def until_ended(self, job_id: str) -> Job:
        return self.until(job_id, lambda job: job.state.terminal)

    def until_computing(self, job_id: str, attempt: int = 1) -> Job:
        return self.until(
            job_id,
            lambda job: job.attempt == attempt and job.progress and job.progress.epoch > 0,
        )


@contextmanager
def working(
    tiled: TiledServer, valkey_uri: str, folder: Path, prefix: str = "", **more: str
) -> Iterator[Worker]:
    """A ready worker. `more`: further settings, such as WORKER__STALL_S."""
    folder.mkdir(exist_ok=True)
    values = {
        "LEDGER__URI": valkey_uri,
        "LEDGER__PREFIX": prefix or f"w{uuid4().hex[:8]}",
        "LEDGER__LEASE_S": "3",
        "LEDGER__MAX_LOST": "5",
        "LEDGER__MIN_RUN_S": "0",
        "TILED__URI": tiled.uri,
        "TILED__API_KEY": tiled.api_key,
        "WORKER__BEAT_S": "0.3",
        "WORKER__PUBLISH_S": "0.2",
        "WORKER__CHECKPOINT_S": "0.5",
        **more,
    }
    settings = Settings.model_validate(
        {
            "data_dir": folder,
            "ledger": {
                "uri": valkey_uri,
                "prefix": values["LEDGER__PREFIX"],
                "lease_s": 3,
                "min_run_s": 0,
                "max_lost": 5,
            },
            "tiled": tiled.settings.model_dump(),
        }
    )
    env = clean_environment(
        # One thread: the same sums in the same order wherever the test repeats them.
        OMP_NUM_THREADS="1",
        EXITWAVE__DATA_DIR=str(folder),
        **{f"EXITWAVE__{name}": value for name, value in values.items()},
    )
    log = folder / "worker.log"
    with (
        Ledger(settings.ledger) as ledger,
        running(exitwave("worker"), owner=folder, env=env, log=log) as process,
    ):
        wait_until(
            lambda: process.poll() is not None or [w for w in ledger.workers() if w.device],
            "worker",
            log=log,
        )
        assert process.poll() is None, log.read_text()
        yield Worker(process, ledger, settings, log)


class Queue:
    """A Valkey that can be taken away; what it holds is on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: AbstractContextManager[str] | None = None

    def start(self) -> str:
        self._server = running_valkey(self._folder)
        return self._server.__enter__()

    def stop(self) -> None:
        if self._server is not None:
            self._server.__exit__(None, None, None)
        self._server = None


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    queue = Queue(tmp_path_factory.mktemp("queue"))
    yield queue
    queue.stop()


@pytest.fixture(scope="module")
def worker(
    tiled_server: TiledServer, queue: Queue, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("worker")
    patience = {"WORKER__STALL_S": "12", "WORKER__CANCEL_GRACE_S": "4"}
    with working(tiled_server, queue.start(), folder, **patience) as one:
        yield one


@pytest.fixture(scope="module")
def scan(tiled_server: TiledServer, tmp_path_factory: pytest.TempPathFactory) -> ScanRef:
    """A simulated scan of 81 patterns that a RunEngine has played into Tiled."""
    return played(tiled_server, tmp_path_factory.mktemp("scan"))


def played(tiled: TiledServer, folder: Path) -> ScanRef:
    simulated = simulate(0.6, 1e5, 1, grid=9)
    write_measurement(
        folder / "simulated.cxi",
        Measurement(
            counts_nHW=simulated.patterns_nHW,
            positions_m=simulated.positions_px * simulated.pixel_size_m,
            geometry=Geometry(
                energy_eV=simulated.energy_eV,
                distance_m=simulated.distance_m,
                detector_pixel_m=simulated.detector_pixel_m,
                sources={},
            ),
        ),
    )
    settings = Settings.model_validate(
        {"data_dir": tiled.data_dir, "tiled": tiled.settings.model_dump()}
    )
    uid = play(settings, scan_file=folder / "simulated.cxi", rate_hz=500).uid
    scans = TiledScans(tiled.settings, load_profile("hxn"))
    return scans.check(uid, data_from_mapping({}), geometry_from_mapping({}))


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


def uncut(
    job: Job, tiled: TiledServer, start: StartingPoint | None = None
) -> Iterator[EpochState]:
    """The job done once more, here."""
    spec = job.spec
    scan = TiledScans(tiled.settings, load_profile("hxn")).open(spec.scan.uid)
    geometry = scan.geometry(geometry_from_mapping(spec.geometry))
    prepared = build_dataset(scan, data_from_mapping(spec.data), geometry)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recipe = recipe_from_mapping(spec.recipe)
        yield from reconstruct(prepared.dataset, recipe, start, device="cpu")
    finally:
        torch.set_num_threads(threads)


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
    good = worker.submit(ScanRef(uid=scan.uid[:13], path="raw/x"), SHORT)
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
    job = worker.until_ended(worker.submit(scan, {"stages": stages}))
    assert job.state == JobState.FAILED and job.failure is not None
    assert job.failure.slug == "diverged"
    assert "epoch 3: " in job.failure.message
    assert "epoch 2, the last good one, is kept in ptycho/" in job.failure.message
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    node = root[job.failure.message.split(" is kept in ")[1]]
    assert node.metadata["complete"] is False and node.metadata["epoch"] == 2
    assert np.isfinite(node["object"].read()).all()


def test_cancelled_in_the_middle_of_a_run(worker: Worker, scan: ScanRef) -> None:
    job_id = worker.submit(scan, ENDLESS)
    worker.until_computing(job_id)
    engine = worker.engine_pid()
    worker.ledger.cancel(job_id)
    job = worker.until_ended(job_id)
    assert job.state == JobState.CANCELLED and job.attempts[-1].outcome == "cancelled"
    assert worker.until_ended(worker.submit(scan, SHORT)).state == JobState.SUCCEEDED
    assert worker.engine_pid() == engine  # it stopped by itself and stays warm


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


def undisturbed(job: Job, tiled: TiledServer) -> np.ndarray:
    """The object of a run that nothing has cut short."""
    *_, last = uncut(job, tiled)
    return last.object_MYX()


def test_live_work_goes_first_and_stop_keeps_what_there_is(
    worker: Worker, scan: ScanRef, tiled_server: TiledServer
) -> None:
    batch = worker.submit(scan, ENDLESS)
    worker.until_computing(batch)
    live = worker.submit(scan, SHORT, priority=0)
    assert worker.until_ended(live).state == JobState.SUCCEEDED
    job = worker.until_computing(batch, attempt=2)
    assert (job.yields, job.lost) == (1, 0)
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
    first = worker.until_ended(worker.submit(scan, SHORT))
    start = StartRef(job_id=first.id, attempt=1, node=first.result.node)
    job = worker.until_ended(worker.submit(scan, SHORT, start=start))
    assert job.state == JobState.SUCCEEDED, job.failure
    root = from_uri(tiled_server.uri, api_key=tiled_server.api_key)
    begins = StartingPoint(
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


def test_a_hung_engine_is_killed(worker: Worker, scan: ScanRef) -> None:
    job_id = worker.submit(scan, ENDLESS)
    worker.until_computing(job_id)
    os.kill(worker.engine_pid(), signal.SIGSTOP)
    job = worker.until_computing(job_id, attempt=2)
    assert "no progress" in job.attempts[0].reason

    hung = worker.engine_pid()
    os.kill(hung, signal.SIGSTOP)
    worker.ledger.cancel(job_id)
    assert worker.until_ended(job_id).state == JobState.CANCELLED
    assert not is_there(hung)


def test_the_queue_goes_away_and_the_run_goes_on(
    worker: Worker, queue: Queue, scan: ScanRef
) -> None:
    job_id = worker.submit(scan, ENDLESS)
    before = worker.until_computing(job_id)
    queue.stop()
    time.sleep(4)  # longer than a lease
    queue.start()
    worker.until(job_id, lambda job: job.progress.epoch > before.progress.epoch)
    worker.ledger.cancel(job_id)
    job = worker.until_ended(job_id)
    assert job.state == JobState.CANCELLED and job.attempt == 1


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
        assert job.state == JobState.QUEUED and job.attempts[1].outcome == "yielded"
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
