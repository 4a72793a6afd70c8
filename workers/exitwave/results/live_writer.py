"""Live pictures and progress, written in the background: latest wins, rows are never lost.

The order of writing makes every picture's epoch exact: the row of ``live/progress`` that
names picture k is in Tiled before the picture is, and the k-th write of ``live/object`` is
picture k.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from exitwave.schema.result import (
    FIELDS,
    LIVE_OBJECT,
    LIVE_PROBE,
    LIVE_PROGRESS,
    PICTURE_VERSION,
    ArrayMetadata,
)

from .history import row_of
from .node import ResultNode, holds, may_pass, put_once
from .planes import Planes, binned_planes
from .protocol import Snapshot

RETRY_S = (0.5, 5.0)
"""First and longest pause after a failed write."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A state that is to become a picture, and its line in the table of progress."""

    state: Snapshot
    line: int


class LiveWriter:
    """Writes one attempt's ``live`` arrays from a thread of its own.

    Parameters
    ----------
    node : ResultNode
        Used by this writer alone until `done` says yes or it was abandoned.
    publish_s : float
        Shortest time between two pictures.
    history : ndarray (n, 6), optional
        Rows of the epochs that an earlier attempt has done.
    """

    def __init__(
        self,
        node: ResultNode,
        publish_s: float,
        history: NDArray[np.float64] | None = None,
    ) -> None:
        self._node = node
        self._publish_s = publish_s
        self._log = _log.bind(node=node.path)
        self._changed = threading.Condition()
        self._rows: list[list[float]] = [] if history is None else history.tolist()
        self._newest: _Chosen | None = None
        self._ending = False
        self._abandoned = False
        # Of the writing thread alone:
        self._rows_sent = 0
        self._version = 0
        self._line_shown = -1
        self._unsure = False
        self._thread = threading.Thread(target=self._write_until_done, daemon=True)
        self._thread.start()

    def offer(self, state: Snapshot) -> None:
        """Take note of an epoch. Returns at once; keeps the state until a newer one comes."""
        with self._changed:
            self._rows.append(row_of(state))
            self._newest = _Chosen(state, len(self._rows) - 1)
            self._changed.notify()

    def end(self) -> None:
        """No more epochs: the last one's picture and all rows go out now."""
        with self._changed:
            self._ending = True
            self._changed.notify()

    def done(self, within_s: float) -> bool:
        """Wait at most `within_s`; whether all is written, or given up as refused.

        Call `end` first. A refusal is logged; the final arrays will meet it too.
        """
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Write nothing more, except for a request that is already under way."""
        with self._changed:
            self._abandoned = True
            self._changed.notify()

    def _write_until_done(self) -> None:
        due_s = time.monotonic()
        while (chosen := self._next(due_s)) is not None:
            due_s = time.monotonic() + self._publish_s
            pause_s = RETRY_S[0]
            while (error := self._try(chosen)) is not None:
                if self._ending and not may_pass(error):
                    self._log.error("live.given_up")
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._abandoned, pause_s)
                if self._abandoned:
                    return
                pause_s = min(2 * pause_s, RETRY_S[1])

    def _next(self, due_s: float) -> _Chosen | None:
        """The newest state once it is due; None at the end."""
        with self._changed:
            while not self._abandoned:
                wait_s = due_s - time.monotonic()
                if self._newest is not None and (wait_s <= 0 or self._ending):
                    chosen, self._newest = self._newest, None
                    return chosen
                if self._ending:
                    return None
                self._changed.wait(wait_s if self._newest is not None else None)
            return None

    def _try(self, chosen: _Chosen) -> Exception | None:
        try:
            self._write(chosen)
        except Exception as error:  # noqa: BLE001 - no failure here may stop the engine
            self._log.warning("live.write_failed", error=f"{type(error).__name__}: {error}")
            self._node.forget()
            return error
        return None

    def _write(self, chosen: _Chosen) -> None:
        """Rows up to the chosen state's, then its pictures. May be repeated."""
        state = chosen.state
        planes = binned_planes(state.object_MYX()[0], state.illuminated_YX())
        if planes.finite and chosen.line != self._line_shown:
            with self._changed:
                self._rows[chosen.line][FIELDS.index(PICTURE_VERSION)] = self._version + 1
        self._write_rows(chosen.line + 1)
        if not planes.finite:
            self._log.warning("live.picture_not_finite", epoch=state.epoch)
            return
        self._write_object(planes, chosen)
        probe = binned_planes(state.probe_NHW()[0])
        if probe.finite:
            put_once(
                self._node.array(LIVE_PROBE, probe.planes_2hw, self._scale(probe)),
                probe.planes_2hw,
            )

    def _write_rows(self, end: int) -> None:
        # Not beyond the chosen state's row: a later one may yet become a picture, and its
        # row must say so from the start.
        with self._changed:
            rows = np.array(self._rows[self._rows_sent : end])
        if len(rows):
            array = self._node.array(LIVE_PROGRESS, rows[:1], ArrayMetadata(fields=FIELDS))
            array.patch(rows, offset=(self._rows_sent,), extend=True)
            self._rows_sent = end

    def _write_object(self, planes: Planes, chosen: _Chosen) -> None:
        is_new = chosen.line != self._line_shown
        _, height, width = chosen.state.object_MYX().shape
        metadata = ArrayMetadata(
            bin=planes.bin_px,
            pixel_size_m=self._pixel_size_m(planes.bin_px),
            epoch=chosen.state.epoch,
            version=self._version + 1 if is_new else self._version,
            origin_m=self._origin_m(planes.bin_px),
            illuminated_box=planes.box,
            full_shape=(height, width),
        )
        array = self._node.array(LIVE_OBJECT, planes.planes_2hw, metadata)
        if is_new:
            self._put_object(array, planes.planes_2hw)
            self._version += 1
            self._line_shown = chosen.line
        if self._version > 1:
            array.update_metadata(metadata.written(), drop_revision=True)

    def _put_object(self, array: Any, planes_2hw: NDArray[np.float32]) -> None:
        if self._unsure and holds(array, planes_2hw):
            self._unsure = False  # only the answer to the last request was lost
            return
        self._unsure = True
        put_once(array, planes_2hw)
        self._unsure = False

    def _scale(self, planes: Planes) -> ArrayMetadata:
        return ArrayMetadata(bin=planes.bin_px, pixel_size_m=self._pixel_size_m(planes.bin_px))

    def _pixel_size_m(self, bin_px: int) -> float:
        return self._node.record.pixel_size_m * bin_px

    def _origin_m(self, bin_px: int) -> tuple[float, float]:
        """Centre of the first binned pixel."""
        shift_m = self._node.record.pixel_size_m * (bin_px - 1) / 2
        y_m, x_m = self._node.record.origin_m
        return y_m + shift_m, x_m + shift_m
