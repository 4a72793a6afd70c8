"""The application: routers, access, errors, and what runs beside the requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI

from exitwave.ledger import AsyncLedger
from exitwave.schema.job import Problem
from exitwave.settings.service import Settings
from exitwave.web import add_dashboard

from .auth import AccessMiddleware, read_key
from .background import keep_running, open_scans, tick_for_ever
from .middleware import BodyLimitMiddleware, RequestLogMiddleware
from .problems import MEDIA_TYPE, install_handlers
from .routers import events, health, jobs, live, recipes, results, session, workers
from .scan_desk import ScanDesk

_PROBLEM: dict[str, Any] = {
    "description": "Every error is a problem (RFC 9457).",
    "model": Problem,
    "content": {MEDIA_TYPE: {}},
}


def build_app(settings: Settings) -> FastAPI:
    """The API, not yet connected to anything.

    Raises
    ------
    UsageError
        There is no access key.
    """
    key = read_key(settings.api)
    ledger = AsyncLedger(settings.ledger)
    app = FastAPI(
        title="exitwave",
        summary="Live ptychographic reconstruction: jobs, events, results.",
        version=_version(),
        lifespan=_lifespan,
        # The framework's pages of documentation load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        responses={"default": _PROBLEM, 422: _PROBLEM},
    )
    app.state.settings = settings
    app.state.key = key
    app.state.ledger = ledger
    app.state.scans = ScanDesk(settings)
    install_handlers(app)
    # The last one added is the first one passed.
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.api.max_body_bytes)
    app.add_middleware(AccessMiddleware, ledger=ledger, key=key)
    app.add_middleware(RequestLogMiddleware)
    for module in (jobs, events, results, live, workers, recipes, session, health):
        app.include_router(module.router)
    add_dashboard(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    ledger: AsyncLedger = app.state.ledger
    lease_s: float = app.state.settings.ledger.lease_s
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(keep_running("tick", lambda: tick_for_ever(ledger, lease_s))),
            tasks.create_task(keep_running("scans", lambda: open_scans(app.state.scans))),
        ]
        yield
        for task in running:
            task.cancel()
    await ledger.close()


def _version() -> str:
    try:
        return version("exitwave")
    except PackageNotFoundError:
        return "0"
