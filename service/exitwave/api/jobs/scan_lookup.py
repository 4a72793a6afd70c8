"""Find and check the scan of a submission, without making the API wait for a slow import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from cachetools import TTLCache

from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import TiledUnavailable
from exitwave.schema.job import ScanRef
from exitwave.settings.service import Settings

if TYPE_CHECKING:
    from exitwave.scans import TiledScans

MAX_CHECKS = 1000
CHECK_TTL_S = 300.0
"""A scan that has ended does not change, but its server may be repaired."""

FULL_UID_LENGTH = 36

CheckKey = tuple[str, DataOptions, GeometryOverrides]
"""Uid of a scan and how it is to be used: all that a check depends on."""

_log = structlog.get_logger(__name__)


class ScanLookup:
    """Finds and checks scans in threads.

    Parameters
    ----------
    settings : Settings
        Where Tiled is, and the name of the beamline's profile.
    timer : callable
        Seconds, never going back.
    """

    def __init__(self, settings: Settings, timer: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._scans: TiledScans | None = None
        self._opening = asyncio.Lock()
        # Scans that passed the check lately: ended ones only, and never a refusal.
        self._checked: TTLCache[CheckKey, ScanRef] = TTLCache(MAX_CHECKS, CHECK_TTL_S, timer)

    async def open(self) -> TiledScans:
        """Import the Tiled client and load the profile, once; takes seconds."""
        async with self._opening:
            if self._scans is None:
                self._scans = await asyncio.to_thread(_open, self._settings)
            return self._scans

    async def look_up(
        self, scan: str | int, data: DataOptions, geometry: GeometryOverrides
    ) -> ScanRef:
        """Find the scan that a request names, and check it as far as its metadata allow.

        A whole uid always means the same scan: one that passed lately is not asked for again.
        While Tiled is away the reference holds what was asked for, and
        the worker resolves it when it claims the job.

        Raises
        ------
        ScanNotFound, ScanNotFinished, DataError, GeometryError
            The scan cannot be reconstructed; known without reading a frame.
        """
        whole = isinstance(scan, str) and len(scan) == FULL_UID_LENGTH
        known = self._checked.get((str(scan), data, geometry)) if whole else None
        if known is not None:
            return known
        try:
            scans = await self.open()
            ref = await asyncio.to_thread(_find_and_check, scans, scan, data, geometry)
        except TiledUnavailable as error:
            _log.warning("scan.unchecked", scan=scan, reason=str(error))
            return ScanRef(uid=str(scan), path=f"{self._settings.tiled.raw}/{scan}")
        self._checked[ref.uid, data, geometry] = ref
        return ref


def _open(settings: Settings) -> TiledScans:
    from exitwave.scans import TiledScans, load_profile

    return TiledScans(settings.tiled, load_profile(settings.beamline))


def _find_and_check(
    scans: TiledScans, scan: str | int, data: DataOptions, geometry: GeometryOverrides
) -> ScanRef:
    return scans.check(scans.find(scan).uid, data, geometry)
