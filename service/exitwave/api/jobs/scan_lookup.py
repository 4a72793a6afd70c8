"""Looking scans up for submissions, without making the API wait for a slow import."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import TiledUnavailable
from exitwave.schema.job import ScanRef
from exitwave.settings.service import Settings

if TYPE_CHECKING:
    from exitwave.scans import TiledScans

REMEMBERED = 1000
REMEMBERED_S = 300.0
"""A scan that has ended does not change, but its server may be repaired."""

_FULL_UID = 36

Question = tuple[str, DataOptions, GeometryOverrides]
"""Uid of a scan and how it is to be used: what a check depends on."""

_log = structlog.get_logger(__name__)


class CheckedScans:
    """Scans that were found good lately: ended ones only, and never a refusal.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[Question, tuple[float, ScanRef]] = OrderedDict()

    def get(self, question: Question) -> ScanRef | None:
        """The answer, unless it is too old."""
        until_s, ref = self._found.get(question, (0.0, None))
        return ref if self._clock() < until_s else None

    def put(self, question: Question, ref: ScanRef) -> None:
        """Remember an answer, and forget the oldest one over the limit."""
        self._found[question] = (self._clock() + REMEMBERED_S, ref)
        self._found.move_to_end(question)
        if len(self._found) > REMEMBERED:
            self._found.popitem(last=False)


class ScanLookup:
    """Finds and checks scans in threads.

    Parameters
    ----------
    settings : Settings
        Where Tiled is, and the name of the beamline's profile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scans: TiledScans | None = None
        self._opening = asyncio.Lock()
        self._checked = CheckedScans()

    async def open(self) -> TiledScans:
        """Import the Tiled client and load the profile, once; takes seconds."""
        async with self._opening:
            if self._scans is None:
                self._scans = await asyncio.to_thread(_open, self._settings)
            return self._scans

    async def look_up(
        self, scan: str | int, data: DataOptions, geometry: GeometryOverrides
    ) -> ScanRef:
        """The scan that is meant, checked as far as its metadata allow.

        A whole uid always means the same scan, so that one which was found good lately is
        not asked for again. While Tiled is away the reference holds what was asked for, and
        the worker resolves it when it claims the job.

        Raises
        ------
        ScanNotFound, ScanNotFinished, DataError, GeometryError
            The scan cannot be reconstructed; known without reading a frame.
        """
        whole = isinstance(scan, str) and len(scan) == _FULL_UID
        known = self._checked.get((str(scan), data, geometry)) if whole else None
        if known is not None:
            return known
        try:
            scans = await self.open()
            ref = await asyncio.to_thread(_find_and_check, scans, scan, data, geometry)
        except TiledUnavailable as error:
            _log.warning("scan.unchecked", scan=scan, reason=str(error))
            return ScanRef(uid=str(scan), path=f"{self._settings.tiled.raw}/{scan}")
        self._checked.put((ref.uid, data, geometry), ref)
        return ref


def _open(settings: Settings) -> TiledScans:
    from exitwave.scans import TiledScans, load_profile

    return TiledScans(settings.tiled, load_profile(settings.beamline))


def _find_and_check(
    scans: TiledScans, scan: str | int, data: DataOptions, geometry: GeometryOverrides
) -> ScanRef:
    return scans.check(scans.find(scan).uid, data, geometry)
