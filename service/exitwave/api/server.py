"""Serving the API with uvicorn."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path

import structlog
import uvicorn

from exitwave.ledger import BlockingServiceLedger
from exitwave.runtime.logs import configure_logging
from exitwave.schema.errors import LedgerUnavailable, UsageError
from exitwave.settings.service import ApiSettings, Settings

from .app import build_app

SHUTDOWN_S = 1
"""Streams are open without end: how long they may hold up a shutdown."""

_log = structlog.get_logger(__name__)


def run_api(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises
    ------
    UsageError
        There is no access key, the queue would lose what it accepts or holds records of another
        release, the address cannot be listened on, or the files for TLS cannot be used.
    """
    configure_logging(settings.log_level)
    certificate, key = tls_files(settings.api)
    app = build_app(settings)
    _check_queue(settings)
    listener = _listen(settings.api.host, settings.api.port)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,  # it would log queries; the middleware logs paths
        server_header=False,
        ws_per_message_deflate=False,  # pictures do not shrink, and deflating costs a core
        ws_max_size=settings.api.max_body_bytes,
        timeout_graceful_shutdown=SHUTDOWN_S,
        # An address that anybody may forge would be no limit on log-ins.
        proxy_headers=bool(settings.api.trusted_proxies),
        forwarded_allow_ips=settings.api.trusted_proxies,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it anew when it has stopped
        uvicorn.Server(config).run(sockets=[listener])


def _check_queue(settings: Settings) -> None:
    with BlockingServiceLedger(settings.ledger) as ledger:
        try:
            ledger.check_layout()
            ledger.check_durability()
        except LedgerUnavailable as error:
            # Requests are answered by 503 until it is there; then it is asked again.
            _log.warning("ledger.unchecked", reason=str(error))


def tls_files(api: ApiSettings) -> tuple[Path, Path] | tuple[None, None]:
    """Certificate and key to serve HTTPS with; neither: HTTP.

    Raises
    ------
    UsageError
        There is one without the other, or they cannot be read or do not belong together.
    """
    certificate, key = api.tls_certificate, api.tls_key
    if certificate is None and key is None:
        return None, None
    if certificate is None or key is None:
        missing = "api.tls_key" if key is None else "api.tls_certificate"
        raise UsageError(f"{missing}: found none; expected both files or neither")
    for name, path in (("api.tls_certificate", certificate), ("api.tls_key", key)):
        if not path.is_file():
            raise UsageError(f"{name}: found {path}; expected a PEM file that exists")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except OSError as error:  # of which ssl's errors are a kind
        raise UsageError(
            f"api.tls_certificate, api.tls_key: found {certificate} and {key}, which cannot be "
            f"used ({error}); expected a certificate in PEM and its key without a password"
        ) from None
    return certificate, key


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=2048,
        )
    except OSError as error:
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}") from None
