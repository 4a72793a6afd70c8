"""Directories of this user, as the XDG specification and other systems name them.

Sockets have no place here: their paths must be short, and `exitwave.local.valkey` finds one.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

APPLICATION = "exitwave"


def data_directory() -> Path:
    """What `up` keeps; on Linux ``~/.local/share/exitwave``, or in ``$XDG_DATA_HOME``."""
    return platformdirs.user_data_path(APPLICATION, appauthor=False)


def state_directory() -> Path:
    """What `up` leaves for other shells; on Linux ``~/.local/state/exitwave``, likewise."""
    return platformdirs.user_state_path(APPLICATION, appauthor=False)
