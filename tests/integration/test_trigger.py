"""The trigger: real Tiled, real runs by a RunEngine, real API and ledger."""

from __future__ import annotations

import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis
from tests.ledger_client import Ledger
from tests.support import stack as servers
from tiled.client import from_uri
from tiled.structures.core import Spec

from exitwave.client import Client
from exitwave.schema.job import Job
from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import PlayedScan, play

PREFIX = "trigger-tests"
KEY = "k" * 32
HASTY = """
from exitwave.client import Client
from tests.ledger_client import Ledger
from exitwave.runtime.logs import configure_logging
from exitwave.settings.service import load_settings
from exitwave.triggers.registry import make_source
from exitwave.triggers.submitter import Submitter
from exitwave.triggers.trigger import Trigger

configure_logging("info")
settings, submitter = load_settings(), Submitter(Client(retry_timeout_s=1.0))
Trigger("tiled", make_source(settings), submitter, Ledger(settings.ledger)).run_for_ever()
"""
"""The trigger with a client that soon gives up."""


@dataclass(frozen=True)
class Bench:
    """An API without workers, and a beamline."""

    settings: Settings
    client: Client
    env: dict[str, str]
    folder: Path
    scan_file: Path

    def play(self, abort_after_frames: int | None = None) -> PlayedScan:
        return play(
            self.settings,
            scan_file=self.scan_file,
            duration_s=0.1,
            abort_after_frames=abort_after_frames,
        )

    def jobs(self, uid: str) -> list[Job]:
        return self.client.jobs(scan=uid).jobs

    def wait_for_job(self, uid: str) -> Job:
        servers.wait_until(lambda: self.jobs(uid), f"a job for {uid}", log=self.log)
        (job,) = self.jobs(uid)
        return job

    @property
    def log(self) -> Path:
        return self.folder / "trigger.log"

    def log_lines(self, *words: str) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.is_file() else []
        return [line for line in lines if all(word in line for word in words)]

    @contextmanager
    def trigger(self, argv: Sequence[str] = servers.exitwave("trigger")) -> Iterator[None]:
        """A trigger process; it is killed at the end, as by a crash."""
        with servers.running([*argv], owner=self.folder, env=self.env, log=self.log) as process:
            with Ledger(self.settings.ledger) as ledger:
                servers.wait_until(
                    lambda: ledger.trigger_cursor("tiled"), "cursor", log=self.log
                )
            yield
            process.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, valkey_uri: str, tiled_server: servers.TiledServer
) -> Iterator[Bench]:
    folder, port = tmp_path_factory.mktemp("trigger"), servers.free_port()
    settings = Settings.model_validate(
        {
            "data_dir": tiled_server.data_dir,
            "tiled": tiled_server.settings,
            "ledger": {"uri": valkey_uri, "prefix": PREFIX},
            "api": {"port": port},
        }
    )
    url = f"http://127.0.0.1:{port}"
    env = servers.clean_environment(
        EXITWAVE__LEDGER__URI=valkey_uri,
        EXITWAVE__LEDGER__PREFIX=PREFIX,
        EXITWAVE__TILED__URI=tiled_server.uri,
        EXITWAVE__TILED__API_KEY=tiled_server.api_key,
        EXITWAVE__API__PORT=str(port),
        EXITWAVE_URL=url,
        EXITWAVE_API_KEY=KEY,
        XDG_STATE_HOME=str(folder),
    )
    owner, log = folder / "api", folder / "api.log"
    with servers.running(servers.exitwave("api"), owner=owner, env=env, log=log):
        servers.wait_until(lambda: servers.answers(f"{url}/readyz"), "api", log=log)
        with Client(url, KEY) as client:
            yield Bench(settings, client, env, folder, servers.short_scan(folder / "scan.cxi"))


@pytest.fixture
def bench(api: Bench) -> Iterator[Bench]:
    """A trigger that never ran before, and a log without lines."""
    uri = api.settings.ledger.uri.get_secret_value()
    with redis.Redis.from_url(uri) as client:
        for key in client.scan_iter(f"{{{PREFIX}}}*"):
            client.delete(key)
    api.log.unlink(missing_ok=True)
    yield api


def test_one_job_for_each_run_that_ends_well(bench: Bench) -> None:
    before = bench.play()
    with bench.trigger():
        played = bench.play()
        job = bench.wait_for_job(played.uid)
    assert job.spec.priority == 0
    assert job.spec.tags == ["trigger"]
    assert job.spec.recipe["name"] == "default"
    assert bench.jobs(before.uid) == [], "it ended before the trigger's first start"


def test_a_restarted_trigger_catches_up_and_repeats_nothing(bench: Bench) -> None:
    with bench.trigger():
        first = bench.play()
        job = bench.wait_for_job(first.uid)
    missed = bench.play()
    with bench.trigger():
        bench.wait_for_job(missed.uid)
        later = bench.play()
        bench.wait_for_job(later.uid)
    assert [found.id for found in bench.jobs(first.uid)] == [job.id]
    assert len(bench.jobs(missed.uid)) == 1


def test_what_cannot_be_reconstructed_is_skipped_with_its_reason(bench: Bench) -> None:
    with bench.trigger():
        aborted = bench.play(abort_after_frames=26)
        empty = _run_without_frames(bench.settings)
        good = bench.play()
        bench.wait_for_job(good.uid)
        assert bench.log_lines("run.skipped", aborted.uid, "exit_status=abort")
        assert bench.log_lines("run.skipped", empty, "kind=data-invalid")
    assert bench.jobs(aborted.uid) == []
    assert bench.jobs(empty) == []


def test_a_run_is_not_forgotten_while_the_api_is_away(bench: Bench) -> None:
    nowhere = {**bench.env, "EXITWAVE_URL": f"http://127.0.0.1:{servers.free_port()}"}
    lonely = replace(bench, env=nowhere)
    with lonely.trigger([sys.executable, "-c", HASTY]):
        played = bench.play()
        servers.wait_until(lambda: bench.log_lines("trigger.waiting"), "a try", log=bench.log)
    with bench.trigger():
        bench.wait_for_job(played.uid)


def _run_without_frames(settings: Settings) -> str:
    uid, now = str(uuid.uuid4()), time.time()
    key = settings.tiled.api_key.get_secret_value()
    raw = from_uri(f"{settings.tiled.uri}/api/v1", api_key=key)[settings.tiled.raw]
    run = raw.create_container(
        key=uid,
        specs=[Spec("BlueskyRun", version="3.0")],
        metadata={"start": {"uid": uid, "time": now, "scan_id": 77}},
    )
    stop = {"run_start": uid, "time": now + 0.1, "exit_status": "success", "reason": ""}
    run.update_metadata({"stop": stop})
    return uid
