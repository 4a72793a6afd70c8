"""Percentiles of a few values: a value that was measured, none made up between two."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` per cent of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share / 100 * len(values)) - 1)]
