"""What an engine process runs. Without torch: tests put a fake engine into a real agent."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from exitwave.schema.errors import UsageError
from exitwave.schema.job import Job, Result
from exitwave.settings.service import Settings

from ..protocol import Control


class JobRunner(Protocol):
    """Runs jobs one after the other; made once, with the settings.

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


def load_runner(path: str) -> Callable[[Settings], JobRunner]:
    """The class that an import path names.

    Raises
    ------
    UsageError
        There is no such class.
    """
    module, _, name = path.partition(":")
    try:
        return cast(
            "Callable[[Settings], JobRunner]", getattr(importlib.import_module(module), name)
        )
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"setting worker.runner: found {path!r} ({error}); expected package.module:Class"
        ) from error
