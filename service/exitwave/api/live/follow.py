"""Following one attempt: its Tiled streams in, frames out."""

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
    LIVE_OBJECT,
    LIVE_PROBE,
    LIVE_PROGRESS,
    ArrayMetadata,
    NodeMetadata,
    below,
)

from .frames import Frame
from .newest import Newest
from .nodes import ResultNodes
from .paint import Shown, loss_frame, object_frames, probe_frames, shown_of
from .progress import PictureNumbers, ProgressTable

RETRY_S = 0.5
"""Between two looks for a node that is not there yet, or a Tiled that is away."""

Publish = Callable[[Frame], None]
Live = tuple[NDArray[np.float32], int]
"""Content of ``live/object`` or ``live/probe`` and its number."""

_PAINTERS = {LIVE_OBJECT: object_frames, LIVE_PROBE: probe_frames}
_log = structlog.get_logger(__name__)


class AttemptFollower:
    """Publishes a frame for each new picture and each new row of progress.

    Parameters
    ----------
    nodes : ResultNodes
    node : str
        Tiled path of the attempt.
    job : Job
    publish : callable
        Takes a `Frame`; called in the event loop.
    """

    def __init__(self, nodes: ResultNodes, node: str, job: Job, publish: Publish) -> None:
        self._nodes = nodes
        self._node = node
        self._job = job
        self._publish = publish
        self._progress = ProgressTable()
        self._shown: Shown | None = None
        self._metadata: dict[str, ArrayMetadata] = {}
        self._log = _log.bind(job=job.id, attempt=job.attempt)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again_and_again(self._follow_progress))
            for name in _PAINTERS:
                slot: Newest[Live] = Newest()
                numbers = PictureNumbers(self._progress)
                follow = self._again_and_again(self._follow_pictures, name, slot, numbers)
                tasks.create_task(follow)
                tasks.create_task(self._paint(name, slot))

    async def _again_and_again(
        self, follow: Callable[..., Awaitable[None]], *what: Any
    ) -> None:
        told = ""
        while True:
            trouble = ""
            try:
                await follow(*what)
            except (TiledUnavailable, InvalidInput) as error:
                trouble = str(error)
            if trouble and trouble != told:  # once, not twice a second
                self._log.warning("live.interrupted", reason=trouble)
            told = trouble
            await asyncio.sleep(RETRY_S)

    async def _follow_progress(self) -> None:
        path = below(self._node, LIVE_PROGRESS)
        async with self._nodes.updates(path) as updates:
            if updates is None:
                return
            await self._read_progress()
            async for update in updates:
                self._progress.add(update.values)
                self._publish_loss()

    async def _follow_pictures(
        self, name: str, slot: Newest[Live], numbers: PictureNumbers
    ) -> None:
        path = below(self._node, name)
        # Tiled announces a write before it stores it: a picture announced already may not
        # be stored yet, so the newest one that has a row is asked for once more.
        await self._read_progress()
        since = max(1, self._progress.newest_version)
        async with self._nodes.updates(path, since=since) as updates:
            if updates is None:
                return
            # Subscribed first and read then: nothing written between is missed. If the
            # picture read is one older than its row says, its message follows at once.
            await self._read_progress()
            stored = await self._nodes.array(path)
            if stored is None:
                return
            self._metadata[name] = ArrayMetadata.read(path, stored.metadata)
            numbers.joined()
            shown = 0
            if stored.values.any():  # zeros: just made, the first picture is on its way
                shown = self._progress.newest_version
                slot.put((stored.values, shown))
            async for update in updates:
                version = await self._with_row(numbers.of(update.sequence))
                if version >= shown:
                    slot.put((update.values, version))

    async def _with_row(self, version: int) -> int:
        """The number itself, once the row of that picture is known."""
        if not self._progress.knows(version):
            await self._read_progress()
        return version

    async def _read_progress(self) -> None:
        path = below(self._node, LIVE_PROGRESS)
        stored = await self._nodes.array(path)
        if stored is not None:
            self._progress.fields_are(ArrayMetadata.read(path, stored.metadata).fields)
            self._progress.add(stored.values)
            if self._shown is None:
                self._shown = await self._read_node()
            self._publish_loss()

    async def _read_node(self) -> Shown | None:
        values = await self._nodes.metadata(self._node)
        if values is None:
            return None
        return shown_of(self._job, NodeMetadata.read(self._node, values))

    def _publish_loss(self) -> None:
        if self._shown is not None:
            self._publish(loss_frame(self._shown, self._progress.curve()))

    async def _paint(self, name: str, slot: Newest[Live]) -> None:
        while True:
            values, version = await slot.take()
            if self._shown is None:
                continue
            frames = await asyncio.to_thread(
                _PAINTERS[name],
                self._shown,
                values,
                self._metadata[name],
                self._progress.epoch_of(version),
                version,
            )
            for frame in frames:
                self._publish(frame)
