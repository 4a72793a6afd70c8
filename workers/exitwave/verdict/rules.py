"""The rules: each looks at the figures and speaks, or is silent where all is well.

Thresholds come from a collection of runs with truth (docs/decisions/0014, docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Callable

from exitwave.schema.verdict import Finding

from .figures import Figures

Rule = Callable[[Figures], Finding | None]


def held_out_pixels(figures: Figures) -> Finding | None:
    """A picture foretells pixels that it has not seen; how well depends on the dose."""
    return None


RULES: tuple[Rule, ...] = (held_out_pixels,)
