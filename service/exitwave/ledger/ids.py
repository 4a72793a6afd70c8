"""Job ids: 48 bits of time and 80 random bits, 26 lower-case characters (ULID layout)."""

from __future__ import annotations

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u."""


def new_job_id() -> str:
    """A unique id that sorts by time to the millisecond and needs no escaping in a URL."""
    value = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
