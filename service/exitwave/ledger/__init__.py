"""The job queue and its record, in one Valkey or Redis >= 7.0.

`Ledger` (for workers) and `AsyncLedger` (for the API) have the same methods. All rules
are in ``lua/``, run by the server; `commands` builds the commands and reads the
replies for both; they hold no state of their own.
"""

from .aio import AsyncLedger
from .commands import QueueView, Signal
from .sync import Ledger

__all__ = ["AsyncLedger", "Ledger", "QueueView", "Signal"]
