"""What agent and engine process say to each other over their pipe."""

from __future__ import annotations

from dataclasses import dataclass

from exitwave.schema.job import Failure, Job, Progress, Result


@dataclass(frozen=True, slots=True)
class RunJob:
    """Agent: do this job's present attempt."""

    job: Job


@dataclass(frozen=True, slots=True)
class EngineReady:
    """Engine: everything is imported, the device is healthy, jobs may come."""

    device: str


@dataclass(frozen=True, slots=True)
class EngineUnavailable:
    """Engine, in place of `EngineReady`: there is no such device; it ends."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class EngineUnhealthy:
    """Engine, in place of `EngineReady`: the device failed its health probe; it ends."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """Engine: how far the job is."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class EngineFinished:
    """Engine: the result can be read in Tiled."""

    result: Result


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """Engine: the job failed."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class EngineCrashed:
    """Engine: the job met an error after which this process can do nothing more."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class EngineCancelled:
    """Engine: the job was cancelled, or stopped before there was anything to keep."""


@dataclass(frozen=True, slots=True)
class EnginePreempted:
    """Engine: the job can go on elsewhere."""


EngineMessage = (
    EngineReady
    | EngineUnavailable
    | EngineUnhealthy
    | EngineProgress
    | EngineFinished
    | EngineFailed
    | EngineCrashed
    | EngineCancelled
    | EnginePreempted
)
