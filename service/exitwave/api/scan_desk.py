"""Looking scans up for submissions, without making the API wait for a slow import."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import TiledUnavailable
from exitwave.schema.job import ScanRef
from exitwave.settings.service import Settings

if TYPE_CHECKING:
    from exitwave.scans import TiledScans

_log = structlog.get_logger(__name__)


class ScanDesk:
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

        While Tiled is away the reference holds what was asked for, and the worker resolves
        it when it claims the job.

        Raises
        ------
        ScanNotFound, ScanNotFinished, DataError, GeometryError
            The scan cannot be reconstructed; known without reading a frame.
        """
        try:
            scans = await self.open()
            return await asyncio.to_thread(_find_and_check, scans, scan, data, geometry)
        except TiledUnavailable as error:
            _log.warning("scan.unchecked", scan=scan, reason=str(error))
            return ScanRef(uid=str(scan), path=f"{self._settings.tiled.raw}/{scan}")


def _open(settings: Settings) -> TiledScans:
    from exitwave.scans import TiledScans, load_profile

    return TiledScans(settings.tiled, load_profile(settings.beamline))


def _find_and_check(
    scans: TiledScans, scan: str | int, data: DataOptions, geometry: GeometryOverrides
) -> ScanRef:
    return scans.check(scans.find(scan).uid, data, geometry)
