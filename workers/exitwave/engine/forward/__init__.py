"""The forward model: pure functions of named parameters, one part a file.

Here belongs how light comes from the beam to the counts; not how parameters are fitted to it.
"""

from .chain import PARTS, batch_loss, far_field, fitted_parts, model_counts, pass_through
from .light import Change, Fitted, ForwardPart, Light, Named, Views, waves

__all__ = [
    "PARTS",
    "Change",
    "Fitted",
    "ForwardPart",
    "Light",
    "Named",
    "Views",
    "batch_loss",
    "far_field",
    "fitted_parts",
    "model_counts",
    "pass_through",
    "waves",
]
