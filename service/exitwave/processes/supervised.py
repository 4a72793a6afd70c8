"""A child process that is started again when it ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .backoff import Backoff
from .groups import stop


@dataclass
class SupervisedProcess:
    """One child process, the leader of its process group.

    Parameters
    ----------
    start : callable
        Starts it, in a process group of its own.
    on_exit : callable
        Gets exit code (negative: the signal's number) and the pause before its next start.
    backoff : Backoff
        How long that pause is.
    """

    start: Callable[[], subprocess.Popen[bytes]]
    on_exit: Callable[[int, float], None]
    backoff: Backoff
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _started_at_s: float = field(default=0.0, init=False)
    _due_at_s: float = field(default=0.0, init=False)

    def supervise(self) -> None:
        """Notice that it ended; start it when its pause is over. Call this often."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            stop([self.process], within_s=0)  # what it left in its group
            self.process = None
            now_s = time.monotonic()
            pause_s = self.backoff.pause_s(now_s - self._started_at_s)
            self._due_at_s = now_s + pause_s
            self.on_exit(code, pause_s)
        if time.monotonic() >= self._due_at_s:
            self._started_at_s = time.monotonic()
            self.process = self.start()

    def send(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None
