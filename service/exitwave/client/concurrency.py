"""Sleep, run and read: once for the asyncio client, once for the blocking one.

The blocking client is made from the other one by name: `async_sleep` becomes `sleep`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeAlias, TypeVar

import httpx

P = ParamSpec("P")
T = TypeVar("T")

AsyncReader: TypeAlias = Callable[[httpx.Response], Awaitable[T]]
Reader: TypeAlias = Callable[[httpx.Response], T]
"""What reads an answer that is not kept in memory."""

async_sleep = asyncio.sleep
sleep = time.sleep


async def async_run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what takes long beside the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what takes long, here."""
    return function(*args, **kwargs)
