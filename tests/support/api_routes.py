"""Every route under ``/api`` and the scope that it asks for: who adds a route says so here."""

from __future__ import annotations

from typing import Any

from exitwave.schema.access import Scope

ROUTES: dict[tuple[str, str], Scope | None] = {
    ("POST", "/api/v1/jobs"): Scope.WRITE_JOBS,
    ("POST", "/api/v1/jobs/batch"): Scope.WRITE_JOBS,
    ("GET", "/api/v1/jobs"): Scope.READ_JOBS,
    ("GET", "/api/v1/jobs/{job_id}"): Scope.READ_JOBS,
    ("GET", "/api/v1/jobs/{job_id}/attempts"): Scope.READ_JOBS,
    ("GET", "/api/v1/jobs/{job_id}/events"): Scope.READ_JOBS,
    ("GET", "/api/v1/jobs/{job_id}/result"): Scope.READ_JOBS,
    ("PATCH", "/api/v1/jobs/{job_id}"): Scope.WRITE_JOBS,
    ("DELETE", "/api/v1/jobs/{job_id}"): Scope.WRITE_JOBS,
    ("POST", "/api/v1/jobs/{job_id}/retry"): Scope.WRITE_JOBS,
    ("POST", "/api/v1/jobs/{job_id}/rerun"): Scope.WRITE_JOBS,
    ("POST", "/api/v1/jobs/{job_id}/cancel"): Scope.WRITE_JOBS,
    ("POST", "/api/v1/jobs/{job_id}/stop"): Scope.WRITE_JOBS,
    ("POST", "/api/v1/jobs/{job_id}/frc"): Scope.WRITE_JOBS,
    ("GET", "/api/v1/events"): Scope.READ_JOBS,
    ("WEBSOCKET", "/api/v1/live"): Scope.READ_JOBS,
    ("GET", "/api/v1/queue"): Scope.READ_WORKERS,
    ("PATCH", "/api/v1/queue"): Scope.CONTROL_JOBS,
    ("GET", "/api/v1/workers"): Scope.READ_WORKERS,
    ("PATCH", "/api/v1/workers/{name}"): Scope.CONTROL_WORKERS,
    ("GET", "/api/v1/recipes"): None,
    ("GET", "/api/v1/metrics"): Scope.READ_WORKERS,
    ("GET", "/metrics"): Scope.READ_WORKERS,
    ("GET", "/api/v1/session"): None,
    ("DELETE", "/api/v1/session"): None,
    ("POST", "/api/v1/session/code"): Scope.ADMIN,
    ("POST", "/api/v1/keys"): Scope.ADMIN,
    ("GET", "/api/v1/keys"): Scope.ADMIN,
    ("DELETE", "/api/v1/keys/{key_id}"): Scope.ADMIN,
}
"""None: any key or session will do."""

LOG_IN = ("POST", "/api/v1/session")
"""The one route that asks for nothing: it is where a session begins."""

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/v1/jobs"): {"scan": "7f0c"},
    ("POST", "/api/v1/jobs/batch"): {"scans": ["7f0c"]},
    ("PATCH", "/api/v1/jobs/{job_id}"): {"priority": 3},
    ("POST", "/api/v1/jobs/{job_id}/rerun"): {},
    ("PATCH", "/api/v1/queue"): {"paused": False},
    ("PATCH", "/api/v1/workers/{name}"): {"draining": False},
    ("POST", "/api/v1/keys"): {"owner": "ann", "scopes": ["read:jobs"]},
}
