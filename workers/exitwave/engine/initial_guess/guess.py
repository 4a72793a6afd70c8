"""Where a run begins: what is given, else what the patterns tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import DataError
from exitwave.schema.recipe import Recipe

from ..data.scan import Scan
from .autocorrelation import (
    amplitude_scale,
    object_from_autocorrelation,
    probe_from_autocorrelation,
)
from .candidates import Candidate
from .pupil import defocused, pupil_modulus
from .states import with_extra_states


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialGuess:
    """A probe or an object, or both, known beforehand.

    Parameters
    ----------
    object_MYX : ndarray, complex (M, Y, X) or (Y, X), optional
        In the frame and of the shape of the dataset's object.
    probe_NHW : ndarray, complex (N, H, W) or (H, W), optional
        Centred in its window; carries the photons. States that the recipe has more are made.
    """

    object_MYX: NDArray[np.complexfloating] | None = None
    probe_NHW: NDArray[np.complexfloating] | None = None


def initialise(
    scan: Scan,
    recipe: Recipe,
    given: InitialGuess | None,
    candidate: Candidate | None = None,
) -> tuple[Tensor, Tensor]:
    """Object (M, Y, X) and probe (N, H, W), complex64, on the scan's device.

    Parameters
    ----------
    scan : Scan
    recipe : Recipe
    given : InitialGuess, optional
        What is known beforehand; it comes before the candidate.
    candidate : Candidate, optional
        The kind of probe to begin with; none = the autocorrelation's.

    Raises
    ------
    DataError
        A given object or probe has another shape than the dataset asks for.
    """
    random = np.random.default_rng([recipe.seed, 0])
    given = given or InitialGuess()
    if given.object_MYX is None:
        object_MYX = object_from_autocorrelation(scan, recipe, random)
    else:
        shape = (recipe.object_states, *scan.object_shape_YX)
        object_MYX = _given(given.object_MYX, "start.object_MYX", shape).to(scan.device)
    known = None
    if given.probe_NHW is not None:
        states = np.shape(given.probe_NHW)[0] if np.ndim(given.probe_NHW) == 3 else 1
        shape = (min(max(1, states), recipe.probe_states), *scan.window_HW)
        known = _given(given.probe_NHW, "start.probe_NHW", shape).to(scan.device)
    if known is not None:
        first_HW = known[0]
    elif candidate is not None and candidate.kind == "pupil":
        first_HW = defocused(pupil_modulus(scan.mean_light()), candidate.defocus_px2)
    else:
        first_HW = probe_from_autocorrelation(scan)
    probe_NHW = with_extra_states(first_HW, recipe, random)
    if known is None:
        probe_NHW *= amplitude_scale(scan, object_MYX, probe_NHW)
    else:
        probe_NHW[: len(known)] = known
    return object_MYX, probe_NHW


def _given(values: NDArray[np.complexfloating], key: str, shape: tuple[int, ...]) -> Tensor:
    try:
        array = np.array(values, dtype=np.complex64, ndmin=3)[: shape[0]]
    except (TypeError, ValueError) as error:
        raise DataError(key, type(values).__name__, "an array of complex numbers") from error
    if array.shape != shape:
        raise DataError(key, f"shape {np.shape(values)}", f"shape {shape} or without the first")
    if not np.isfinite(array).all():
        raise DataError(key, "non-finite values", "finite complex numbers")
    if not array.any():
        raise DataError(key, "nothing but zeros", "a wave with light: zero is never left")
    return torch.from_numpy(array)
