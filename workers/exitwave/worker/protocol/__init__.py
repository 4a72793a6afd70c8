"""What agent and engine process say to each other, and where both keep files.

- `commands`: what the agent wants of a job, and how a job hears it
- `control`: a job's end of the channel: it reports, and gets commands
- `messages`: what goes through the pipe
- `entry`: how the agent names the engine process that it starts
- `paths`: folders of checkpoints and spooled results

Here belongs what both sides must agree on, and nothing else: both import this; it imports
neither of them, and nothing heavy.
"""

from .commands import Command, JobCancelledError, JobPreemptedError, JobStoppedError
from .control import Control

__all__ = [
    "Command",
    "Control",
    "JobCancelledError",
    "JobPreemptedError",
    "JobStoppedError",
]
