"""Runs in Tiled: which are finished, and the news of the next one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from tiled.client import from_uri
from tiled.queries import Key
from websockets.exceptions import WebSocketException

from exitwave.schema.errors import TiledUnavailable
from exitwave.settings.service import TiledSettings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run with a stop document."""

    uid: str
    stop_time: float
    exit_status: str
    reason: str


class Runs:
    """The container of the runs.

    Parameters
    ----------
    settings : TiledSettings

    Attributes
    ----------
    news : threading.Event
        Set when a run may have finished.
    """

    def __init__(self, settings: TiledSettings) -> None:
        self._settings = settings
        self._node: Any = None
        self._listener: threading.Thread | None = None
        self.news = threading.Event()

    def finished_after(self, unix_time: float) -> list[FinishedRun]:
        """Runs that ended after that time, oldest first.

        Raises
        ------
        TiledUnavailable
            Tiled does not answer, or has no such container yet.
        """
        try:
            found = self._open().search(Key("stop.time") > unix_time)
            runs = [_finished(uid, run.metadata) for uid, run in found.items()]
        except (httpx.HTTPError, OSError, KeyError) as error:
            self._node = None
            raise TiledUnavailable(
                f"Tiled at {self._settings.uri} gave no list of the runs in "
                f"/{self._settings.raw}: {error}"
            ) from error
        return sorted(runs, key=lambda run: run.stop_time)

    def listen(self) -> bool:
        """See that somebody listens to Tiled's stream. To be called again and again.

        Returns
        -------
        bool
            Nobody did so far: news may be missed in the next moment.
        """
        if self._listener is not None and self._listener.is_alive():
            return False
        # A thread of ours: Tiled's own start_in_thread() never returns when the server
        # refuses the stream.
        self._listener = threading.Thread(target=self._receive, daemon=True)
        self._listener.start()
        return True

    def _receive(self) -> None:
        try:
            subscription = self._open().subscribe()
            subscription.child_metadata_updated.add_callback(self._on_update)
            subscription.start()
        except (httpx.HTTPError, WebSocketException, OSError, KeyError) as error:
            _log.warning("stream.lost", reason=str(error) or type(error).__name__)
        else:
            _log.info("stream.closed")

    def _on_update(self, update: Any) -> None:
        """Note a stop document. The subscription holds this method weakly; `self` lives."""
        if "stop" in update.metadata:
            self.news.set()

    def _open(self) -> Any:
        if self._node is None:
            uri = self._settings.uri.rstrip("/")
            # Tiled's client tries for most of a minute before it gives up; ask once before.
            httpx.get(f"{uri}/healthz", timeout=5.0).raise_for_status()
            node = from_uri(f"{uri}/api/v1", api_key=self._settings.api_key.get_secret_value())
            for name in self._settings.raw.strip("/").split("/"):
                node = node[name]
            self._node = node
        return self._node


def _finished(key: str, metadata: Any) -> FinishedRun:
    stop = metadata["stop"]
    return FinishedRun(
        uid=str(metadata.get("start", {}).get("uid", key)),
        stop_time=float(stop["time"]),
        exit_status=str(stop.get("exit_status", "")),
        reason=str(stop.get("reason", "")),
    )
