"""The event source on Tiled: Bluesky runs whose stop document has arrived."""

from __future__ import annotations

import threading

import structlog

from exitwave.schema.errors import TiledUnavailable
from exitwave.settings.service import Settings
from exitwave.tiled_http import Json, TiledReader, greater

from .options import NoOptions, read_options
from .protocol import FinishedScan

POLL_S = 10.0
"""Between two looks at the catalogue while Tiled's stream is silent."""
SETTLE_S = 1.0
"""Before the second look, when the stream had yet to be opened at the first."""

_log = structlog.get_logger(__name__)


class TiledRuns:
    """Finished runs of the catalogue that the settings name.

    Tiled's stream wakes it; which runs have finished is always read from the catalogue.

    Parameters
    ----------
    settings : Settings
        The server and the path of the catalogue: section ``tiled``.
    """

    def __init__(self, settings: Settings) -> None:
        read_options(NoOptions, settings)
        self._uri, self._raw = settings.tiled.uri, settings.tiled.raw.strip("/")
        self._tiled = TiledReader(settings.tiled)
        self._news = threading.Event()
        self._listener: threading.Thread | None = None

    def finished_after(self, unix_time: float) -> list[FinishedScan]:
        """Runs that ended after that time, oldest first.

        Raises
        ------
        TiledUnavailable
            Tiled does not answer, or has no such catalogue yet.
        """
        found = self._tiled.matching(self._raw, greater("stop.time", unix_time))
        if found is None:
            raise TiledUnavailable(
                f"Tiled at {self._uri}: found no /{self._raw}; expected the container "
                "of the runs (setting tiled.raw)"
            )
        scans = [_finished(key, attributes["metadata"]) for key, attributes in found.items()]
        return sorted(scans, key=lambda scan: scan.stop_time)

    def wait(self) -> None:
        """Until a stop document arrives; not for long if it could be missed."""
        self._news.wait(SETTLE_S if self._listen() else POLL_S)
        self._news.clear()

    def _listen(self) -> bool:
        """See that somebody listens to the stream; whether nobody did so far."""
        if self._listener is not None and self._listener.is_alive():
            return False
        self._listener = threading.Thread(target=self._receive, daemon=True)
        self._listener.start()
        return True

    def _receive(self) -> None:
        try:
            for update in self._tiled.child_updates(self._raw):
                if "stop" in update.metadata:
                    self._news.set()
        except TiledUnavailable as error:
            _log.warning("stream.lost", reason=str(error))
        else:
            _log.info("stream.closed")


def _finished(key: str, metadata: Json) -> FinishedScan:
    stop = metadata["stop"]
    return FinishedScan(
        uid=str(metadata.get("start", {}).get("uid", key)),
        stop_time=float(stop["time"]),
        exit_status=str(stop.get("exit_status", "")),
        reason=str(stop.get("reason", "")),
    )
