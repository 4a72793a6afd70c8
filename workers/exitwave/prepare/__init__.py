"""From a scan to what the engine reconstructs: frames, masks, photons, positions in pixels."""

from .dataset import Prepared, build_dataset

__all__ = ["Prepared", "build_dataset"]
