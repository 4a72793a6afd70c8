"""Which picture a message of a Tiled stream carries."""

from __future__ import annotations

from .progress_table import ProgressTable

RESTART_GAP = 3
"""More messages than this cannot pass between subscribing and reading the table."""


class FrameSequencer:
    """Gives the messages of one node's stream the numbers of their pictures.

    A message carries no metadata, only its place in the stream: message k is picture k. But
    Tiled keeps that count in memory and starts again at 1 when it restarts; pictures would
    then be shown under epochs long past. A count that has fallen back, or is too far behind
    the table at the first message of a subscription, tells of a restart: that message is the
    newest picture that has a row, and what follows is counted on from there.

    Parameters
    ----------
    table : ProgressTable
        Of the same attempt; a picture's row is stored before the picture is.
    """

    def __init__(self, table: ProgressTable) -> None:
        self._table = table
        self._shift = 0
        self._last = 0

    def subscribed(self) -> None:
        """A subscription begins; the count may have been forgotten since the last one."""
        self._last = 0

    def version_of(self, sequence: int) -> int:
        """Number of the picture that message `sequence` carries."""
        behind = self._table.newest_version - (sequence + self._shift)
        if sequence <= self._last or (self._last == 0 and behind > RESTART_GAP):
            self._shift += behind
        self._last = sequence
        return sequence + self._shift
