"""Finding and opening the runs of a Tiled catalogue."""

from __future__ import annotations

import re

from exitwave.schema.data import DataOptions, GeometryOverrides
from exitwave.schema.errors import DataError, InvalidInput, ScanNotFinished, ScanNotFound
from exitwave.schema.job import ScanRef
from exitwave.settings.service import TiledSettings
from exitwave.tiled_http import Json, TiledReader, begins_with, equals

from .profile import Profile
from .run import TiledScan

_UID = re.compile(r"[0-9A-Za-z-]+")
_SHORTEST_PREFIX = 4
_FULL_UID = 36
_LARGEST_SCAN_ID = 2**53


class TiledScans:
    """Runs of one catalogue, read with one profile.

    Parameters
    ----------
    settings : TiledSettings
        The server and the path of the catalogue.
    profile : Profile
        How the beamline stores its scans.

    Notes
    -----
    Every method raises `TiledUnavailable` where Tiled does not answer. Safe to use from
    several threads.
    """

    def __init__(self, settings: TiledSettings, profile: Profile) -> None:
        self._tiled = TiledReader(settings)
        self._profile = profile
        self._raw = settings.raw.strip("/")

    def find(self, scan: str | int) -> ScanRef:
        """The run that a user means: a uid, a unique prefix of one, or a scan_id.

        Of several runs with the same scan_id the one that started last is meant. A word of
        digits is a scan_id if there is such a scan, else the beginning of a uid.

        Raises
        ------
        ScanNotFound
            There is no such run.
        InvalidInput
            Several uids begin like this.
        """
        word = str(scan).strip()
        if word.isdecimal() and int(word) < _LARGEST_SCAN_ID:
            newest = self._tiled.newest(self._raw, equals("start.scan_id", int(word)), limit=1)
            if newest:
                return self._ref(*next(iter(newest.items())))
            if isinstance(scan, int):
                raise ScanNotFound(f"scan: no run with scan_id {word} in {self._raw}")
        if not _UID.fullmatch(word) or len(word) < _SHORTEST_PREFIX:
            raise ScanNotFound(
                f"scan: found {word!r}; expected a scan_id or a uid, at least its first "
                f"{_SHORTEST_PREFIX} characters"
            )
        return self._by_uid(word)

    def open(self, uid: str) -> TiledScan:
        """A finished run, ready to read.

        Raises
        ------
        ScanNotFound
            There is no such run.
        ScanNotFinished
            It has no stop document yet.
        DataError
            It cannot be used; the message says why.
        """
        documents = self._documents(uid)
        ref = self._ref(uid, {"metadata": documents})
        if documents.get("stop") is None:
            raise ScanNotFinished(
                f"scan {uid}: found no stop document; expected a run that has ended"
            )
        return TiledScan(self._tiled, self._profile, ref, documents)

    def check(self, uid: str, data: DataOptions, geometry: GeometryOverrides) -> ScanRef:
        """What can be known of a scan without reading its frames.

        Parameters
        ----------
        uid : str
            Of the run.
        data, geometry
            As the job asks for.

        Returns
        -------
        ScanRef
            With the number of frames.

        Raises
        ------
        ScanNotFound, ScanNotFinished, DataError, GeometryError
            The scan cannot be reconstructed like this.
        """
        scan = self.open(uid)
        scan.geometry(geometry)
        height, width = scan.shape_HW
        if data.crop_px > min(height, width):
            raise DataError(
                "data.crop_px", data.crop_px, f"at most {min(height, width)}, the frame's side"
            )
        return scan.ref

    def _by_uid(self, word: str) -> ScanRef:
        if len(word) == _FULL_UID:
            return self._ref(word, {"metadata": self._documents(word)})
        found = self._tiled.newest(self._raw, begins_with("start.uid", word), limit=3)
        if not found:
            raise ScanNotFound(f"scan: no run whose uid begins with {word!r} in {self._raw}")
        if len(found) > 1:
            raise InvalidInput(
                "scan", word, f"more characters: {', '.join(sorted(found))} begin like this"
            )
        return self._ref(*next(iter(found.items())))

    def _documents(self, uid: str) -> Json:
        node = self._tiled.node(f"{self._raw}/{uid}") if _UID.fullmatch(uid) else None
        if node is None or "start" not in node["metadata"]:
            raise ScanNotFound(f"scan: no run {uid!r} in {self._raw}")
        documents: Json = node["metadata"]
        return documents

    def _ref(self, uid: str, attributes: Json) -> ScanRef:
        start = attributes["metadata"]["start"]
        scan_id = start.get("scan_id")
        scan = start.get("scan")
        sample = (scan.get("sample_name") if isinstance(scan, dict) else "") or start.get(
            "sample"
        )
        return ScanRef(
            uid=uid,
            scan_id=scan_id if isinstance(scan_id, int) else None,
            sample=sample if isinstance(sample, str) else "",
            path=f"{self._raw}/{uid}",
        )
