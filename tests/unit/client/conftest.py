"""Pauses between tries are short."""

from __future__ import annotations

import pytest

from exitwave.client import patience


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_S", (0.01, 0.02))
    monkeypatch.setattr(patience, "POLL_S", (0.01, 0.02))
    monkeypatch.setattr(patience, "RECONNECT_S", 0.01)
