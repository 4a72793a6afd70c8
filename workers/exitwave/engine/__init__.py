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

from .checkpoint import Checkpoint
from .dataset import ArrayFrames, Dataset, FrameSource
from .evidence import Evidence
from .frame_masks import FrameMasks
from .held_out import HeldOut
from .run import reconstruct
from .start import StartingPoint
from .state import EpochState, LossTerms
from .views import object_shape_YX

__all__ = [
    "ArrayFrames",
    "Checkpoint",
    "Dataset",
    "EpochState",
    "Evidence",
    "FrameMasks",
    "FrameSource",
    "HeldOut",
    "LossTerms",
    "StartingPoint",
    "object_shape_YX",
    "reconstruct",
]
