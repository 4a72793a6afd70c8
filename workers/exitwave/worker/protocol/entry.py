"""How the agent starts an engine process without importing it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from ctypes import c_int
from multiprocessing.connection import Connection
from typing import cast

from exitwave.settings.service import Settings

ENGINE_ENTRY = "exitwave.worker.engine_process.main"
"""Module whose `run_engine` is what an engine process does."""

RunEngine = Callable[[Connection, c_int, Settings, int], None]


def run_engine_process(
    pipe: Connection, command: c_int, settings: Settings, agent_pid: int
) -> None:
    """Target of the engine process: import its entry there, and run it.

    Parameters
    ----------
    pipe : Connection
        Takes `RunJob`, gives `EngineMessage`.
    command : c_int
        Shared with the agent: a `Command` for the present job.
    settings : Settings
    agent_pid : int
        The engine process does not outlive this one.
    """
    entry = importlib.import_module(ENGINE_ENTRY)
    cast("RunEngine", entry.run_engine)(pipe, command, settings, agent_pid)
