"""One job through its attempts, for all pages that look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from exitwave.schema.errors import InvalidInput, TiledUnavailable
from exitwave.schema.job import Job
from exitwave.schema.result import (
    LIVE_PROGRESS,
    OBJECT,
    PROBE,
    ArrayMetadata,
    FramePlane,
    NodeMetadata,
    attempt_node,
    below,
)
from exitwave.tiled_http import AsyncTiledReader

from .attempt_stream import RETRY_S, AttemptStream
from .frames import Frame
from .progress_table import ProgressTable
from .render import RENDERERS, FrameContext, final_frames, frame_context, loss_frame

_log = structlog.get_logger(__name__)


class JobSubscription:
    """Keeps the newest frame of each plane of one job and publishes new ones.

    While the job runs, the streams of its current attempt are read; once it has ended, its
    last picture. One instance serves all pages.

    Parameters
    ----------
    job : Job
    tiled : AsyncTiledReader
    root : str
        Tiled path of all results.
    publish : callable
        Takes each new `Frame`.
    """

    def __init__(
        self, job: Job, tiled: AsyncTiledReader, root: str, publish: Callable[[Frame], None]
    ) -> None:
        self._job = job
        self._tiled = tiled
        self._root = root
        self._publish = publish
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.newest: dict[FramePlane, Frame] = {}

    @property
    def job(self) -> Job:
        """The newest record of the job."""
        return self._job

    def start(self) -> None:
        """Begin to read."""
        self._task = _started(self._run(), f"live job {self._job.id}")

    def job_changed(self, job: Job) -> None:
        """The ledger has a new record of the job."""
        if (job.attempt, job.state) != (self._job.attempt, self._job.state):
            self._job = job
            self._changed.set()

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            await _cancelled(self._task)

    async def _run(self) -> None:
        while not self._job.state.terminal:
            job = self._job
            self._changed.clear()
            reading = None
            if job.attempt:
                node = self._node_of(job)
                stream = AttemptStream(self._tiled, node, job, self._take)
                reading = _started(stream.run(), f"live attempt {node}")
            try:
                await self._changed.wait()
            finally:
                if reading is not None:
                    await _cancelled(reading)
        await self._show_ended(self._job)

    def _node_of(self, job: Job) -> str:
        if job.result is not None:
            return job.result.node.strip("/")
        return attempt_node(self._root, job.spec.scan.uid, job.id, job.attempt)

    def _take(self, frame: Frame) -> None:
        self.newest[frame.plane] = frame
        self._publish(frame)

    async def _show_ended(self, job: Job) -> None:
        """Publish the last picture of an ended job, if it has one."""
        while job.attempt:
            try:
                for frame in await self._read_ended(job, self._node_of(job)):
                    self._take(frame)
            except TiledUnavailable as error:
                _log.warning("live.tiled_away", job=job.id, error=str(error))
            except InvalidInput as error:
                _log.error("live.unreadable", job=job.id, error=str(error))
                return
            else:
                return
            await asyncio.sleep(RETRY_S)

    async def _read_ended(self, job: Job, node: str) -> list[Frame]:
        values = await self._tiled.metadata(node)
        if values is None:
            return []
        metadata = NodeMetadata.read(node, values)
        context = frame_context(job, metadata)
        frames: list[Frame] = []
        progress = ProgressTable()
        path = below(node, LIVE_PROGRESS)
        stored = await self._tiled.array(path)
        if stored is not None:
            progress.load(path, stored)
            frames.append(loss_frame(context, progress.curve()))
        pictures = await self._last_pictures(node, context, progress)
        if pictures is None:
            pictures = await self._final_pictures(node, context, metadata, progress)
        return frames + pictures

    async def _last_pictures(
        self, node: str, context: FrameContext, progress: ProgressTable
    ) -> list[Frame] | None:
        """The last live pictures; None where there are none."""
        version = progress.newest_version
        epoch = progress.epoch_of(version)
        frames: list[Frame] = []
        for name, render in RENDERERS.items():
            path = below(node, name)
            stored = await self._tiled.array(path)
            if stored is None:
                return None
            metadata = ArrayMetadata.read(path, stored.metadata)
            frames += await asyncio.to_thread(
                render, context, stored.values, metadata, epoch, version
            )
        return frames

    async def _final_pictures(
        self, node: str, context: FrameContext, metadata: NodeMetadata, progress: ProgressTable
    ) -> list[Frame]:
        """The final arrays as pictures, of a job that left no live ones."""
        final = await self._tiled.array(below(node, OBJECT))
        probe = await self._tiled.array(below(node, PROBE))
        if final is None or probe is None:
            return []
        return await asyncio.to_thread(
            final_frames, context, final.values, probe.values, metadata, progress.last_epoch
        )


def _started(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    task = asyncio.create_task(coroutine, name=name)
    task.add_done_callback(_log_failure)
    return task


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("live.task_failed", task=task.get_name(), exc_info=error)
