"""The job queue and its record, in one Valkey or Redis >= 7.0.

`WorkerLedger` is what an agent calls, `ServiceLedger` what the API calls, and
`BlockingServiceLedger`, made from it, what the command line and the trigger call. All rules are
in ``lua/``, run by the server; `commands` builds the commands and reads the replies for all
three; they hold no state of their own. What a job is belongs in `exitwave.schema`; who may ask
for what, in the API.
"""

from .aio.service_ledger import ServiceLedger
from .commands import QueueView, Signal
from .sync.service_ledger import BlockingServiceLedger
from .worker_ledger import WorkerLedger

__all__ = ["BlockingServiceLedger", "QueueView", "ServiceLedger", "Signal", "WorkerLedger"]
