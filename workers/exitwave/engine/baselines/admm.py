"""ADMM, the alternating direction method of multipliers, for blind ptychography.

Chang, Enfedaque, Marchesini, SIAM J. Imaging Sci. 12, 153 (2019), doi 10.1137/18M1188446;
the data term is that of the amplitudes, whose proximal map is in closed form. With several
probe states the modulus is the root of their summed intensity.
"""

from __future__ import annotations

from torch import Tensor

from exitwave.schema.recipe import Recipe

from ..data.scan import Scan
from ..forward.propagate import propagate_back
from .modulus import gain, power
from .projection_algorithm import ProjectionAlgorithm


class Admm(ProjectionAlgorithm):
    """An `Algorithm`: saddle point of the augmented Lagrangian, multipliers u in units of beta.

    With z the far fields of all views, A = FT[P O] and a = |z|:

        L = sum (a - sqrt I)^2 / 2 + beta |z - A + u|^2 / 2 - beta |u|^2 / 2

    In turn: object and probe fit FT^-1[z + u]; z = prox(A - u), which keeps the phase and
    has the modulus (sqrt I + beta |A - u|) / (1 + beta); u += z - A. Masked pixels have no
    data term: z = A - u there.

    It holds two complex waves for every view and probe state, FT^-1[z + u] and u:
    16 V N H W bytes, twice the difference map's.
    """

    def __init__(
        self, scan: Scan, recipe: Recipe, object_MYX: Tensor, probe_NHW: Tensor
    ) -> None:
        super().__init__(scan, recipe, object_MYX, probe_NHW, recipe.admm)
        self._penalty = recipe.admm.penalty

    def measure(
        self,
        index_B: Tensor,
        exits_BNHW: Tensor,
        far_BNHW: Tensor,
        roots_BHW: Tensor,
        valid: Tensor | None,
    ) -> None:
        """Proximal step and multipliers of some views."""
        beta = self._penalty
        (u_VNHW,) = self.multipliers
        before_BNHW = far_BNHW.sub_(u_VNHW[index_B])
        gain_BHW = gain(power(before_BNHW), roots_BHW, valid)
        share_BHW = gain_BHW.add_(beta).div_(1 + beta)
        z_BNHW = before_BNHW * share_BHW[:, None]
        multipliers_BNHW = z_BNHW - before_BNHW
        u_VNHW[index_B] = multipliers_BNHW
        self.waves_VNHW[index_B] = propagate_back(z_BNHW.add_(multipliers_BNHW))
