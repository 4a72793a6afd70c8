"""The object's regularisation: total variation, with a weight that follows the data term.

The weight gamma is strong at the start and falls with the loss: either its gradient has a
fixed share of the data gradient's norm, or its value a fixed share of the data loss, as
published (docs/method.md, eqs. 11 to 14; Wu et al., Optica 11 (2024),
doi 10.1364/OPTICA.522380). Gamma is not differentiated.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from exitwave.schema.sections import RegularisationOptions

from ..gradients.total_variation import TotalVariation, as_pairs

MOST_MORE = 2.0
"""Times the ratio, at the lowest dose."""
FLOOR = 1e-30
"""Of the norm of the regularisation's gradient, which a flat object makes zero."""


def with_dose_ratio(options: RegularisationOptions, dose_ph: float) -> RegularisationOptions:
    """The options with the ratio for a dose (eq. 14): the fewer photons, the greater it is.

    Parameters
    ----------
    options : RegularisationOptions
    dose_ph : float
        Photons that tell of one resolved pixel of the object.
    """
    lack = max(options.low_dose_threshold / max(dose_ph, FLOOR), 1.0)
    return replace(options, ratio=options.ratio * min(lack**0.25, MOST_MORE))


class AdaptiveRegularisation:
    """ATV of the object with the weight that a recipe asks for.

    Parameters
    ----------
    options : RegularisationOptions
    object_MYX : Tensor, complex (M, Y, X)
        It must only change in place.
    whole_from : float
        Patterns in an update from which the ratio holds. A smaller batch's gradient is mostly
        noise, and of a few patches; that of the total variation, of the whole object, is made
        smaller with it.
    """

    def __init__(
        self, options: RegularisationOptions, object_MYX: Tensor, whole_from: float = 0.0
    ) -> None:
        self._options, self._object_MYX, self._whole_from = options, object_MYX, whole_from
        self._variation = TotalVariation(object_MYX, p=options.p, q=options.q)
        # On the device: a recorded update reads it anew.
        self._strength = torch.ones((), device=object_MYX.device)

    def strengthen(self, factor: float) -> None:
        """Let gamma be so many times what the ratio gives from now on."""
        self._strength.fill_(factor)

    def add_to(self, gradient_MYX: Tensor, data_loss: Tensor, batch: int) -> Tensor:
        """Add gamma x the gradient of ATV to the data term's gradient.

        Parameters
        ----------
        gradient_MYX : Tensor, complex (M, Y, X)
            The data term's; changed in place.
        data_loss : Tensor, 0-dim
            The data term's value, mean over the batch.
        batch : int
            Patterns that the gradient is of.

        Returns
        -------
        Tensor
            gamma, 0-dim, on the device.
        """
        ratio, variation = self._options.ratio, self._variation
        if self._options.balance == "loss":
            weight = ratio * data_loss / variation.value()
            direction_MYX = variation.direction()
        else:
            direction_MYX = variation.direction()
            if self._whole_from > 0:
                ratio *= min(1.0, batch / self._whole_from)
            weight = balanced_weight(gradient_MYX, direction_MYX, ratio / abs(variation.scale))
        weight = weight * self._strength
        as_pairs(gradient_MYX).addcmul_(as_pairs(direction_MYX), weight * variation.scale)
        return weight

    def value(self) -> Tensor:
        """ATV of the object, 0-dim."""
        return self._variation.value()


def balanced_weight(data_gradient: Tensor, variation_gradient: Tensor, ratio: float) -> Tensor:
    """Weight gamma = ratio ||data gradient|| / ||ATV gradient|| (eq. 13), a 0-dim tensor."""
    data, variation = (
        torch.linalg.vector_norm(as_pairs(part)) for part in (data_gradient, variation_gradient)
    )
    weight: Tensor = ratio * data / variation.clamp_min(FLOOR)
    return weight
