"""How good a finished run is: its figures, its verdict, and the FRC of two halves.

- `quality_figures`: figures, verdict and where the run began, from its last state
- `half_datasets`: a scan's data in two halves
- `half_runs`: both halves reconstructed, and how far they agree

The worker and the offline command both judge runs with this. Here belongs what needs a run of
the engine and the figures of `exitwave.quality` together. A figure of arrays alone belongs
into `exitwave.quality`, a rule of the verdict into `exitwave.verdict`; nothing here knows
jobs, sinks or files.
"""

from .half_datasets import half_of
from .half_runs import (
    Engine,
    HalfPair,
    HalfState,
    HalvesCompared,
    compare_reconstructed_halves,
    frc_curve,
    frc_figures,
    reconstruct_halves,
)
from .quality_figures import RunQuality, quality_of_run, with_diagnosis

__all__ = [
    "Engine",
    "HalfPair",
    "HalfState",
    "HalvesCompared",
    "RunQuality",
    "compare_reconstructed_halves",
    "frc_curve",
    "frc_figures",
    "half_of",
    "quality_of_run",
    "reconstruct_halves",
    "with_diagnosis",
]
