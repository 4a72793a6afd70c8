"""The job of a finished scan, whichever source told of it."""

from __future__ import annotations

import time

import structlog

from exitwave.client import Client
from exitwave.schema.errors import AccessDenied, ExitwaveError, Unavailable

from .protocol import FinishedScan

RECIPE = "default"
LIVE_PRIORITY = 0
TAG = "trigger"

_log = structlog.get_logger(__name__)


class Submitter:
    """Submits one job with recipe ``default`` for a scan.

    Parameters
    ----------
    client : Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(self, scan: FinishedScan) -> None:
        """Have the scan reconstructed; asked for again it is the same job.

        A scan that cannot be reconstructed is logged and left: asking again will not change
        that.

        Raises
        ------
        Unavailable
            The API or its queue is away, for longer than the client tries: ask again.
        AccessDenied
            The key is not valid: whoever runs the trigger must see to it.
        """
        log = _log.bind(scan=scan.uid)
        try:
            job = self._client.submit(
                scan.uid,
                recipe=RECIPE,
                priority=LIVE_PRIORITY,
                tags=[TAG],
                idempotency_key=f"trigger:{scan.uid}:{RECIPE}",
            )
        except (Unavailable, AccessDenied):
            raise
        except ExitwaveError as error:
            log.warning("run.skipped", kind=error.slug, reason=str(error))
        else:
            log.info(
                "job.submitted", job=job.id, seconds=round(time.time() - scan.stop_time, 2)
            )
