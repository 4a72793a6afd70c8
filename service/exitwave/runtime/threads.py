"""How OpenMP's threads wait for each other; to be set before torch is loaded."""

from __future__ import annotations

BRIEFLY_SPINNING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}
"""Environment of a process that computes beside others.

GNU's OpenMP, which torch brings, knows a count of turns before its threads sleep; other
libraries know only whether they spin at all. Why a thousand: docs/decisions/0008.
"""
