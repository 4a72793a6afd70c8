"""All that the application needs to know of its callers."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from exitwave.ledger import ServiceLedger
from exitwave.settings.service import Settings

from .keyring import Keyring
from .limits import Buckets
from .streams import Streams

BURST_S = 3
"""A key that has been quiet may send so many seconds' worth of requests at once."""

LOG_INS = 10
"""Failed log-ins of one address before the next one waits, ..."""

LOG_INS_PER_S = 10 / 60
"""... and how many more it then has."""


class AccessDesk:
    """Keys, limits and streams of one API process.

    Attributes
    ----------
    keyring : Keyring
    requests : Buckets
        By key.
    log_ins : Buckets
        Failed ones, by the client's address.
    streams : Streams
    """

    def __init__(self, ledger: ServiceLedger, settings: Settings, operator_key: str) -> None:
        api = settings.api
        self.keyring = Keyring(ledger, settings.ledger, operator_key, api.session_hours)
        self.requests = Buckets(
            api.requests_per_s, max(1.0, BURST_S * api.requests_per_s), "requests with this key"
        )
        self.log_ins = Buckets(LOG_INS_PER_S, LOG_INS, "failed log-ins from this address")
        self.streams = Streams(self.keyring, api.streams)


def address_of(connection: HTTPConnection) -> str:
    """Where the caller is, as far as the network tells."""
    return connection.client.host if connection.client else ""
