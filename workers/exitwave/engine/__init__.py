"""DAP: dose-efficient automatic differentiation for ptychography.

`reconstruct` is a generator that turns a `Dataset` and a recipe into a stream of
`EpochState`. It needs torch and numpy only and can be used alone in a notebook::

    dataset = Dataset(frames=ArrayFrames(counts), positions_px=positions_px)
    for state in reconstruct(dataset, Recipe()):
        print(state.epoch, state.loss.total)
    picture = state.object_MYX()

Shape suffixes: B batch of views, M object states, N probe states, H W pixels of the
detector and of the probe, Y X pixels of the object. Order is (y, x). The far field is
``fft2(norm="ortho")`` with DC at the corner.
"""

from .algorithm import LossTerms
from .assessment.fit_evidence import Evidence
from .assessment.held_out import HeldOut
from .data.dataset import ArrayFrames, Dataset, FrameSource
from .data.frame_masks import FrameMasks
from .data.positions import object_shape_YX
from .initial_guess import InitialGuess
from .reconstruction import reconstruct
from .session.checkpoint import Checkpoint
from .session.state import EpochState

__all__ = [
    "ArrayFrames",
    "Checkpoint",
    "Dataset",
    "EpochState",
    "Evidence",
    "FrameMasks",
    "FrameSource",
    "HeldOut",
    "InitialGuess",
    "LossTerms",
    "object_shape_YX",
    "reconstruct",
]
