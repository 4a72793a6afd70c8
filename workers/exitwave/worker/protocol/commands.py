"""What the agent wants of a running job, and the exceptions with which the job hears it."""

from __future__ import annotations

from enum import IntEnum


class Command(IntEnum):
    """What the agent wants of the present job; a higher one overrides a lower one."""

    GO = 0
    PREEMPT = 1
    """Write a checkpoint at the end of the epoch and give the job back."""
    STOP = 2
    """End now and keep what there is."""
    CANCEL = 3
    """End now and keep nothing."""


class JobPreemptedError(Exception):
    """The job is preempted; it will go on from its newest checkpoint."""


class JobStoppedError(Exception):
    """The job is to end now, with what it has so far as its result."""


class JobCancelledError(Exception):
    """The job is to end now, without a result."""


RAISED: dict[Command, type[Exception]] = {
    Command.PREEMPT: JobPreemptedError,
    Command.STOP: JobStoppedError,
    Command.CANCEL: JobCancelledError,
}
"""What a job that is given the command raises."""
