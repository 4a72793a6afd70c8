"""What a running job hears from its agent, and what the engine process runs: a body.

Without torch: tests run a light body in a real agent.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol, cast

from exitwave.schema.errors import UsageError
from exitwave.schema.job import Job, Progress, Result
from exitwave.settings.service import Settings

REPORT_EVERY_S = 0.25
"""While the queue hangs the agent may not read for half a minute: the pipe must hold that."""


class Order(IntEnum):
    """What the agent wants of the present job; a later order outdoes an earlier one."""

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


_RAISED = {
    Order.PREEMPT: JobPreemptedError,
    Order.STOP: JobStoppedError,
    Order.CANCEL: JobCancelledError,
}


class Control:
    """Called by a body with its progress, at least once a batch.

    Parameters
    ----------
    order : callable
        The agent's present order.
    say : callable
        Hands progress to the agent.
    """

    def __init__(self, order: Callable[[], int], say: Callable[[Progress], None]) -> None:
        self._order = order
        self._say = say
        self._said: Progress | None = None
        self._said_at_s = -REPORT_EVERY_S

    def __call__(self, progress: Progress) -> None:
        """Tell the agent.

        Raises
        ------
        JobCancelledError, JobStoppedError, JobPreemptedError
            The agent's order, at every call for as long as it stands.
        """
        now_s = time.monotonic()
        begins = self._said is None or progress.phase != self._said.phase
        if begins or now_s - self._said_at_s >= REPORT_EVERY_S:
            self._say(progress)
            self._said, self._said_at_s = progress, now_s
        error = _RAISED.get(Order(self._order()))
        if error is not None:
            if progress != self._said:
                self._say(progress)  # the last word of this attempt
                self._said, self._said_at_s = progress, now_s
            raise error


class Body(Protocol):
    """What the engine process runs, made once with the settings.

    Attributes
    ----------
    device : str
        What it computes on, for people.
    """

    device: str

    def run(self, job: Job, control: Control) -> Result:
        """Do a job's present attempt; its result can be read when this returns."""
        ...

    def probe(self) -> None:
        """Raise where the device does not compute as it should."""
        ...


def load_body(path: str) -> Callable[[Settings], Body]:
    """The class that an import path names.

    Raises
    ------
    UsageError
        There is no such class.
    """
    module, _, name = path.partition(":")
    try:
        return cast(
            "Callable[[Settings], Body]", getattr(importlib.import_module(module), name)
        )
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"setting worker.body: found {path!r} ({error}); expected package.module:Class"
        ) from error
