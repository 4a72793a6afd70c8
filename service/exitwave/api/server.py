"""Serving the API with uvicorn."""

from __future__ import annotations

import contextlib
import socket

import uvicorn

from exitwave.schema.errors import UsageError
from exitwave.settings.logs import configure_logging
from exitwave.settings.service import Settings

from .app import build_app

SHUTDOWN_S = 1
"""Streams are open without end: how long they may hold up a shutdown."""


def run_api(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises
    ------
    UsageError
        There is no access key, or the address cannot be listened on.
    """
    configure_logging(settings.log_level)
    app = build_app(settings)
    listener = _listen(settings.api.host, settings.api.port)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,  # it would log queries; the middleware logs paths
        server_header=False,
        ws_per_message_deflate=False,  # pictures do not shrink, and deflating costs a core
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it anew when it has stopped
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=2048,
        )
    except OSError as error:
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}") from None
