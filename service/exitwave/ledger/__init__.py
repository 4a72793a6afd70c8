"""The job queue and its record, in one Valkey or Redis >= 7.0.

`WorkerLedger` is what an agent calls, `ServiceLedger` what the API calls, and
`BlockingServiceLedger` what the command line and the trigger call. All rules are in ``lua/``,
run by the server; `commands` builds the commands and reads the replies for all three; they
hold no state of their own.
"""

from .blocking import BlockingServiceLedger
from .commands import QueueView, Signal
from .service_ledger import ServiceLedger
from .worker_ledger import WorkerLedger

__all__ = ["BlockingServiceLedger", "QueueView", "ServiceLedger", "Signal", "WorkerLedger"]
