"""`exitwave demo`: `up`, and a real scan played into it."""

from __future__ import annotations

import statistics
import subprocess
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exitwave.client import Client
from exitwave.filesystem.directories import data_directory
from exitwave.schema.errors import ExitwaveError
from exitwave.schema.job import Job, JobState
from exitwave.schema.required import verdict_line
from exitwave.schema.result import LIVE_OBJECT, attempt_node, below
from exitwave.tiled_http import ONCE, TiledReader

from .supervisor import Say, Stopped, System, announce

PICTURE = "demo-object-phase.png"
START_LIMIT_S = 300.0
SUBMIT_LIMIT_S = 60.0
SHOW_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds; None for what did not happen. From the stop document on, but for the first."""

    up_to_ready: float | None
    stop_to_running: float | None
    stop_to_first_picture: float | None
    stop_to_succeeded: float | None
    per_epoch: float | None

    def lines(self) -> list[str]:
        """For the user."""
        return [
            f"  {field.name.replace('_', ' '):<22}"
            + ("-" if (value := getattr(self, field.name)) is None else f"{value:7.2f} s")
            for field in fields(self)
        ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a played scan came to. `stopped_at` is its stop document's time, in s (Unix)."""

    job: Job
    timings: Timings
    stopped_at: float


def demo(
    data_dir: Path | None, port: int | None, rate_hz: float | None, once: bool, say: Say
) -> bool:
    """Run everything and play a scan.

    Parameters
    ----------
    data_dir, port
        As for `up`.
    rate_hz : float, optional
        Frames per second; default the whole scan in about 20 s.
    once : bool
        Wait for the job, write its picture into the current folder, and stop.
    say : callable
        Gets lines for the user.

    Returns
    -------
    bool
        Whether it did what it was asked for.
    """
    try:
        with System(data_dir or data_directory(), port, say) as system:
            announce(system, START_LIMIT_S)
            with Client(system.url, system.key) as client:
                if not once:
                    _play_and_stay(system, rate_hz)
                return _report(play_once(system, client, rate_hz), system, client)
    except Stopped:
        say("stopped")
        return not once


def play_once(system: System, client: Client, rate_hz: float | None) -> Outcome:
    """Play a scan, and follow the job that the trigger submits to its end.

    Raises
    ------
    ExitwaveError
        The scan could not be played, or no job came of it.
    """
    known = {job.id for job in client.jobs(limit=1).jobs}
    playing = _play(system, rate_hz)
    system.wait_until(lambda: _ended_well(playing, system), "the scan")
    newest: list[Job] = []

    def submitted() -> bool:
        newest[:] = [job for job in client.jobs(limit=1).jobs if job.id not in known]
        return bool(newest)

    system.wait_until(submitted, "the trigger's job", SUBMIT_LIMIT_S)
    return _follow(system, client, newest[0].id)


def _follow(system: System, client: Client, job_id: str) -> Outcome:
    system.say(f"job {job_id} was submitted by the trigger")
    job = client.job(job_id)
    run = _tiled(system, f"{system.settings.tiled.raw}/{job.spec.scan.uid}")
    stopped_at: float = run["stop"]["time"]
    seconds: dict[int, float] = {}
    picture_at: datetime | None = None
    shown = 0.0

    def after_stop(moment: datetime | None) -> float | None:
        return None if moment is None else moment.timestamp() - stopped_at

    def ended() -> bool:
        nonlocal job, picture_at, shown
        job = client.job(job_id)
        if picture_at is None and job.attempt and _has_picture(system, job):
            picture_at = datetime.now(UTC)
            system.say(f"first picture {after_stop(picture_at):.1f} s after the scan's end")
        progress = job.progress
        if progress is not None and progress.seconds_per_epoch is not None:
            if progress.epoch not in seconds and time.monotonic() > shown + SHOW_EVERY_S:
                shown = time.monotonic()
                system.say(f"epoch {progress.epoch} of {progress.epochs}")
            seconds[progress.epoch] = progress.seconds_per_epoch
        return job.state.terminal

    system.wait_until(ended, "the job")
    succeeded_at = job.ended_at if job.state is JobState.SUCCEEDED else None
    return Outcome(
        job,
        Timings(
            up_to_ready=system.ready_s,
            stop_to_running=after_stop(job.started_at),
            stop_to_first_picture=after_stop(picture_at),
            stop_to_succeeded=after_stop(succeeded_at),
            per_epoch=statistics.median(seconds.values()) if seconds else None,
        ),
        stopped_at,
    )


def _report(outcome: Outcome, system: System, client: Client) -> bool:
    job = outcome.job
    system.say(f"job {job.id} {job.state.value}")
    if job.result is None:
        reason = job.failure.message if job.failure else job.state.value
        system.say(f"no result: {reason}")
        return False
    if job.result.verdict is not None:
        system.say(f"verdict {verdict_line(job.result.verdict)}")
    system.say(f"Tiled node {job.result.node}")
    for line in outcome.timings.lines():
        system.say(line)
    system.say(f"wrote {client.download(job.id, 'png', Path(PICTURE))}")
    return job.state is JobState.SUCCEEDED


def _play_and_stay(system: System, rate_hz: float | None) -> None:
    playing = _play(system, rate_hz)
    system.wait_until(lambda: playing.poll() is not None, "the scan")
    if playing.returncode:
        system.say(f"the scan could not be played; see {system.layout.log('beamline')}")
    system.say("`exitwave beamline play` in another shell plays a scan again; Ctrl-C stops all")
    system.wait_until(lambda: False, "the end")


def _play(system: System, rate_hz: float | None) -> subprocess.Popen[bytes]:
    system.say("the simulated beamline plays a fly scan")
    rate = [] if rate_hz is None else ["--rate", str(rate_hz)]
    return system.run("beamline", "beamline", "play", *rate)


def _ended_well(playing: subprocess.Popen[bytes], system: System) -> bool:
    if playing.poll():
        raise ExitwaveError(
            f"the scan could not be played; see {system.layout.log('beamline')}"
        )
    return playing.returncode == 0


def _has_picture(system: System, job: Job) -> bool:
    results = system.settings.tiled.results
    node = attempt_node(results, job.spec.scan.uid, job.id, job.attempt)
    return bool(_tiled(system, below(node, LIVE_OBJECT)))


def _tiled(system: System, path: str) -> Any:
    """Metadata of a node in Tiled; empty if there is none."""
    node = TiledReader(system.settings.tiled, ONCE).node(path)
    return {} if node is None else node["metadata"]
