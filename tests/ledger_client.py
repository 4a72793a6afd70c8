"""The ledger as tests use it: whatever workers and the service can ask of it, blocking."""

from __future__ import annotations

from exitwave.ledger import BlockingServiceLedger, WorkerLedger


class Ledger(WorkerLedger, BlockingServiceLedger):
    """A worker and the service at once."""
