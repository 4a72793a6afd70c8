"""The rules: each looks at the figures and speaks, or is silent where all is well.

Here belong rules and their limits, a few alike in a file, and the line of each in `RULES`.
What they look at is computed by `exitwave.verdict.figures`, never here. Limits come from a
collection of runs with truth (docs/decisions/0014-a-verdict-without-a-truth.md,
docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Callable

from exitwave.schema.verdict import Finding

from ..figures import Figures
from .fit import fitted_pixels, held_out_patterns, held_out_pixels, untested
from .frames import nothing_in_it, uneven_frames, wild_frames
from .light import dose, hidden_light, rim_light
from .places import distorted_places, misplaced_views, overlap

Rule = Callable[[Figures], Finding | None]

RULES: tuple[Rule, ...] = (
    nothing_in_it,
    fitted_pixels,
    held_out_pixels,
    held_out_patterns,
    untested,
    uneven_frames,
    distorted_places,
    misplaced_views,
    wild_frames,
    overlap,
    hidden_light,
    rim_light,
    dose,
)
