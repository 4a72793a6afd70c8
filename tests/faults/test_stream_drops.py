"""Streams of events that break, in short."""

from __future__ import annotations

from pathlib import Path

from tests.faults.stream_drops import dropped


def test_no_event_is_missed_or_heard_twice(tmp_path: Path) -> None:
    found = dropped(tmp_path, 1, drops=4, pause_s=(0.0, 1.0), workers=1)
    assert not found.misses, found
