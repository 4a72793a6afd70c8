"""Which of a recipe's stages are run on a scan."""

from __future__ import annotations

from exitwave.schema.recipe import Stage

from ..assessment.coverage import linear_overlap, probe_power
from ..data.memory import waves_fit
from ..data.scan import Scan
from ..forward import Named


def stage_enabled(stage: Stage, scan: Scan, named: Named, *, out_of_focus: bool) -> bool:
    """Whether a stage is for this scan.

    Descent and difference map differ in what they can do: the latter knows one object state, no
    further parts of the forward model, and keeps a wave of every view. It frees views that are
    stuck in wrong minima, which views of a beam out of focus are not: their shadows tell where
    they are. There it only spoils what little light tells, to |cPCC| 0.3 to 0.8 where descent
    alone ends at 0.97.
    """
    if stage.method == "difference_map" and (
        out_of_focus
        or len(named["object"]) > 1
        or set(named) != {"object", "probe"}
        or not waves_fit(scan.device, scan.work_bytes, len(scan), named["probe"])
    ):
        return False
    if stage.below_overlap >= 1:
        return True
    found = linear_overlap(scan.corners_n2.cpu().numpy(), probe_power(named["probe"]))
    return found < stage.below_overlap
