"""A whole service whose every part a test may kill, freeze, cut off and start again.

    with running_service(folder) as service:
        service.tick()                            # or service.api(), which ticks as well
        worker = service.worker("w1")
        job = service.submit(tags=["seconds:5"])
        worker.kill()                             # the whole tree, SIGKILL
        worker.start()
        service.until_ended([job])
        service.executions()                      # what the engines really did

All are real processes: `exitwave worker` with the fake engine unless `body` says otherwise, the
API, and a Valkey with its append-only file. Call it from the main thread: children die with
the thread that started them. Everything is killed at the end of the block.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.children import Api, Child, Worker
from tests.integration.api_process import KEY
from tests.integration.own_server import OwnServer
from tests.ledger_client import Ledger
from tests.support.fake_engine import FAKE_RUNNER, Entry, read_log
from tests.support.stack import clean_environment, exitwave, free_port, tail, wait_until

from exitwave import processes
from exitwave.schema.errors import LedgerUnavailable
from exitwave.schema.job import Event, Job, JobSpec, ScanRef
from exitwave.settings.service import Settings, TiledSettings

ROOT = Path(__file__).parents[2]
REAL_RUNNER = "exitwave.worker.engine_process.reconstruction_runner:ReconstructionRunner"
PREFIX = "faults"


class ServiceHarness:
    """One service. Make it with `running_service`."""

    def __init__(
        self,
        folder: Path,
        *,
        tiled: TiledSettings | None,
        runner: str,
        settings: Mapping[str, str],
        server_options: Iterable[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.server = OwnServer(folder, *server_options)
        tiled = tiled or TiledSettings(uri=f"http://127.0.0.1:{free_port()}")
        self._env = {
            "DATA_DIR": str(folder),
            "LEDGER__URI": self.server.uri,
            "LEDGER__PREFIX": PREFIX,
            "TILED__URI": tiled.uri,
            "TILED__API_KEY": tiled.api_key.get_secret_value(),
            "WORKER__RUNNER": runner,
            "WORKER__DEVICE": "cpu",
            **settings,
        }
        self.settings = Settings.model_validate(
            {
                "data_dir": folder,
                "tiled": tiled.model_dump(),
                "ledger": {"uri": self.server.uri, "prefix": PREFIX, **self._of("LEDGER")},
                "worker": self._of("WORKER"),
            }
        )
        self.ledger = Ledger(self.settings.ledger)
        self.children: list[Child] = []
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None

    @property
    def socket_path(self) -> str:
        """The server's, for a proxy."""
        return self.server.uri.removeprefix("unix://").partition("?")[0]

    def worker(self, name: str, *, wait: bool = True, **settings: str) -> Worker:
        """Start one more worker; further settings as in ``WORKER__PUBLISH_S="0.3"``."""
        env = self._environment({"WORKER__NAME": name, **settings})
        child = Worker(exitwave("worker"), env, self.folder, name)
        self.children.append(child)
        child.start()
        if wait:
            self.until_listed(child)
        return child

    def standby(self, *names: str) -> list[Worker]:
        """Start workers that are ready, but drained: they claim nothing until `release`."""
        workers = [self.worker(name, wait=False) for name in names]
        self.until_listed(*workers)
        for name in names:
            self.ledger.drain(name, True)

        def drained() -> bool:
            draining = {w.name for w in self.ledger.workers() if w.state == "draining"}
            return draining.issuperset(names)

        wait_until(drained, f"workers {names} to drain", log=workers[0].log)
        return workers

    def release(self, *workers: Worker) -> None:
        """Let these claim, as soon as they hear of it."""
        for worker in workers:
            self.ledger.drain(worker.name, False)

    def until_listed(self, *workers: Worker, within_s: float = 120) -> None:
        """Until these can claim."""
        names = {worker.name for worker in workers}

        def ready() -> bool:
            for worker in workers:
                assert worker.alive, f"{worker.name} ended\n{tail(worker.log)}"
            able = {w.name for w in self.ledger.workers() if w.state in {"idle", "busy"}}
            return names <= able

        wait_until(ready, f"workers {names}", within_s=within_s, log=workers[0].log)

    def api(self, **settings: str) -> Api:
        """Start the API; it calls `tick` every second."""
        port = free_port()
        more = {"API__PORT": str(port), **settings}
        child = Api({**self._environment(more), "EXITWAVE_API_KEY": KEY}, self.folder, port)
        self.children.append(child)
        child.start()
        return child

    def tick(self) -> None:
        """Call `tick` every second from now on, as the API does."""
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._ticker.start()

    def restart_server(self, away_s: float) -> None:
        """kill -9 and a new start after a while; what it had answered is on its disk."""
        self.server.kill()
        time.sleep(away_s)
        self.server.start()

    def spec(self, tags: Iterable[str] = (), **more: Any) -> JobSpec:
        """A job for the fake engine; see there for the tags."""
        scan = more.pop("scan", None) or ScanRef(uid="fake", path="raw/fake", n_frames=1)
        return JobSpec(scan=scan, recipe=more.pop("recipe", {}), tags=list(tags), **more)

    def submit(self, tags: Iterable[str] = (), *, key: str | None = None, **more: Any) -> str:
        """Hand a job in as the API does, again and again while the server is away; its id."""
        key = key or os.urandom(8).hex()
        while True:
            try:
                return self.ledger.submit(
                    self.spec(tags, **more), owner="faults", idempotency_key=key
                )[0].id
            except LedgerUnavailable:
                time.sleep(0.1)

    def until(self, job_id: str, what: Callable[[Job], object], within_s: float = 120) -> Job:
        """Wait for something about one job; the server may be away meanwhile."""
        found: list[Job] = []

        def seen() -> bool:
            try:
                job = self.ledger.get(job_id)
            except LedgerUnavailable:
                return False
            found.append(job)
            return bool(what(job))

        try:
            wait_until(seen, f"job {job_id}", within_s=within_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; last seen: {found[-1:]}\n{self.logs()}") from None
        return found[-1]

    def until_ended(self, job_ids: Iterable[str], within_s: float = 120) -> list[Job]:
        deadline = time.monotonic() + within_s
        return [
            self.until(job_id, lambda job: job.state.terminal, deadline - time.monotonic())
            for job_id in job_ids
        ]

    def events(self, job_id: str | None = None) -> list[Event]:
        """All events so far, oldest first."""
        found: list[Event] = []
        while page := self.ledger.events(found[-1].id if found else "0-0", limit=5000):
            found += page
        return [event for event in found if job_id in {None, event.job_id}]

    def executions(self, what: str | None = None) -> list[Entry]:
        """What the fake engines did so far."""
        return [e for e in read_log(self.folder) if what in {None, e.what}]

    def logs(self) -> str:
        """Ends of all children's logs."""
        return "\n".join(f"--- {child.name}\n{tail(child.log, 15)}" for child in self.children)

    def close(self) -> None:
        """Kill everything."""
        self._ended.set()
        for child in self.children:
            child.kill()
        processes.kill_survivors(self.folder)
        if self._ticker is not None:
            self._ticker.join(10)
        self.ledger.close()
        self.server.kill()

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        values = {**self._env, **more}
        named = {f"EXITWAVE__{name}": value for name, value in values.items()}
        # One thread: the same sums in the same order, whoever else computes.
        return clean_environment(
            PYTHONPATH=str(ROOT),
            OMP_NUM_THREADS="1",
            **named,
        )

    def _of(self, section: str) -> dict[str, str]:
        start = f"{section}__"
        return {
            name.removeprefix(start).lower(): value
            for name, value in self._env.items()
            if name.startswith(start)
        }

    def _tick(self) -> None:
        while not self._ended.wait(1.0):
            try:
                self.ledger.tick()
            except LedgerUnavailable:
                continue


@contextmanager
def running_service(
    folder: Path,
    *,
    tiled: TiledSettings | None = None,
    runner: str = FAKE_RUNNER,
    server_options: Iterable[str] = (),
    **settings: str,
) -> Iterator[ServiceHarness]:
    """A queue, and whatever is started with it, for as long as the block lasts.

    Parameters
    ----------
    folder : Path
        Everything is kept there.
    tiled : TiledSettings, optional
        Default: one that is away; the fake engine needs none.
    runner : str
        What the engine processes run; `REAL_RUNNER` reconstructs.
    **settings : str
        For every process, as in ``LEDGER__LEASE_S="3"``.
    """
    made = ServiceHarness(
        folder, tiled=tiled, runner=runner, settings=settings, server_options=server_options
    )
    try:
        yield made
    finally:
        made.close()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        yield Path(name)
