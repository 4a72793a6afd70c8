"""Reconstruct from file to file, without any service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import typer

from exitwave.cli.rendering import quality_rows
from exitwave.cli.verdict_rendering import verdict_rows
from exitwave.engine import Dataset, EpochState, reconstruct
from exitwave.engine.data.scan import choose_device
from exitwave.files.cxi import write_reconstruction
from exitwave.files.reconstruction import Reconstruction
from exitwave.files.scan_formats import open_measurement
from exitwave.files.stored import AnyMeasurement
from exitwave.prepare import Prepared, build_oriented
from exitwave.recipes.loading import resolve_recipe
from exitwave.run_quality import (
    Engine,
    HalfState,
    RunQuality,
    compare_reconstructed_halves,
    quality_of_run,
    with_diagnosis,
)
from exitwave.runtime.logs import configure_logging
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import Diverged, EngineError
from exitwave.schema.job import halves_for
from exitwave.schema.overrides import split_sections
from exitwave.schema.recipe import Recipe, recipe_to_mapping
from exitwave.schema.result import FRC

from .file_scan import FileScan
from .ground_truth import cpcc_with_truth
from .progress_bar import epoch_bar
from .run_start import RunStart


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which file, and what it does not say by itself.

    Attributes
    ----------
    file : Path
    dataset, positions, positions_unit : str, optional
        For files that do not say where these are, or in what unit.
    """

    file: Path
    dataset: str | None = None
    positions: str | None = None
    positions_unit: str | None = None


def reconstruct_file(
    source: Source,
    out: Path,
    *,
    recipe: str,
    overrides: Mapping[str, Any],
    device: str,
    start: RunStart,
    frc: bool = False,
    memory_GB: float | None = None,
    as_json: bool = False,
) -> Reconstruction:
    """Reconstruct the scan in a file into a CXI file; prints progress and figures.

    The result's file holds the measurement (and its truth) too. Of a run that diverges the
    last good epoch is written. With `frc` two halves of the data are reconstructed as well.
    With `as_json` one object is printed and everything else goes to the error stream.

    Raises
    ------
    ExitwaveError
        The recipe, the file or the run fails.
    """
    configure_logging("error")
    say = partial(typer.echo, err=as_json)
    began_s = time.perf_counter()
    sections = split_sections(overrides)
    chosen = resolve_recipe(recipe, sections["recipe"])
    measurement, prepared = _prepared(source, sections, chosen, device)
    say(
        f"{source.file}: {len(prepared.dataset.frames)} patterns, "
        f"pixel {prepared.pixel_size_m * 1e9:.4g} nm, recipe {chosen.name}"
    )
    for name, line in verdict_rows(None, prepared.preparation, None):
        say(f"{name} {line}")
    engine = partial(reconstruct, device=device, memory_GB=memory_GB)
    run_began_s = time.perf_counter()
    state, loss, diverged = _run(engine, prepared.dataset, chosen, start, say)
    run_s = time.perf_counter() - run_began_s
    judged = quality_of_run(prepared, state, subpixel=chosen.subpixel, device=device)
    judged = with_diagnosis(judged, prepared, chosen, state, device=device, run_s=run_s)
    if frc and diverged is None:
        judged = _with_frc(engine, judged, prepared, chosen)
    result = Reconstruction(
        object_MYX=state.object_MYX(),
        probe_NHW=state.probe_NHW(),
        positions_px=state.positions_px,
        positions_m=prepared.positions_m,
        loss=np.array(loss),
        pixel_size_m=prepared.pixel_size_m,
        geometry=prepared.geometry,
        box=state.illuminated_box(),
        quality=judged.figures(),
        verdict=judged.verdict,
        preparation=judged.preparation,
        start=judged.start,
        metadata={
            "source": str(source.file),
            "recipe": recipe_to_mapping(chosen),
            "overrides": dict(overrides),
            "geometry": asdict(prepared.geometry),
            "software": {name: version(name) for name in ("exitwave", "torch", "numpy")},
        },
    )
    write_reconstruction(out, result, measurement)
    truth = cpcc_with_truth(result, measurement)
    if as_json:
        seconds = time.perf_counter() - began_s
        typer.echo(_json(result, judged, chosen, out, seconds, truth[0]))
    else:
        _print_report(out, loss, judged, truth)
    if diverged is not None:
        raise Diverged(f"{diverged}; {out} holds epoch {state.epoch}, the last good one")
    return result


def _prepared(
    source: Source, sections: Mapping[str, Mapping[str, Any]], recipe: Recipe, device: str
) -> tuple[AnyMeasurement, Prepared]:
    """The file, opened, and its scan made ready for the engine."""
    geometry = geometry_from_mapping(sections["geometry"])
    measurement = open_measurement(
        source.file,
        source.dataset,
        source.positions,
        positions_unit=source.positions_unit,
        geometry=geometry,
    )
    scan = FileScan(source.file, measurement)
    data = data_from_mapping(sections["data"])
    place = choose_device(device)
    return measurement, build_oriented(scan, data, scan.geometry(geometry), recipe, place)


def _print_report(
    out: Path, loss: list[float], judged: RunQuality, truth: tuple[float | None, str | None]
) -> None:
    """The verdict first, then what it rests on."""
    typer.echo(f"{out}: loss {loss[-1]:.5g} after {len(loss)} epochs")
    rows = [
        *verdict_rows(judged.verdict, judged.preparation, judged.start),
        *quality_rows(judged.quality, judged.verdict),
    ]
    for name, line in rows:
        typer.echo(f"{name} {line}")
    cpcc, why_none = truth
    if cpcc is not None:
        typer.echo(f"|cPCC| {cpcc:.4f}")
    elif why_none is not None:
        typer.echo(f"no |cPCC|: {why_none}")


def _json(
    result: Reconstruction,
    judged: RunQuality,
    recipe: Recipe,
    out: Path,
    seconds: float,
    cpcc: float | None,
) -> str:
    """One object for scripts: the verdict, what it rests on, what was left out."""
    verdict, preparation = judged.verdict, judged.preparation
    parts = [verdict, preparation, judged.start, judged.quality]
    plain_verdict, prepared, started, quality = (
        json.loads(part.model_dump_json()) for part in parts
    )
    values = {
        "verdict": plain_verdict["verdict"],
        "rules": plain_verdict["rules"],
        "figures": plain_verdict["figures"],
        **prepared,
        "start": started,
        "epochs": len(result.loss),
        "seconds": round(seconds, 3),
        "loss": float(result.loss[-1]),
        "frames": len(result.positions_px),
        "recipe": recipe.name,
        "pixel_size_m": result.pixel_size_m,
        "quality": quality,
        "out": str(out),
    }
    if cpcc is not None:
        values["cpcc"] = cpcc
    return json.dumps(values)


def _run(
    engine: partial[Iterator[EpochState]],
    dataset: Dataset,
    recipe: Recipe,
    run_start: RunStart,
    say: Callable[[str], None],
) -> tuple[EpochState, list[float], Diverged | None]:
    """The last good state, the loss of every epoch, and why the run ended early, if so.

    With a bar on a terminal.
    """
    state: EpochState | None = None
    diverged: Diverged | None = None
    start, loss = run_start.load(dataset, recipe, say)
    with epoch_bar("epochs", recipe.epochs) as show:
        try:
            for state in engine(dataset, recipe, start):
                loss.append(state.loss.total)
                run_start.save_checkpoint(state, loss)
                show(state.epoch, state.loss.total, state.epochs)
        except Diverged as error:
            diverged = error
    if state is None:
        raise diverged or EngineError("no epoch is left to run; the checkpoint is the last one")
    return state, loss, diverged


def _with_frc(
    engine: Engine, judged: RunQuality, prepared: Prepared, recipe: Recipe
) -> RunQuality:
    """The same, and the FRC of two halves."""
    halves = halves_for(judged.quality.overlap)
    with epoch_bar(f"halves of the {halves}", 2 * recipe.epochs) as show:

        def follow(state: HalfState) -> None:
            show(state.epoch, state.loss.total, state.epochs)

        found = compare_reconstructed_halves(engine, prepared, recipe, halves, follow)
    return replace(
        judged,
        quality=judged.quality.model_copy(update={"frc": found.figures}),
        curves={**judged.curves, FRC: found.curve},
    )
