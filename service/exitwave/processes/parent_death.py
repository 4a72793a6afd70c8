"""A process that ends with the one that started it. Linux: ``prctl``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be loaded.
_LIBC = ctypes.CDLL(None)


def die_with_parent(parent_pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when the *thread* that started it ends.

    Call it in the child: in a process just started, or as `preexec_fn` of a `Popen`.

    Parameters
    ----------
    parent_pid : int
        The process that started this one.
    number : signal.Signals
        What it then gets.
    """
    if sys.platform != "linux":
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the line above
        os._exit(1)
