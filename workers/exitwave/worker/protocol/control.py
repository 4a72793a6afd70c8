"""A job's end of the channel: it reports progress and gets commands."""

from __future__ import annotations

import time
from collections.abc import Callable

from exitwave.schema.job import Progress

from .commands import RAISED, Command

REPORT_EVERY_S = 0.25
"""While the queue hangs the agent may not read for half a minute: the pipe must hold that."""


class Control:
    """Carries progress to the agent and commands to the job.

    Parameters
    ----------
    command : callable
        The agent's present command.
    send : callable
        Hands progress to the agent.
    """

    def __init__(self, command: Callable[[], int], send: Callable[[Progress], None]) -> None:
        self._command = command
        self._send = send
        self._sent: Progress | None = None
        self._sent_at_s = -REPORT_EVERY_S

    def report_and_check(
        self, progress: Progress, *, ignore: tuple[type[Exception], ...] = ()
    ) -> None:
        """Report progress, then obey the agent's command. To be called at least once a batch.

        Parameters
        ----------
        progress : Progress
            Sent when its phase is new or the last report is `REPORT_EVERY_S` old, and as the
            last one of an attempt.
        ignore : tuple of exception types
            What the command may be without being obeyed now.

        Raises
        ------
        JobCancelledError, JobStoppedError, JobPreemptedError
            The agent's command, at every call for as long as it stands.
        """
        due = time.monotonic() - self._sent_at_s >= REPORT_EVERY_S
        if self._sent is None or progress.phase != self._sent.phase or due:
            self._report(progress)
        error = RAISED.get(Command(self._command()))
        if error is None:
            return
        if progress != self._sent:
            self._report(progress)
        if not issubclass(error, ignore):
            raise error

    def _report(self, progress: Progress) -> None:
        self._send(progress)
        self._sent, self._sent_at_s = progress, time.monotonic()
