"""What given parameters say about chosen patterns of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.recipe import SubPixel

from ..data.dataset import Dataset
from ..data.scan import SUBPIXEL_FROM_PX, choose_device
from ..forward import Views, model_counts
from ..forward.illuminate import split_positions

SLAB = 16
"""Patterns worked on at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelledPatterns:
    """Some patterns beside their model, DC at the corner.

    Attributes
    ----------
    chosen : ndarray (B,)
        Indices of the frames.
    model_BHW, counts_BHW : ndarray (B, H, W), float32
        Modelled and measured counts; the measured ones are zero where the mask is False.
    """

    chosen: NDArray[np.intp]
    model_BHW: NDArray[np.float32]
    counts_BHW: NDArray[np.float32]


def modelled_patterns(
    dataset: Dataset,
    parameters: Mapping[str, NDArray[Any]],
    chosen: NDArray[np.intp],
    *,
    subpixel: SubPixel = "auto",
    device: str = "auto",
) -> Iterator[ModelledPatterns]:
    """Model chosen patterns from a run's parameters, a few at a time.

    Parameters
    ----------
    dataset : Dataset
        Gives positions, flux, mask and the measured counts.
    parameters : mapping of ndarray
        As `EpochState.parameters` gives them: ``object`` (M, Y, X) in the dataset's frame and
        ``probe`` (N, H, W), complex, and what further parts have fitted. NaN counts as zero.
    chosen : ndarray (n,)
        Indices of frames.
    subpixel : {"auto", "on", "off"}
        As in the recipe.
    device : str

    Raises
    ------
    EngineError
        There is no such device.
    """
    place = choose_device(device)
    named = {name: _on(place, values) for name, values in parameters.items()}
    corners_n2, shifts_n2 = split_positions(torch.from_numpy(dataset.positions_px))
    off_grid = float(shifts_n2.abs().max()) > SUBPIXEL_FROM_PX
    shifted = subpixel == "on" or (subpixel == "auto" and off_grid)
    for begin in range(0, len(chosen), SLAB):
        part = chosen[begin : begin + SLAB]
        scale_B: Tensor | None = None
        if dataset.scale_n is not None:
            scale_B = torch.from_numpy(dataset.scale_n[part]).float().to(place)
        views = Views(
            index_B=torch.from_numpy(part).to(place),
            corners_B2=corners_n2[part].to(place),
            shifts_B2=shifts_n2[part].float().to(place) if shifted else None,
            scale_B=scale_B,
        )
        with torch.no_grad():
            model_BHW = model_counts(named, views)
        yield ModelledPatterns(
            chosen=part,
            model_BHW=model_BHW.cpu().numpy(),
            counts_BHW=_measured(dataset, part),
        )


def _measured(dataset: Dataset, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
    return dataset.read_valid(chosen).astype(np.float32)


def _on(device: torch.device, values: NDArray[Any]) -> Tensor:
    precision = np.complex64 if np.iscomplexobj(values) else np.float32
    return torch.from_numpy(np.nan_to_num(np.asarray(values, precision))).to(device)
