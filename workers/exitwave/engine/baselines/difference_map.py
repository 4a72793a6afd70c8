"""Difference map for ptychography.

Thibault, Dierolf, Bunk, Menzel, Pfeiffer, Ultramicroscopy 109, 338 (2009),
doi 10.1016/j.ultramic.2008.12.011.
"""

from __future__ import annotations

from torch import Tensor

from exitwave.schema.recipe import Recipe

from ..data.scan import Scan
from ..forward.propagate import propagate, propagate_back
from .modulus import gain, power
from .projection_algorithm import ProjectionAlgorithm


class DifferenceMap(ProjectionAlgorithm):
    """An `Algorithm`: psi += Pi_F(2 P O - psi) - P O for all views (eq. 9, beta = 1).

    Object and probe are fitted to all psi before. Pi_F goes most of the way to the measured
    modulus and leaves a share `relax` of the deviation, since noisy moduli fit no object
    (Giewekemeyer et al., PNAS 107, 529 (2010), doi 10.1073/pnas.0905846107, leave a fixed
    amount instead; a share needs no knowledge of the noise). Iterates fluctuate where noise
    lets no solution satisfy both constraints, so the object given out is a running mean.

    It holds a complex wave for every view and probe state: 8 V N H W bytes, 31 GB for
    40401 views of 220 x 220 px and two states, beside the counts.
    """

    def __init__(
        self, scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor
    ) -> None:
        super().__init__(scan, recipe, object_MYX, probe_NHW, recipe.dm)
        self._relax = recipe.dm.relax

    def measure(
        self,
        index_B: Tensor,
        exits_BNHW: Tensor,
        far_BNHW: Tensor,
        roots_BHW: Tensor,
        valid: Tensor | None,
    ) -> None:
        """The difference map of some views."""
        waves_BNHW = self.waves_VNHW[index_B]
        reflected_BNHW = propagate(2 * exits_BNHW - waves_BNHW)
        gain_BHW = gain(power(reflected_BNHW), roots_BHW, valid)
        gain_BHW.mul_(1 - self._relax).add_(self._relax)
        measured_BNHW = propagate_back(reflected_BNHW.mul_(gain_BHW[:, None]))
        self.waves_VNHW[index_B] = waves_BNHW.add_(measured_BNHW).sub_(exits_BNHW)
