"""A child process that is started again when it ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import processes

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
SOUND_AFTER_S = 30.0
"""A child that lived so long is started again at once, as if it had never failed."""
LARGEST_LOG_BYTES = 10_000_000


@dataclass
class Child:
    """One supervised process.

    Parameters
    ----------
    name : str
        Also of its log.
    argv : sequence
        Program and arguments.
    log : Path
    owner : Path
        Data directory on whose behalf it runs.
    env : mapping
        Its whole environment.
    say : callable
        Tells the user that it ended.
    """

    name: str
    argv: Sequence[str | Path]
    log: Path
    owner: Path
    env: Mapping[str, str]
    say: Callable[[str], None]
    process: subprocess.Popen[bytes] | None = None
    _failures: int = field(default=0, init=False)
    _started_at: float = field(default=0.0, init=False)
    _due_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start it, with a fresh log if the old one has grown large."""
        if self.log.is_file() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._started_at = time.monotonic()
        self.process = processes.start(self.argv, owner=self.owner, env=self.env, log=self.log)

    def tend(self) -> None:
        """Notice that it ended, and start it again when its pause is over."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            processes.stop([self.process], within_s=0)  # what it left in its group
            self.process = None
            self._plan_restart(code)
        if time.monotonic() >= self._due_at:
            self.start()

    def _plan_restart(self, code: int) -> None:
        now = time.monotonic()
        self._failures = 0 if now - self._started_at > SOUND_AFTER_S else self._failures + 1
        pause_s = min(FIRST_PAUSE_S * 2 ** max(self._failures - 1, 0), LONGEST_PAUSE_S)
        self._due_at = now + pause_s
        reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.say(f"{self.name} ended ({reason}), starting it again; its log: {self.log}")
