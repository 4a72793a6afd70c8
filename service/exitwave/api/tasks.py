"""Background tasks that outlive a bug in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import structlog

RESTART_S = 1.0

_log = structlog.get_logger(__name__)


async def keep_running(name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run `work` until it ends by itself; a bug in it is logged and it begins anew."""
    while True:
        task = asyncio.create_task(work(), name=name)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
        if (error := task.exception()) is None:
            return
        _log.error("background.failed", name=name, exc_info=error)
        await asyncio.sleep(RESTART_S)
