"""Keys, rate limits and streams, as the application holds them."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from exitwave.ledger import ServiceLedger
from exitwave.settings.service import Settings

from .authenticator import Authenticator
from .limits import TokenBuckets
from .streams import OpenStreams

BURST_S = 3
"""Seconds' worth of requests that an idle key may send at once."""

FAILED_LOGINS = 10
"""Failed log-ins that one address has at once."""

FAILED_LOGINS_PER_S = 10 / 60
"""How fast it gets them back."""


class AccessControl:
    """Access control of one API process.

    Attributes
    ----------
    authenticator : Authenticator
    requests : TokenBuckets
        By key.
    failed_logins : TokenBuckets
        Failed ones, by the client's address.
    streams : OpenStreams
    """

    def __init__(self, ledger: ServiceLedger, settings: Settings, operator_key: str) -> None:
        api = settings.api
        self.authenticator = Authenticator(
            ledger, settings.ledger, operator_key, api.session_hours
        )
        self.requests = TokenBuckets(
            api.requests_per_s, max(1.0, BURST_S * api.requests_per_s), "requests with this key"
        )
        self.failed_logins = TokenBuckets(
            FAILED_LOGINS_PER_S, FAILED_LOGINS, "failed log-ins from this address"
        )
        self.streams = OpenStreams(self.authenticator, api.streams)


def address_of(connection: HTTPConnection) -> str:
    """Network address of the caller; empty where the server does not know it."""
    return connection.client.host if connection.client else ""
