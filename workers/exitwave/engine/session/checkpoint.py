"""All that a run needs to go on as if it had never been cut."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exitwave.schema.errors import CheckpointError, RecipeError
from exitwave.schema.recipe import Recipe, recipe_from_mapping, recipe_to_mapping

from ..algorithm import Algorithm
from ..data.dataset import Dataset

SAMPLED_FRAMES = 64
"""Frames whose counts are in a dataset's fingerprint, evenly spaced."""

_HEADER = "header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A run after one of its epochs.

    Give it to `reconstruct` as `start`, with the same dataset and recipe.

    Attributes
    ----------
    recipe : dict
        Plain values of the run's recipe.
    fingerprint : str
        Of the dataset.
    epoch : int
        Epochs done.
    session : dict
        Plain values beside: starts that were tried, frames left out, stages run.
    tensors : dict of ndarray
        Object, probe and whatever else the algorithm keeps from epoch to epoch.
    numbers : dict of float
        Likewise.
    """

    recipe: dict[str, Any]
    fingerprint: str
    epoch: int
    session: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    numbers: dict[str, float]

    @property
    def left_out(self) -> NDArray[np.intp]:
        """Frames that are held out of the fit to test it."""
        return np.array(self.session["progress"]["left_out"], dtype=np.intp)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays without objects: ready for ``numpy.savez``."""
        header = {
            "recipe": self.recipe,
            "fingerprint": self.fingerprint,
            "epoch": self.epoch,
            "session": self.session,
            "numbers": self.numbers,
        }
        return {**self.tensors, _HEADER: np.array(json.dumps(header))}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Checkpoint:
        """What `arrays` gave.

        Raises
        ------
        CheckpointError
            The arrays are not those of a checkpoint.
        """
        try:
            header = json.loads(str(arrays[_HEADER]))
            if header["epoch"] < 1:
                raise ValueError(f"epoch {header['epoch']}")
            return cls(
                recipe=header["recipe"],
                fingerprint=str(header["fingerprint"]),
                epoch=int(header["epoch"]),
                session=dict(header["session"]),
                tensors={name: arrays[name] for name in arrays if name != _HEADER},
                numbers={name: float(kept) for name, kept in header["numbers"].items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                "checkpoint", f"no header that can be read ({error})", "arrays of a checkpoint"
            ) from None

    def check(self, recipe: Recipe, fingerprint: str) -> None:
        """Refuse another dataset or another recipe.

        Raises
        ------
        CheckpointError
            The message names the first parameter that differs.
        """
        if fingerprint != self.fingerprint:
            raise CheckpointError(
                "checkpoint",
                f"one of another dataset ({self.fingerprint[:12]})",
                f"one of this dataset ({fingerprint[:12]})",
            )
        try:
            kept = recipe_to_mapping(recipe_from_mapping(self.recipe))
        except RecipeError as error:
            raise CheckpointError("checkpoint", f"a recipe with {error}", "ours") from None
        for key, found, wanted in _differences(kept, recipe_to_mapping(recipe), "recipe"):
            raise CheckpointError(
                "checkpoint", f"{key} = {found!r}", f"{wanted!r}, as in the recipe to run"
            )

    def restore(self, algorithm: Algorithm) -> None:
        """Put the kept values into a fresh algorithm.

        Raises
        ------
        CheckpointError
            A tensor is missing, has another shape or type, or is not finite.
        """
        restore(algorithm, self.tensors, self.numbers)


def take_checkpoint(
    algorithm: Algorithm,
    recipe: Recipe,
    dataset: Dataset,
    epoch: int,
    session: dict[str, Any],
    further: Mapping[str, NDArray[Any]],
) -> Checkpoint:
    """The present state of a run after so many epochs."""
    return Checkpoint(
        recipe=recipe_to_mapping(recipe),
        fingerprint=fingerprint_of(dataset),
        epoch=epoch,
        tensors={**copied(algorithm.tensors()), **further},
        session=session,
        numbers=algorithm.numbers(),
    )


def copied(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Copies in the host's memory."""
    return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}


def restore(
    algorithm: Algorithm, kept_tensors: Mapping[str, NDArray[Any]], numbers: Mapping[str, float]
) -> None:
    """Put kept values into a fresh algorithm.

    Raises
    ------
    CheckpointError
        A tensor is missing, has another shape or type, or is not finite.
    """
    try:
        algorithm.restore_numbers(numbers)  # may make some of the tensors
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            "checkpoint.numbers", f"a damaged one ({error})", "those of the algorithm"
        ) from error
    tensors = algorithm.tensors()
    for name, tensor in tensors.items():
        kept, shape = kept_tensors.get(name), tuple(tensor.shape)
        if kept is None or kept.shape != shape:
            found = "nothing" if kept is None else f"shape {kept.shape}"
            raise CheckpointError(f"checkpoint.{name}", found, f"shape {shape}")
        wanted = tensor.cpu().numpy().dtype
        if kept.dtype != wanted:
            raise CheckpointError(f"checkpoint.{name}", str(kept.dtype), str(wanted))
        if not np.isfinite(kept).all():
            raise CheckpointError(f"checkpoint.{name}", "non-finite values", "finite ones")
        tensor.copy_(torch.from_numpy(np.array(kept)))


def fingerprint_of(dataset: Dataset) -> str:
    """Of positions, mask, flux and a sample of the frames; hexadecimal."""
    digest = hashlib.sha256()
    count = len(dataset.frames)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLED_FRAMES)).astype(np.intp))
    parts = [np.array([count, *dataset.frames.shape_HW]), dataset.positions_px]
    parts += [part for part in (dataset.scale_n, dataset.mask_HW) if part is not None]
    if dataset.frame_masks is not None:
        parts += [dataset.frame_masks.offsets, dataset.frame_masks.pixels]
    parts.append(np.array([dataset.pedestal]))
    parts.append(np.asarray(dataset.frames.read(chosen)))
    for part in parts:
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _differences(
    kept: object, wanted: object, path: str
) -> Iterator[tuple[str, object, object]]:
    """Where two nests of plain values differ: (path, kept, wanted)."""
    if isinstance(kept, dict) and isinstance(wanted, dict):
        for key in wanted:
            yield from _differences(kept.get(key), wanted[key], f"{path}.{key}")
    elif isinstance(kept, list) and isinstance(wanted, list) and len(kept) == len(wanted):
        for i, (one, other) in enumerate(zip(kept, wanted, strict=True)):
            yield from _differences(one, other, f"{path}[{i}]")
    elif kept != wanted:
        yield path, kept, wanted
