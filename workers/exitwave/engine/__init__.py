"""Ptychographic reconstruction: DAP, and the algorithms that it is compared with.

`reconstruct` is a generator that turns a `Dataset` and a recipe into a stream of
`EpochState`. It needs torch and numpy only and can be used alone in a notebook::

    dataset = Dataset(frames=ArrayFrames(counts), positions_px=positions_px)
    for state in reconstruct(dataset, Recipe()):
        print(state.epoch, state.loss.total)
    picture = state.object_MYX()

Where to read, from the physics down to the fast paths (docs/method.md has the equations):

- `forward`: from object and probe to modelled counts; `loss`: how far these are from measured
  ones; `schedule`: which patterns go together when
- `algorithm` (what one is), `algorithms` (their table), `dap`, `optimise` (gradient descent
  with Adam), `baselines` (ePIE, difference map, ADMM)
- `data`: patterns on their way from a source to the device
- `gradients`: loss and gradients of a batch, a reference beside fast forms
- `initial_guess`: where a run begins, and the search for it
- `session`: epochs, restarts, checkpoints, states; `reconstruction`: the generator itself
- `assessment`, `consistency`: what patterns say about a picture, and about their positions

Reading of files, preparation and delivery do not belong here. Imports go down the list of
`[tool.importlinter]` in pyproject.toml.

A view is a scan position together with what is seen from it: its pattern, and the window of
the object that the probe covers. Shape suffixes: B batch of views, M object states, N probe
states, H W pixels of the detector and of the probe, Y X pixels of the object, n all views.
Order is (y, x). The far field is ``fft2(norm="ortho")`` with DC at the corner.
"""

from .algorithm import LossTerms
from .assessment.coverage import overlap
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
    "overlap",
    "reconstruct",
]
