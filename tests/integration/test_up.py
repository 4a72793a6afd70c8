"""`exitwave up` as a user meets it: real processes, signals, restarts."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

from tests.support.stack import (
    Stack,
    clean_environment,
    free_port,
    run_cli,
    running_up,
    short_scan,
    wait_until,
)

from exitwave import processes
from exitwave.schema.job import JobState
from exitwave.simulated_beamline.play import play


def test_a_second_up_on_the_same_directory_is_refused(stack: Stack) -> None:
    port = str(free_port())
    second = stack.cli("up", "--data-dir", str(stack.data_dir), "--port", port)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert str(stack.data_dir) in second.stderr
    with stack.client() as client:
        assert client.jobs(limit=1) is not None, "the first one still runs"


def test_a_port_in_use_is_refused(stack: Stack, tmp_path: Path) -> None:
    port = str(stack.settings.api.port)
    second = stack.cli("up", "--data-dir", str(tmp_path / "other"), "--port", port)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert port in second.stderr


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused = run_cli("up", "--data-dir", str(tmp_path / "file" / "d"), env=clean_environment())
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert str(tmp_path / "file" / "d") in refused.stderr


def test_secrets_are_for_this_user_only_and_in_no_log(stack: Stack) -> None:
    for name in ("api.key", "service.yaml", "lock"):
        assert stat.S_IMODE((stack.data_dir / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.data_dir.stat().st_mode) == 0o700
    logs = "".join(log.read_text() for log in (stack.data_dir / "logs").glob("*.log"))
    assert logs
    assert stack.api_key not in logs
    assert stack.settings.tiled.api_key.get_secret_value() not in logs


def test_doctor_finds_everything_well(stack: Stack) -> None:
    found = stack.cli("doctor", "--json")
    assert found.returncode == 0, found.stdout
    assert [f["part"] for f in json.loads(found.stdout)] == [
        "key", "Tiled", "queue", "worker", "GPU", "data",
    ]  # fmt: skip


def test_doctor_names_what_is_wrong(stack: Stack) -> None:
    env = {**stack.env, "EXITWAVE__TILED__URI": f"http://127.0.0.1:{free_port()}"}
    found = run_cli("doctor", "--json", env=env)
    assert found.returncode == 1
    assert [f["part"] for f in json.loads(found.stdout) if not f["ok"]] == ["Tiled"]


def test_a_killed_worker_is_started_again(stack: Stack) -> None:
    (before,) = stack.workers()
    for pid in stack.pids("worker"):
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: {w.name for w in stack.workers() if w.state == "idle"} - {before.name},
        "another worker",
    )


FRAMES = 15
"""So few that nobody asks why so short a run is no good."""

QUICK = {
    "recipe.stages.0.epochs": 2,
    "recipe.stages.1.below_overlap": -10,  # never
    "recipe.stages.2.epochs": 1,
    "recipe.stages.3.epochs": 1,
}


LEASE = {"EXITWAVE__LEDGER__LEASE_S": "4"}
"""The job of the killed worker waits no longer than that for another one."""


def test_everything_comes_back_after_the_supervisor_was_killed(
    tmp_path: Path, closed_tiled_clients: None
) -> None:
    with running_up(tmp_path, **LEASE) as first, first.client() as client:
        file = short_scan(tmp_path / "s.cxi", FRAMES)
        scan = play(first.settings, scan_file=file, duration_s=0.1)
        wait_until(lambda: client.jobs(scan=scan.uid).jobs, "the trigger's job")
        (triggered,) = client.jobs(scan=scan.uid).jobs
        client.cancel(triggered.id)
        done = client.wait(client.submit(scan.uid, overrides=QUICK).id, timeout_s=90)
        assert done.state is JobState.SUCCEEDED
        unfinished = client.submit(scan.uid, overrides=QUICK)
        first.process.kill()
        first.process.wait()
        wait_until(lambda: not processes.survivors(first.data_dir), "all ended", within_s=10)
    with (
        running_up(tmp_path, wait_for_worker=False, **LEASE) as second,
        second.client() as client,
    ):
        assert second.api_key == first.api_key
        found = {job.id: job for job in client.jobs().jobs}
        assert set(found) == {triggered.id, done.id, unfinished.id}
        assert found[done.id] == done
        assert client.download(done.id, "png", tmp_path).read_bytes()[1:4] == b"PNG"
        assert client.wait(unfinished.id, timeout_s=120).state is JobState.SUCCEEDED
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(10) == 0
        assert processes.survivors(second.data_dir) == []
