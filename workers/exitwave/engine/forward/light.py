"""What runs through the forward model, and what a part of it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from exitwave.schema.recipe import Loss

Named = Mapping[str, Tensor]
"""Parameters of a run by name; object and probe are the first two."""


def waves(object_MYX: Tensor, probe_NHW: Tensor) -> dict[str, Tensor]:
    """Object and probe as the parameters that every forward model has."""
    return {"object": object_MYX, "probe": probe_NHW}


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What is known of the views of a batch.

    Attributes
    ----------
    corners_B2 : Tensor, int64 (B, 2)
        Top-left pixel of each view.
    index_B : Tensor, int64 (B,), optional
        Their numbers in the scan; parts with a value for each pattern need them.
    shifts_B2 : Tensor, optional
        Fractional shift of the probe in pixels; none = none.
    scale_B : Tensor, optional
        Relative flux; multiplies the intensity.
    """

    corners_B2: Tensor
    index_B: Tensor | None = None
    shifts_B2: Tensor | None = None
    scale_B: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """How far the light of a batch has come.

    Attributes
    ----------
    views : Views
    wave_BMNHW : Tensor, complex, optional
        Exit waves behind the sample, then their far field, DC at the corner.
    counts_BHW : Tensor, optional
        What the detector is expected to count.
    """

    views: Views
    wave_BMNHW: Tensor | None = None
    counts_BHW: Tensor | None = None

    def wave(self) -> Tensor:
        """The wave; a part that needs it comes behind the sample."""
        if self.wave_BMNHW is None:
            raise ValueError("there is no wave before the sample")
        return self.wave_BMNHW

    def counts(self) -> Tensor:
        """The counts; a part that needs them comes behind the detector."""
        if self.counts_BHW is None:
            raise ValueError("there are no counts before the detector")
        return self.counts_BHW


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one update of a part's parameter goes by.

    Attributes
    ----------
    values : Tensor
        As they are.
    slope : Tensor
        Of the batch's sum of D - I log D, the negative log-likelihood of counts.
    index_B : Tensor
        The batch's patterns.
    photons : float
        Of a pattern.
    options : object
        The part's section of the recipe.
    """

    values: Tensor
    slope: Tensor
    index_B: Tensor
    photons: float
    options: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The parameter that a part fits; the recipe's section of its name has its options.

    Attributes
    ----------
    shape : callable
        Of (views of the scan, (H, W)).
    in_counts : bool
        Values are in units of the mean count of a pixel; else plain numbers.
    initial, least : float
        In these units; values never fall below `least`.
    step : callable
        (change) to what a full step takes from the values, of their shape.
    when : {"last", "before"}
        Whether it moves in a run's last stage or in all before; in a single one it always does.
    losses : mapping of str to str
        Losses that tell its values wrong, and those that do not and stand in for them where
        patterns are whole counts.
    pin : callable, optional
        Takes from the values, in place, what they share with the probe's power, after each
        epoch; gives the factor that the probe's power is to take up.
    """

    shape: Callable[[int, tuple[int, int]], tuple[int, ...]]
    in_counts: bool = False
    initial: float
    least: float
    step: Callable[[Change], Tensor]
    when: Literal["last", "before"]
    losses: Mapping[Loss, Loss] = field(default_factory=dict)
    pin: Callable[[Tensor], float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPart:
    """A link of the chain from the sample to the counts.

    Attributes
    ----------
    name : str
        Also that of its parameter and of its section in the recipe, where it has them.
    apply : callable
        (light, parameters) to the light behind the part; pure, torch differentiates it.
    fitted : Fitted, optional
        None: the part is in every model. Else it is where the recipe's section has `fit`.
    """

    name: str
    apply: Callable[[Light, Named], Light]
    fitted: Fitted | None = None
