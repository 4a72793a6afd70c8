"""What an event source is asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FinishedScan:
    """A scan that has ended, well or not.

    Attributes
    ----------
    uid : str
        As the scan is called when a job is submitted.
    stop_time : float
        Unix time of its end.
    exit_status : str
        ``success``, or how else it ended, in Bluesky's words.
    reason : str
        Why it ended otherwise, if somebody said so.
    """

    uid: str
    stop_time: float
    exit_status: str = "success"
    reason: str = ""


class EventSource(Protocol):
    """Tells of finished scans: a catalogue, a folder, a message bus.

    It keeps nothing over a restart: scans are asked for by the time of their end, of which
    the trigger's cursor says how far they were dealt with. So whatever is missed, by either
    side, is found at the next look.
    """

    def finished_after(self, unix_time: float) -> Iterable[FinishedScan]:
        """Scans that ended after that time, oldest first; the same ones again if asked again.

        Raises
        ------
        Unavailable
            The source does not answer; it is asked again soon.
        """

    def wait(self) -> None:
        """Return when a scan may have finished; after some seconds in any case."""
