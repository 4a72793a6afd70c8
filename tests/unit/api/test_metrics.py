"""What one API process measures by itself."""

from __future__ import annotations

from tests.unit.api.made import after

from exitwave.api.observability.metrics import Metrics
from exitwave.ledger import ServiceLedger
from exitwave.schema.job import Event, EventKind, JobState, Progress
from exitwave.settings.service import LedgerSettings


def event(kind: EventKind, at_s: float, job_id: str = "j", epoch: int | None = None) -> Event:
    return Event(
        id="1-0",
        at=after(at_s),
        job_id=job_id,
        kind=kind,
        state=JobState.CANCELLED if kind == "ended" else JobState.RUNNING,
        attempt=1,
        progress=None if epoch is None else Progress(phase="reconstructing", epoch=epoch),
    )


def test_the_way_to_the_first_epoch_is_measured_once() -> None:
    metrics = Metrics(ServiceLedger(LedgerSettings()))

    def measured() -> tuple[float | None, float | None]:
        name = "exitwave_job_first_epoch_seconds"
        value = metrics.registry.get_sample_value
        return value(f"{name}_count"), value(f"{name}_sum")

    metrics.note(event("submitted", 0))
    metrics.note(event("progress", 3, epoch=0))
    assert measured() == (0, 0)
    metrics.note(event("progress", 7, epoch=1))
    metrics.note(event("progress", 9, epoch=2))
    assert measured() == (1, 7)
    # Its beginning was not seen, or it never got so far.
    metrics.note(event("progress", 9, "unknown", epoch=1))
    metrics.note(event("submitted", 10, "ended"))
    metrics.note(event("ended", 11, "ended"))
    metrics.note(event("progress", 12, "ended", epoch=1))
    assert measured() == (1, 7)
