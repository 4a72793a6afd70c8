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
    """Engine: everything is imported, jobs may come. `device` is for people."""

    device: str


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
    """Engine: the job failed; before any job: this engine cannot work at all."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class EngineCancelled:
    """Engine: the job was stopped because the flag was up."""


EngineMessage = EngineReady | EngineProgress | EngineFinished | EngineFailed | EngineCancelled
