"""A job whose pictures a test writes: real queue, real Tiled, the agreed layout."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.ledger_client import Ledger
from tiled.client import from_uri

from exitwave.schema.errors import LedgerUnavailable
from exitwave.schema.geometry import Geometry
from exitwave.schema.job import Failure, Job, JobSpec, Progress, Quality, Result, ScanRef
from exitwave.schema.result import FIELDS, ArrayMetadata, NodeMetadata, attempt_keys

PIXEL_M = 2e-8
EPOCHS = 40


def spec(scan_uid: str = "f00d-cafe-0001", scan_id: int = 4242) -> JobSpec:
    scan = ScanRef(
        uid=scan_uid,
        scan_id=scan_id,
        sample="Siemens star",
        path=f"raw/{scan_uid}",
        n_frames=516,
    )
    return JobSpec(scan=scan, recipe={"name": "default"})


def star(size: int = 160, spokes: int = 9) -> np.ndarray:
    """Phase of a Siemens star, 0 or 0.8 rad."""
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    return np.where(np.sin(spokes * np.arctan2(y, x)) > 0, 0.8, 0.0)


def live_object(epoch: int, size: int = 160, border: int = 20) -> np.ndarray:
    """Amplitude and phase (2, h, w): a star that fades in, on ramp and piston; rim NaN.

    The upper left corner of what is visited is dark in amplitude, so that a picture that
    is flipped or transposed shows.
    """
    y, x = np.mgrid[:size, :size]
    share = epoch / EPOCHS
    phase = share * star(size) + 0.02 * y - 0.013 * x + 0.7
    amplitude = np.ones((size, size))
    amplitude[border : border + 30, border : border + 50] = 0.3
    picture = np.stack([amplitude, np.angle(np.exp(1j * phase))]).astype(np.float32)
    visited = np.zeros((size, size), bool)
    visited[border:-border, border:-border] = True
    picture[:, ~visited] = np.nan
    return picture


def live_probe(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size / 2 + 0.5
    amplitude = 120 * np.exp(-(x**2 + y**2) / 40)
    return np.stack([amplitude, 0.02 * (x**2 + y**2) % 6.0 - 3.0]).astype(np.float32)


@dataclass
class LiveJob:
    """Claims a job and writes its pictures and progress as the worker does."""

    ledger: Ledger
    job: Job
    container: Any
    note: str = ""
    epoch: int = 0
    version: int = 0
    arrays: dict[str, Any] = field(default_factory=dict)

    def keep_lease(self) -> None:
        """Send heartbeats as an agent does, however long a picture takes; until the end."""
        signal = "go"
        while signal != "stale":
            time.sleep(1.0)
            with suppress(LedgerUnavailable):  # a test may have taken the server away
                signal = self.ledger.heartbeat(self.job.id, self.job.attempt, "test-worker")

    def open_node(self) -> None:
        """The attempt's node and its empty ``live`` container."""
        node = self.container
        _, *containers, attempt = self._keys()
        for key in containers:
            node = node[key] if key in node else node.create_container(key)
        self.node = node.create_container(attempt, metadata=self._metadata().written())
        self.live = self.node.create_container("live")

    def _keys(self) -> tuple[str, ...]:
        return attempt_keys("ptycho", self.job.spec.scan.uid, self.job.id, self.job.attempt)

    def _metadata(self) -> NodeMetadata:
        scan = self.job.spec.scan
        return NodeMetadata(
            scan_uid=scan.uid,
            scan_id=scan.scan_id,
            sample=scan.sample,
            job_id=self.job.id,
            attempt=self.job.attempt,
            kind=self.job.spec.kind,
            parent=None,
            recipe=self.job.spec.recipe,
            geometry=Geometry(
                energy_eV=9000.0,
                distance_m=1.0,
                detector_pixel_m=75e-6,
                sources={"distance_m": self.note},
            ),
            software={},
            pixel_size_m=PIXEL_M,
            origin_m=(0.0, 0.0),
            epoch=0,
            loss=None,
            complete=False,
        )

    def paint(self, epoch: int, *, heartbeat: bool = True, border: int = 20) -> None:
        """Progress row first, then the pictures of that epoch; `border` px are unvisited."""
        self.epoch, self.version = epoch, self.version + 1
        row = [[epoch, 100.0 / epoch, 90.0 / epoch, 1.0, 0.25, self.version]]
        metadata = ArrayMetadata(pixel_size_m=PIXEL_M, origin_m=(1e-6, 2e-6)).written()
        fields = ArrayMetadata(fields=FIELDS).written()
        if not self.arrays:
            write = self.live.write_array
            self.arrays["progress"] = write(np.array(row), key="progress", metadata=fields)
            for name, values in (
                ("object", live_object(epoch, border=border)),
                ("probe", live_probe()),
            ):
                self.arrays[name] = write(values, key=name, metadata=metadata)
        else:
            progress = self.arrays["progress"]
            progress.patch(np.array(row), offset=(self.version - 1,), extend=True)
            self.arrays["object"].write(live_object(epoch, border=border))
            self.arrays["probe"].write(live_probe())
        if heartbeat:
            self.heartbeat()

    def heartbeat(self) -> str:
        progress = Progress(
            phase="reconstructing",
            epoch=self.epoch,
            epochs=EPOCHS,
            loss=1.0,
            seconds_per_epoch=0.25,
        )
        return self.ledger.heartbeat(self.job.id, self.job.attempt, "test-worker", progress)

    def succeed(self, quality: Quality | None = None, **judged: Any) -> None:
        """`judged`: verdict, preparation, start."""
        result = Result(
            node="/".join(self._keys()),
            attempt=self.job.attempt,
            epochs=self.epoch,
            loss=1.0,
            quality=quality,
            **judged,
        )
        self.ledger.finish(
            self.job.id, self.job.attempt, "test-worker", "succeeded", result=result
        )

    def fail(self, message: str) -> None:
        failure = Failure(slug="data-invalid", message=message)
        self.ledger.finish(
            self.job.id, self.job.attempt, "test-worker", "failed", failure=failure
        )

    def cancelled(self) -> None:
        self.ledger.finish(self.job.id, self.job.attempt, "test-worker", "cancelled")


def claim(ledger: Ledger, container: Any, *, note: str = "") -> LiveJob:
    job = ledger.claim("test-worker", "cpu", 5.0)
    assert job is not None, "no job to claim"
    live = LiveJob(ledger, job, container, note)
    threading.Thread(target=live.keep_lease, daemon=True).start()
    live.open_node()
    return live


def results_container(uri: str, api_key: str) -> Any:
    return from_uri(f"{uri}/api/v1", api_key=api_key)["ptycho"]


def keep_alive(live: LiveJob, seconds: float) -> None:
    """Send heartbeats for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        live.heartbeat()
        time.sleep(0.5)
