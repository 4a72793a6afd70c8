"""The engine process as the agent sees it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from ctypes import c_int
from multiprocessing.connection import wait
from multiprocessing.sharedctypes import RawValue

from exitwave.schema.job import Job
from exitwave.settings.service import Settings

from ..protocol import Command
from ..protocol.entry import run_engine_process
from ..protocol.messages import EngineMessage, EngineReady, RunJob

_KILLED_WITHIN_S = 2.0
_TERMINATE_GRACE_S = 1.0
"""An engine has so long to end by itself after SIGTERM."""


class EngineDiedError(Exception):
    """The engine process ended without an outcome; the message says how."""


class EngineHandle:
    """Starts an engine process and talks to it. To be made in the agent's main thread.

    Parameters
    ----------
    settings : Settings
        `worker.runner` names the class that the process runs.

    Attributes
    ----------
    device : str or None
        What it computes on; None until it is ready for a job.

    Notes
    -----
    The process is spawned, not forked: CUDA does not survive a fork. The kernel kills it
    when the thread that made it ends.
    """

    def __init__(self, settings: Settings) -> None:
        self.device: str | None = None
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        # Without a lock, which a killed process could leave locked.
        self._command: c_int = RawValue(c_int, Command.GO)
        self._process = context.Process(
            target=run_engine_process,
            args=(theirs, self._command, settings, os.getpid()),
            name="exitwave-engine",
            daemon=True,
        )
        self._process.start()
        theirs.close()  # so that the pipe ends when the process does

    @property
    def pid(self) -> int | None:
        """Id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def start_job(self, job: Job) -> None:
        """Hand a job over.

        Raises
        ------
        EngineDiedError
        """
        try:
            self._pipe.send(RunJob(job))
        except OSError as error:
            raise EngineDiedError(self._exit_reason()) from error

    def send(self, command: Command) -> None:
        """Command the present job, from now on; it looks at each batch."""
        self._command.value = command

    def next_message(self, timeout_s: float) -> EngineMessage | None:
        """Its next message; None where there is none within `timeout_s`.

        Raises
        ------
        EngineDiedError
        """
        if not wait([self._pipe, self._process.sentinel], timeout_s):
            return None
        try:
            if self._pipe.poll():
                message: EngineMessage = self._pipe.recv()
                if isinstance(message, EngineReady):
                    self.device = message.device
                return message
        except (EOFError, OSError):
            pass  # it died; raised below
        raise EngineDiedError(self._exit_reason())

    def terminate(self) -> None:
        """End a process whose job is cancelled: SIGTERM and, if that does not help, SIGKILL."""
        self._process.terminate()
        self._process.join(_TERMINATE_GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join(_KILLED_WITHIN_S)
        self._pipe.close()

    def _exit_reason(self) -> str:
        self._process.join(_KILLED_WITHIN_S)
        code = self._process.exitcode
        if code is None:
            return "the engine process closed its pipe"
        if code < 0:
            return f"the engine process was ended by {signal.Signals(-code).name}"
        return f"the engine process ended with exit code {code}"
