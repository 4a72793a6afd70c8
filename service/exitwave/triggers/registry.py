"""Where finished scans are heard of: a line for each event source."""

from __future__ import annotations

from collections.abc import Callable

from exitwave.schema.errors import UsageError
from exitwave.settings.service import Settings

from .protocol import EventSource
from .tiled_runs import TiledRuns

SOURCES: dict[str, Callable[[Settings], EventSource]] = {"tiled": TiledRuns}
"""By the name that the setting ``trigger.source`` says."""


def make_source(settings: Settings) -> EventSource:
    """The source that the settings name.

    Raises
    ------
    UsageError
        There is none of that name, or its options are not valid.
    """
    name = settings.trigger.source
    if name not in SOURCES:
        raise UsageError(
            f"setting trigger.source: found {name!r}; expected one of {', '.join(SOURCES)}"
        )
    return SOURCES[name](settings)
