"""Reconstruct from file to file, without any service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from exitwave.engine import ArrayFrames, Dataset, EpochState, reconstruct
from exitwave.files.cxi import read_measurement, write_reconstruction
from exitwave.files.reconstruction import Measurement, Reconstruction, Truth
from exitwave.quality import align, rectangle_of_centres
from exitwave.schema.data import DataOptions, data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import DataError, EngineError
from exitwave.schema.geometry import Geometry
from exitwave.schema.overrides import split_sections
from exitwave.schema.recipe import Recipe, recipe_to_mapping
from exitwave.settings.recipes import resolve_recipe

LEAST_STEP_PX = 1e-4
"""Positions are rounded to this: metres and back leave no trace of a whole pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The part of a file's scan that is reconstructed."""

    dataset: Dataset
    positions_m: NDArray[np.float64]
    geometry: Geometry
    pixel_size_m: float


def reconstruct_file(
    file: Path, out: Path, *, recipe: str, overrides: Mapping[str, Any], device: str
) -> Reconstruction:
    """Reconstruct the scan in a CXI file into another one; says what it does.

    The result's file holds the measurement (and its truth) too.

    Raises
    ------
    ExitwaveError
        The recipe, the file or the run fails; nothing is written.
    """
    sections = split_sections(overrides)
    chosen = resolve_recipe(recipe, sections["recipe"])
    measurement = read_measurement(file)
    prepared = prepare(measurement, sections["data"], sections["geometry"])
    typer.echo(
        f"{file}: {len(prepared.dataset.frames)} patterns, "
        f"pixel {prepared.pixel_size_m * 1e9:.4g} nm, recipe {chosen.name}"
    )
    state, loss = _run(prepared.dataset, chosen, device)
    result = Reconstruction(
        object_MYX=state.object_MYX(),
        probe_NHW=state.probe_NHW(),
        positions_px=state.positions_px,
        positions_m=prepared.positions_m,
        loss=np.array(loss),
        pixel_size_m=prepared.pixel_size_m,
        geometry=prepared.geometry,
        box=state.illuminated_box(),
        metadata={
            "source": str(file),
            "recipe": recipe_to_mapping(chosen),
            "overrides": dict(overrides),
            "geometry": asdict(prepared.geometry),
            "software": {name: version(name) for name in ("exitwave", "torch", "numpy")},
        },
    )
    write_reconstruction(out, result, measurement)
    typer.echo(f"{out}: loss {loss[-1]:.5g} after {len(loss)} epochs")
    if measurement.truth is not None and _same_pixels(result, measurement):
        typer.echo(f"|cPCC| {compare_with_truth(result, measurement.truth):.4f}")
    return result


def prepare(
    measurement: Measurement, data: Mapping[str, Any], geometry: Mapping[str, Any]
) -> Prepared:
    """The engine's dataset from a file's scan, by `data.*` and `geometry.*` knobs."""
    options = data_from_mapping(data)
    chosen = _subset(len(measurement.counts_nHW), options)
    counts_nHW, mask_HW = measurement.counts_nHW[chosen], measurement.mask_HW
    height, width = counts_nHW.shape[1:]
    side = options.crop_px or min(height, width)
    if side > min(height, width):
        raise DataError("data.crop_px", side, f"at most {min(height, width)} px")
    # DC is at n // 2 and stays there.
    top, left = height // 2 - side // 2, width // 2 - side // 2
    cut = (slice(top, top + side), slice(left, left + side))
    used = _overridden(measurement.geometry, geometry)
    pixel_size_m = used.pixel_size_m(side)
    positions_m = measurement.positions_m[chosen]
    positions_px = (positions_m - positions_m.min(axis=0)) / pixel_size_m
    corner = {"axes": (-2, -1)}
    return Prepared(
        dataset=Dataset(
            frames=ArrayFrames(np.fft.ifftshift(counts_nHW[:, *cut], **corner)),
            positions_px=np.round(positions_px / LEAST_STEP_PX) * LEAST_STEP_PX,
            mask_HW=None if mask_HW is None else np.fft.ifftshift(mask_HW[cut], **corner),
            pixel_size_m=pixel_size_m,
        ),
        positions_m=positions_m,
        geometry=used,
        pixel_size_m=pixel_size_m,
    )


def compare_with_truth(result: Reconstruction, truth: Truth) -> float:
    """|cPCC| on the rectangle spanned by the view centres.

    In a simulated file the positions in metres are the views' corners in the true object.
    """
    corners_px = result.positions_m / result.pixel_size_m
    offset_y, offset_x = np.rint((corners_px - result.positions_px)[0]).astype(int)
    reference_YX = truth.object_YX[max(0, offset_y) :, max(0, offset_x) :]
    region = rectangle_of_centres(result.positions_px, truth.probe_HW.shape)
    return align(result.object_MYX[0], reference_YX, region).cpcc


def _run(dataset: Dataset, recipe: Recipe, device: str) -> tuple[EpochState, list[float]]:
    """The last state and the loss of every epoch, with a bar on a terminal."""
    console = Console(stderr=True)
    state: EpochState | None = None
    loss: list[float] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]}"),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task("epochs", total=recipe.epochs, loss="")
        for state in reconstruct(dataset, recipe, device=device):
            loss.append(state.loss.total)
            bars.update(task, completed=state.epoch, loss=f"{state.loss.total:.4g}")
    if state is None:
        raise EngineError("the engine ended before its first epoch")
    return state, loss


def _same_pixels(result: Reconstruction, measurement: Measurement) -> bool:
    """Whether neither a crop nor another geometry has changed the pixel of the truth."""
    true_m = measurement.geometry.pixel_size_m(measurement.counts_nHW.shape[-1])
    return bool(np.isclose(result.pixel_size_m, true_m, rtol=1e-6))


def _subset(frames: int, options: DataOptions) -> NDArray[np.intp]:
    first = 1 if options.subset == "odd" else 0
    return np.arange(first, frames, 1 if options.subset == "all" else 2)


def _overridden(geometry: Geometry, overrides: Mapping[str, Any]) -> Geometry:
    given = asdict(geometry_from_mapping(overrides))
    changed = {key: value for key, value in given.items() if value}
    sources = {**geometry.sources, **dict.fromkeys(changed, "override")}
    return replace(geometry, **changed, sources=sources)
