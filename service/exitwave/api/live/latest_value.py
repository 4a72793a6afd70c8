"""Handing over the latest value only."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestValue(Generic[T]):
    """A slot for one value: a new one replaces the one that was not taken yet."""

    def __init__(self) -> None:
        self._values: list[T] = []
        self._filled = asyncio.Event()

    def put(self, value: T) -> None:
        """Leave a value, replacing one that waits."""
        self._values[:] = [value]
        self._filled.set()

    async def take(self) -> T:
        """Wait for a value and take it out."""
        await self._filled.wait()
        self._filled.clear()
        return self._values.pop()
