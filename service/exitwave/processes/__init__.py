"""Child processes: started, watched, started again, and never left behind.

- `groups`: children with a log, stopped with all that they started
- `parent_death`: a process that ends with the one that started it
- `backoff`: how long to wait before something that failed is tried again
- `supervised`: a child that is started again when it ends

Here belongs what any supervisor needs: `exitwave.local` and the worker's launcher use it.
Which processes there are, and what they do, does not. Nothing here knows another package of
exitwave.
"""

from .backoff import Backoff
from .groups import kill_survivors, signal_group, start, stop, survivors
from .parent_death import die_with_parent
from .supervised import SupervisedProcess

__all__ = [
    "Backoff",
    "SupervisedProcess",
    "die_with_parent",
    "kill_survivors",
    "signal_group",
    "start",
    "stop",
    "survivors",
]
