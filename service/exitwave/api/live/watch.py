"""Watching one job through its attempts, for all pages that look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from exitwave.schema.errors import InvalidInput, TiledUnavailable
from exitwave.schema.job import Job
from exitwave.schema.result import (
    LIVE_OBJECT,
    LIVE_PROBE,
    LIVE_PROGRESS,
    OBJECT,
    PROBE,
    ArrayMetadata,
    FramePlane,
    NodeMetadata,
    attempt_node,
    below,
)

from .follow import RETRY_S, AttemptFollower
from .frames import Frame
from .nodes import ResultNodes
from .paint import final_frames, loss_frame, object_frames, probe_frames, shown_of
from .progress import ProgressTable

_log = structlog.get_logger(__name__)


class JobWatch:
    """Keeps the newest frame of each plane of one job and publishes new ones.

    While the job runs, its current attempt is followed; once it has ended, its final
    picture is read. One instance serves all pages.

    Parameters
    ----------
    job : Job
    nodes : ResultNodes
    root : str
        Tiled path of all results.
    publish : callable
        Takes each new `Frame`.
    """

    def __init__(
        self, job: Job, nodes: ResultNodes, root: str, publish: Callable[[Frame], None]
    ) -> None:
        self._job = job
        self._nodes = nodes
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
        """Begin to watch."""
        self._task = _begun(self._run(), f"watch {self._job.id}")

    def job_changed(self, job: Job) -> None:
        """The ledger has a new record of the job."""
        if (job.attempt, job.state) != (self._job.attempt, self._job.state):
            self._job = job
            self._changed.set()

    async def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            await _stopped(self._task)

    async def _run(self) -> None:
        while not self._job.state.terminal:
            job = self._job
            self._changed.clear()
            follower = None
            if job.attempt:
                node = self._node_of(job)
                follows = AttemptFollower(self._nodes, node, job, self._take)
                follower = _begun(follows.run(), f"follow {node}")
            try:
                await self._changed.wait()
            finally:
                if follower is not None:
                    await _stopped(follower)
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
        values = await self._nodes.metadata(node)
        if values is None:
            return []
        metadata = NodeMetadata.read(node, values)
        shown = shown_of(job, metadata)
        frames: list[Frame] = []
        progress = ProgressTable()
        path = below(node, LIVE_PROGRESS)
        stored = await self._nodes.array(path)
        if stored is not None:
            progress.fields_are(ArrayMetadata.read(path, stored.metadata).fields)
            progress.add(stored.values)
            frames.append(loss_frame(shown, progress.curve()))
        version = progress.newest_version
        epoch = progress.epoch_of(version)
        live = await self._nodes.array(below(node, LIVE_OBJECT))
        probe = await self._nodes.array(below(node, LIVE_PROBE))
        if live is not None and probe is not None:
            what = (live.values, ArrayMetadata.read(node, live.metadata), epoch, version)
            frames += await asyncio.to_thread(object_frames, shown, *what)
            what = (probe.values, ArrayMetadata.read(node, probe.metadata), epoch, version)
            frames += await asyncio.to_thread(probe_frames, shown, *what)
            return frames
        final = await self._nodes.array(below(node, OBJECT))
        probe = await self._nodes.array(below(node, PROBE))
        if final is not None and probe is not None:
            arrays = (final.values, probe.values)
            last = progress.last_epoch
            frames += await asyncio.to_thread(final_frames, shown, *arrays, metadata, last)
        return frames


def _begun(coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    task = asyncio.create_task(coroutine, name=name)
    task.add_done_callback(_log_failure)
    return task


async def _stopped(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait([task])


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("live.task_failed", task=task.get_name(), exc_info=error)
