"""One running attempt: its Tiled streams in, frames out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from exitwave.schema.errors import InvalidInput, TiledUnavailable
from exitwave.schema.job import Job
from exitwave.schema.result import (
    LIVE_PROGRESS,
    ArrayMetadata,
    NodeMetadata,
    below,
)
from exitwave.tiled_http import AsyncTiledReader

from .frame_sequencer import FrameSequencer
from .frames import Frame
from .latest_value import LatestValue
from .progress_table import ProgressTable
from .render import RENDERERS, FrameContext, frame_context, loss_frame

RETRY_S = 0.5
"""Between two looks for a node that is not there yet, or a Tiled that is away."""

Publish = Callable[[Frame], None]
NumberedPicture = tuple[NDArray[np.float32], int]
"""Content of ``live/object`` or ``live/probe`` and its number."""

_log = structlog.get_logger(__name__)


class AttemptStream:
    """Publishes a frame for each new picture and each new row of progress.

    Parameters
    ----------
    tiled : AsyncTiledReader
    node : str
        Tiled path of the attempt.
    job : Job
    publish : callable
        Takes a `Frame`; called in the event loop.
    """

    def __init__(self, tiled: AsyncTiledReader, node: str, job: Job, publish: Publish) -> None:
        self._tiled = tiled
        self._node = node
        self._job = job
        self._publish = publish
        self._progress = ProgressTable()
        self._context: FrameContext | None = None
        self._metadata: dict[str, ArrayMetadata] = {}
        self._log = _log.bind(job=job.id, attempt=job.attempt)

    async def run(self) -> None:
        """Read and publish until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again_and_again(self._read_progress_updates))
            for name in RENDERERS:
                latest: LatestValue[NumberedPicture] = LatestValue()
                sequencer = FrameSequencer(self._progress)
                reading = self._again_and_again(
                    self._read_picture_updates, name, latest, sequencer
                )
                tasks.create_task(reading)
                tasks.create_task(self._render(name, latest))

    async def _again_and_again(self, read: Callable[..., Awaitable[None]], *what: Any) -> None:
        logged = ""
        while True:
            trouble = ""
            try:
                await read(*what)
            except (TiledUnavailable, InvalidInput) as error:
                trouble = str(error)
            if trouble and trouble != logged:  # once, not twice a second
                self._log.warning("live.interrupted", reason=trouble)
            logged = trouble
            await asyncio.sleep(RETRY_S)

    async def _read_progress_updates(self) -> None:
        async with self._tiled.updates(below(self._node, LIVE_PROGRESS)) as updates:
            if updates is None:
                return
            await self._read_progress()
            async for update in updates:
                self._progress.add(update.values)
                self._publish_loss()

    async def _read_picture_updates(
        self, name: str, latest: LatestValue[NumberedPicture], sequencer: FrameSequencer
    ) -> None:
        path = below(self._node, name)
        # Tiled announces a write before it stores it: a picture announced already may not
        # be stored yet, so the newest one that has a row is asked for once more.
        await self._read_progress()
        since = max(1, self._progress.newest_version)
        async with self._tiled.updates(path, since=since) as updates:
            if updates is None:
                return
            # Subscribed first and read then: nothing written between is missed. If the
            # picture read is one older than its row says, its message follows at once.
            await self._read_progress()
            stored = await self._tiled.array(path)
            if stored is None:
                return
            self._metadata[name] = ArrayMetadata.read(path, stored.metadata)
            sequencer.subscribed()
            newest = 0
            if stored.values.any():  # zeros: just made, the first picture is on its way
                newest = self._progress.newest_version
                latest.put((stored.values, newest))
            async for update in updates:
                version = await self._with_row(sequencer.version_of(update.sequence))
                if version >= newest:
                    latest.put((update.values, version))

    async def _with_row(self, version: int) -> int:
        """The number itself, once the row of that picture is known."""
        if not self._progress.has_version(version):
            await self._read_progress()
        return version

    async def _read_progress(self) -> None:
        path = below(self._node, LIVE_PROGRESS)
        stored = await self._tiled.array(path)
        if stored is not None:
            self._progress.load(path, stored)
            if self._context is None:
                self._context = await self._read_context()
            self._publish_loss()

    async def _read_context(self) -> FrameContext | None:
        values = await self._tiled.metadata(self._node)
        if values is None:
            return None
        return frame_context(self._job, NodeMetadata.read(self._node, values))

    def _publish_loss(self) -> None:
        if self._context is not None:
            self._publish(loss_frame(self._context, self._progress.curve()))

    async def _render(self, name: str, latest: LatestValue[NumberedPicture]) -> None:
        while True:
            values, version = await latest.take()
            if self._context is None:
                continue
            frames = await asyncio.to_thread(
                RENDERERS[name],
                self._context,
                values,
                self._metadata[name],
                self._progress.epoch_of(version),
                version,
            )
            for frame in frames:
                self._publish(frame)
