"""The application: routers, access, errors, and what runs beside the requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from exitwave.ledger import ServiceLedger
from exitwave.settings.service import Settings
from exitwave.web import add_dashboard

from .access.authenticator import read_key
from .access.control import AccessControl
from .access.middleware import AccessMiddleware
from .background import follow_events, open_scans, run_clock
from .documentation.openapi import add_description
from .http.body_limit import BodyLimitMiddleware
from .http.cors import add_cors
from .http.problems import install_handlers
from .jobs.scan_lookup import ScanLookup
from .observability.metrics import Metrics, RequestMetricsMiddleware
from .observability.request_log import RequestLogMiddleware
from .routers import (
    docs,
    events,
    health,
    jobs,
    keys,
    live,
    metrics,
    queue,
    recipes,
    results,
    session,
    signals,
    workers,
)
from .tasks import keep_running

ROUTERS = (
    jobs,
    signals,
    events,
    results,
    live,
    queue,
    workers,
    recipes,
    metrics,
    session,
    keys,
    health,
    docs,
)


def build_app(settings: Settings) -> FastAPI:
    """Make the API, not yet connected to anything.

    Raises
    ------
    UsageError
        There is no access key.
    """
    key = read_key(settings.api)
    ledger = ServiceLedger(settings.ledger)
    access = AccessControl(ledger, settings, key)
    app = routed_app()
    app.state.settings = settings
    app.state.access = access
    app.state.ledger = ledger
    app.state.scans = ScanLookup(settings)
    app.state.metrics = Metrics(ledger)
    install_handlers(app)
    # The last one added is the first one passed.
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.api.max_body_bytes)
    app.add_middleware(AccessMiddleware, access=access)
    add_cors(app, settings.api.cors_origins)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(RequestMetricsMiddleware, metrics=app.state.metrics)
    return app


def routed_app() -> FastAPI:
    """Make the routes and their description, without what answers them."""
    app = FastAPI(
        title="exitwave",
        summary="Live ptychographic reconstruction: jobs, events, results.",
        version=_version(),
        lifespan=_lifespan,
        # The framework's pages of documentation load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
    )
    for module in ROUTERS:
        app.include_router(module.router)
    docs.add_assets(app)
    add_dashboard(app)
    add_description(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    ledger: ServiceLedger = app.state.ledger
    lease_s: float = app.state.settings.ledger.lease_s
    measured: Metrics = app.state.metrics
    work: dict[str, Callable[[], Coroutine[object, object, None]]] = {
        "tick": lambda: run_clock(ledger, lease_s),
        "scans": lambda: open_scans(app.state.scans),
        "metrics": lambda: follow_events(ledger, measured),
        "access": app.state.access.streams.watch,
    }
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(keep_running(name, begin)) for name, begin in work.items()]
        yield
        for task in running:
            task.cancel()
    await ledger.close()


def _version() -> str:
    try:
        return version("exitwave")
    except PackageNotFoundError:
        return "0"
