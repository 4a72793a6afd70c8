"""Metrics for Prometheus: queue and workers at the moment, and the requests of this process.

Numbers of the whole service come from the ledger at each scrape, so that they survive
restarts and are the same from every API process. Histograms are of this process.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from cachetools import FIFOCache
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exitwave.ledger import ServiceLedger
from exitwave.ledger.reads import QueueView
from exitwave.schema.job import Event, JobState
from exitwave.schema.worker import WorkerInfo, WorkerState

__all__ = ["CONTENT_TYPE", "Metrics", "RequestMetricsMiddleware"]

PRIORITIES = range(10)
WORKER_STATES: tuple[WorkerState, ...] = ("starting", "idle", "busy", "draining", "quarantined")
FIRST_EPOCH_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14400)
REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
MAX_WAITING_JOBS = 10_000
"""Jobs without an epoch yet whose submission is kept."""

UNKNOWN_ROUTE = "none"


class Metrics:
    """The measurements of one API process.

    Parameters
    ----------
    ledger : ServiceLedger
        Asked at each scrape.
    """

    def __init__(self, ledger: ServiceLedger) -> None:
        self._ledger = ledger
        self._submitted: FIFOCache[str, datetime] = FIFOCache(MAX_WAITING_JOBS)
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "exitwave_request_answered_seconds",
            "From a request's arrival to the head of its answer.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=REQUEST_S,
        )
        self.first_epoch = Histogram(
            "exitwave_job_first_epoch_seconds",
            "From a job's submission to the end of its first epoch.",
            registry=self.registry,
            buckets=FIRST_EPOCH_S,
        )

    def note(self, event: Event) -> None:
        """Measure the way from submission to the first epoch."""
        if event.kind == "submitted":
            self._submitted[event.job_id] = event.at
        elif event.kind == "progress" and event.progress and event.progress.epoch > 0:
            began = self._submitted.pop(event.job_id, None)
            if began is not None:
                self.first_epoch.observe((event.at - began).total_seconds())
        elif event.state.terminal:
            self._submitted.pop(event.job_id, None)

    async def text(self) -> bytes:
        """Everything in Prometheus's text format.

        Raises
        ------
        LedgerUnavailable
            The queue does not answer: Prometheus shows the scrape as failed.
        """
        view = await self._ledger.queue(limit=1)
        counts = await self._ledger.counts()
        workers = await self._ledger.workers()
        scrape = CollectorRegistry()
        scrape.register(
            _Snapshot([*_of_queue(view), *_of_counts(counts), _of_workers(workers)])
        )
        return generate_latest(scrape) + generate_latest(self.registry)


class RequestMetricsMiddleware:
    """Measures every request by its route, not its path: ids would make series without end.

    Time is taken at the head of the response. prometheus-fastapi-instrumentator counts a
    request when its body ends, an event stream after hours, and matches each route twice.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
                labels = (scope["method"], route, message["status"])
                self._metrics.requests.labels(*labels).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, sending)


class _Snapshot:
    """Finished metrics in the form that a registry asks for."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _of_queue(view: QueueView) -> list[Metric]:
    waiting = GaugeMetricFamily(
        "exitwave_job_waiting_count",
        "Jobs that wait, by priority; 0 is live.",
        labels=["priority"],
    )
    for priority in PRIORITIES:
        waiting.add_metric([str(priority)], view.depths.get(priority, 0))
    since = view.oldest_waiting_since
    age_s = max(0.0, time.time() - since.timestamp()) if since is not None else 0.0
    return [
        waiting,
        GaugeMetricFamily(
            "exitwave_job_waiting_oldest_seconds",
            "Age of the job that was submitted first of those that wait; 0: none waits.",
            value=age_s,
        ),
        GaugeMetricFamily("exitwave_job_running_count", "Jobs that run.", value=view.running),
        GaugeMetricFamily(
            "exitwave_queue_paused_state", "1: nothing is claimed.", value=int(view.paused)
        ),
    ]


def _of_counts(counts: dict[str, int]) -> list[Metric]:
    ended = CounterMetricFamily(
        "exitwave_job_ended", "Jobs that ended, by state.", labels=["state"]
    )
    for state in JobState:
        if state.terminal:
            ended.add_metric([state.value], counts.get(f"ended:{state.value}", 0))
    totals = (
        ("exitwave_job_submitted", "Jobs that were accepted.", "submitted"),
        ("exitwave_attempt_started", "Attempts that were begun.", "started"),
        ("exitwave_attempt_lost", "Attempts whose worker fell silent.", "lost"),
        ("exitwave_attempt_preempted", "Attempts that live work preempted.", "preempted"),
        ("exitwave_attempt_stale", "Finishes of stale attempts, refused.", "stale"),
    )
    return [
        ended,
        *(
            CounterMetricFamily(name, text, value=counts.get(kind, 0))
            for name, text, kind in totals
        ),
    ]


def _of_workers(workers: list[WorkerInfo]) -> Metric:
    found = GaugeMetricFamily("exitwave_worker_reporting_count", "Workers.", labels=["state"])
    for state in WORKER_STATES:
        found.add_metric([state], sum(worker.state == state for worker in workers))
    return found
