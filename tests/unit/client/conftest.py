"""Pauses between tries are short."""

from __future__ import annotations

import pytest

from exitwave.client import retry


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RETRY_PAUSE_S", (0.01, 0.02))
    monkeypatch.setattr(retry, "POLL_PAUSE_S", (0.01, 0.02))
    monkeypatch.setattr(retry, "RECONNECT_S", 0.01)
