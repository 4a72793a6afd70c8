"""From news of finished scans to jobs, whichever source tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from exitwave.schema.errors import (
    AccessDenied,
    DataError,
    ExitwaveError,
    LedgerUnavailable,
    UsageError,
)
from exitwave.schema.strict import StrictModel
from exitwave.settings.service import Settings
from exitwave.triggers import registry
from exitwave.triggers.cursor import OVERLAP_S, Cursor
from exitwave.triggers.options import read_options
from exitwave.triggers.protocol import FinishedScan
from exitwave.triggers.submitter import Submitter
from exitwave.triggers.trigger import Trigger

SOON = 2_000_000_000.0


class RecordedSubmissions:
    """A source that tells of what a test has put in; a ledger that keeps cursors; a client."""

    def __init__(self) -> None:
        self.scans: list[FinishedScan] = []
        self.cursors: dict[str, str] = {}
        self.refusals: dict[str, ExitwaveError] = {}
        self.submitted: list[str] = []
        self.keys: list[str] = []
        self.trigger = self.started()

    def started(self) -> Trigger:
        """The trigger after a restart."""
        parts: Any = self
        return Trigger("recorded", parts, Submitter(parts), parts)

    def finished_after(self, unix_time: float) -> list[FinishedScan]:
        return [scan for scan in self.scans if scan.stop_time > unix_time]

    def trigger_cursor(self, name: str) -> str | None:
        return self.cursors.get(name)

    def set_trigger_cursor(self, name: str, value: str) -> None:
        self.cursors[name] = value

    def submit(self, scan: str, *, idempotency_key: str, **wanted: object) -> Any:
        if scan in self.refusals:
            raise self.refusals[scan]
        self.submitted.append(scan)
        self.keys.append(idempotency_key)
        assert wanted == {"recipe": "default", "priority": 0, "tags": ["trigger"]}
        return FinishedJob()


class FinishedJob:
    id = "01"


@pytest.fixture
def recorded() -> RecordedSubmissions:
    """Started once, so that the cursor stands."""
    recorded = RecordedSubmissions()
    recorded.trigger.catch_up()
    return recorded


def test_each_scan_becomes_one_job_over_restarts(recorded: RecordedSubmissions) -> None:
    recorded.scans = [FinishedScan("a", SOON), FinishedScan("b", SOON + 1)]
    recorded.trigger.catch_up()
    recorded.trigger.catch_up()
    assert recorded.submitted == ["a", "b"]
    recorded.scans.append(FinishedScan("c", SOON + 0.5))  # its news came late
    recorded.started().catch_up()
    assert "c" in recorded.submitted
    assert len(set(recorded.keys)) == 3, "what is asked for twice has the same key: one job"


def test_what_ended_before_the_first_start_is_left(recorded: RecordedSubmissions) -> None:
    recorded.scans = [FinishedScan("early", 1_000_000_000.0)]
    recorded.trigger.catch_up()
    assert recorded.submitted == []


def test_an_aborted_scan_becomes_none(recorded: RecordedSubmissions) -> None:
    recorded.scans = [
        FinishedScan("a", SOON, "abort", "beam lost"),
        FinishedScan("b", SOON + 1),
    ]
    recorded.trigger.catch_up()
    assert recorded.submitted == ["b"]


def test_what_cannot_be_reconstructed_holds_nothing_up(recorded: RecordedSubmissions) -> None:
    recorded.scans = [FinishedScan("a", SOON), FinishedScan("b", SOON + 1)]
    recorded.refusals = {"a": DataError("frames", "none", "some")}
    recorded.trigger.catch_up()
    recorded.refusals = {}
    recorded.trigger.catch_up()
    assert recorded.submitted == ["b"]


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), AccessDenied("no key")])
def test_what_may_pass_is_tried_again(
    recorded: RecordedSubmissions, error: ExitwaveError
) -> None:
    recorded.scans = [FinishedScan("a", SOON), FinishedScan("b", SOON + 1)]
    recorded.refusals = {"b": error}
    with pytest.raises(type(error)):
        recorded.trigger.catch_up()
    recorded.refusals = {}
    recorded.started().catch_up()
    assert sorted(set(recorded.submitted)) == ["a", "b"]


def test_a_cursor_reads_back_and_looks_back() -> None:
    cursor = Cursor(first_start=100.0, newest_stop=100.0)
    assert cursor.look_from == 100.0
    later = cursor.past(5000.25)
    assert later.look_from == 5000.25 - OVERLAP_S
    assert later.past(4000.0) == later
    assert Cursor.parse(str(later)) == later


def test_an_unknown_source_is_refused_with_those_there_are() -> None:
    settings = Settings.model_validate({"trigger": {"source": "pigeon"}})
    with pytest.raises(
        UsageError, match=r"trigger\.source: found 'pigeon'; expected one of ti"
    ):
        registry.make_source(settings)


def test_options_are_checked_by_their_source(monkeypatch: pytest.MonkeyPatch) -> None:
    class Folder(StrictModel):
        path: str

    monkeypatch.setenv("EXITWAVE__TRIGGER__OPTIONS__PATH", "/data")
    assert read_options(Folder, Settings()) == Folder(path="/data")
    with pytest.raises(UsageError, match=r"trigger\.options\.path: found '/data'; .*tiled"):
        registry.make_source(Settings())
