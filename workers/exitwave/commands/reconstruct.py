"""Reconstruct from file to file, without any service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import typer

from exitwave.cli.tables import quality_rows
from exitwave.engine import Dataset, EpochState, reconstruct
from exitwave.files.cxi import write_reconstruction
from exitwave.files.formats import open_measurement
from exitwave.files.reconstruction import Reconstruction
from exitwave.prepare import Prepared, build_dataset
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import Diverged, EngineError
from exitwave.schema.job import halves_for
from exitwave.schema.overrides import split_sections
from exitwave.schema.recipe import Recipe, recipe_to_mapping
from exitwave.settings.logs import configure_logging
from exitwave.settings.recipes import resolve_recipe
from exitwave.worker.assess import Assessment, assess
from exitwave.worker.halves import Engine, Pair, frc_curve, frc_figures, reconstruct_halves

from .bars import epoch_bar
from .file_scan import FileScan
from .starting import Begin
from .truth import told_truth


def reconstruct_file(
    file: Path,
    out: Path,
    *,
    recipe: str,
    overrides: Mapping[str, Any],
    device: str,
    begin: Begin,
    frc: bool = False,
    memory_GB: float | None = None,
    dataset: str | None = None,
    positions: str | None = None,
    positions_unit: str | None = None,
) -> Reconstruction:
    """Reconstruct the scan in a file into a CXI file; says what it does, and how well.

    `dataset`, `positions` and `positions_unit` are for files that do not say them. The
    result's file holds the measurement (and its truth) too. Of a run that diverges the last
    good epoch is written. With `frc` two halves of the data are reconstructed as well.

    Raises
    ------
    ExitwaveError
        The recipe, the file or the run fails.
    """
    configure_logging("warning")
    sections = split_sections(overrides)
    chosen = resolve_recipe(recipe, sections["recipe"])
    geometry = geometry_from_mapping(sections["geometry"])
    measurement = open_measurement(
        file, dataset, positions, positions_unit=positions_unit, geometry=geometry
    )
    scan = FileScan(file, measurement)
    prepared = build_dataset(scan, data_from_mapping(sections["data"]), scan.geometry(geometry))
    typer.echo(
        f"{file}: {len(prepared.dataset.frames)} patterns, "
        f"pixel {prepared.pixel_size_m * 1e9:.4g} nm, recipe {chosen.name}"
    )
    engine = partial(reconstruct, device=device, memory_GB=memory_GB)
    state, loss, diverged = _run(engine, prepared.dataset, chosen, begin)
    assessed = assess(prepared.dataset, state, subpixel=chosen.subpixel, device=device)
    if frc and diverged is None:
        assessed = _with_frc(engine, assessed, prepared, chosen)
    result = Reconstruction(
        object_MYX=state.object_MYX(),
        probe_NHW=state.probe_NHW(),
        positions_px=state.positions_px,
        positions_m=prepared.positions_m,
        loss=np.array(loss),
        pixel_size_m=prepared.pixel_size_m,
        geometry=prepared.geometry,
        box=state.illuminated_box(),
        quality=assessed.figures(),
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
    for name, line in quality_rows(assessed.quality):
        typer.echo(f"{name} {line}")
    cpcc, why_none = told_truth(result, measurement)
    if cpcc is not None:
        typer.echo(f"|cPCC| {cpcc:.4f}")
    elif why_none is not None:
        typer.echo(f"no |cPCC|: {why_none}")
    if diverged is not None:
        raise Diverged(f"{diverged}; {out} holds epoch {state.epoch}, the last good one")
    return result


def _run(
    engine: partial[Iterator[EpochState]], dataset: Dataset, recipe: Recipe, begin: Begin
) -> tuple[EpochState, list[float], Diverged | None]:
    """The last good state, the loss of every epoch, and why the run ended early, if so.

    With a bar on a terminal.
    """
    state: EpochState | None = None
    diverged: Diverged | None = None
    start, loss = begin.beginning(dataset, recipe)
    with epoch_bar("epochs", recipe.epochs) as show:
        try:
            for state in engine(dataset, recipe, start):
                loss.append(state.loss.total)
                begin.keep(state, loss)
                show(state.epoch, state.loss.total)
        except Diverged as error:
            diverged = error
    if state is None:
        raise diverged or EngineError("no epoch is left to run; the checkpoint is the last one")
    return state, loss, diverged


def _with_frc(
    engine: Engine, assessed: Assessment, prepared: Prepared, recipe: Recipe
) -> Assessment:
    """The same, and the FRC of two halves."""
    halves = halves_for(assessed.quality.overlap)
    pair = Pair()
    with epoch_bar(f"halves of the {halves}", 2 * recipe.epochs) as show:
        for state in reconstruct_halves(engine, prepared.dataset, recipe, halves):
            pair.take(state)
            show(state.epoch, state.loss.total)
    rings = pair.rings()
    found = frc_figures(rings, halves, prepared.pixel_size_m)
    return Assessment(
        quality=assessed.quality.model_copy(update={"frc": found}),
        curves={**assessed.curves, "frc": frc_curve(rings)},
    )
