"""Commands of the worker extra. Light: what they need is imported when they run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from exitwave.cli.extras import needs
from exitwave.cli.submit_commands import parse_settings
from exitwave.runtime.threads import BRIEFLY_SPINNING
from exitwave.schema.data import Orientation
from exitwave.schema.errors import UsageError

Dataset: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Name of the patterns in the file, if it is not found.", metavar="PATH"),
]
Positions: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Name of the positions in the file, or a file of them (npy, text in columns).",
        metavar="PATH",
    ),
]
PositionsUnit: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Unit of the positions, where the file states none or a wrong one: m, mm, um, "
        "nm, px.",
        metavar="UNIT",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(reconstruct)
    app.command()(inspect)
    app.command()(simulate)
    app.command()(worker)
    beamline = typer.Typer(
        help="A simulated beamline that plays real scans.", no_args_is_help=True
    )
    beamline.callback()(_beamline)
    beamline.command()(play)
    app.add_typer(beamline, name="beamline")


def reconstruct(
    file: Annotated[
        Path,
        typer.Argument(
            help="File with a scan: CXI, NeXus, other HDF5, npz or npy.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="CXI file to write.", metavar="OUT.cxi")],
    recipe: Annotated[str, typer.Option(help="Name of a recipe.")] = "default",
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of the noise in the initial guess and the order of patterns."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Override a parameter: recipe.probe_states=2, data.subset=even, "
            "geometry.distance_m=1.9. May be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    memory_GB: Annotated[
        float | None,
        typer.Option(
            "--memory-gb",
            help="Device memory to keep to, in 1e9 bytes; frames that do not fit are streamed.",
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Result whose probe (and object, of the same scan) are the initial guess.",
            metavar="RESULT.cxi",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Written every ten epochs, for --resume.", metavar="FILE.npz"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume from --checkpoint.")] = False,
    frc: Annotated[
        bool,
        typer.Option(
            "--frc", help="Report the resolution: reconstruct two halves and compare them."
        ),
    ] = False,
    dataset: Dataset = None,
    positions: Positions = None,
    positions_unit: PositionsUnit = None,
    orientation: Annotated[
        Orientation | None,
        typer.Option(
            help="What is done to the positions: transpose swaps y and x, flips mirror them "
            "afterwards; auto tries all in short runs."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: verdict, rules, left_out, …")
    ] = False,
) -> None:
    """Reconstruct a file, with no service at all.

    Prints the verdict and the reasons for it first; then figures of quality, as far as they can
    be known; where the file holds the ground truth of a simulation, |cPCC| against it.
    """
    overrides = parse_settings(settings or [])
    if orientation is not None:
        overrides["data.orientation"] = orientation
    if seed is not None:
        overrides["recipe.seed"] = seed
    if resume and (checkpoint is None or start is not None):
        raise UsageError("--resume: found no --checkpoint, or --start too; expected the former")
    _check_target(out)
    _let_threads_sleep()
    with needs("worker"):
        from .reconstruct import Source, reconstruct_file
        from .run_start import RunStart
    reconstruct_file(
        Source(
            file=file,
            dataset=dataset,
            positions=positions,
            positions_unit=positions_unit,
        ),
        out,
        recipe=recipe,
        overrides=overrides,
        device=device,
        start=RunStart(start=start, checkpoint=checkpoint, resume=resume),
        frc=frc,
        memory_GB=memory_GB,
        as_json=as_json,
    )


def inspect(
    file: Annotated[
        Path,
        typer.Argument(help="File with a scan.", metavar="FILE", exists=True, dir_okay=False),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="As for reconstruct: geometry.energy_eV=9000, data.frames=100. May be "
            "repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    dataset: Dataset = None,
    positions: Positions = None,
    positions_unit: PositionsUnit = None,
    png: Annotated[
        Path | None,
        typer.Option(help="Write a picture of the mean pattern.", metavar="OUT.png"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a file holds, where each value came from, and what would be refused.

    Exit code 1: it cannot be reconstructed like this.
    """
    if png is not None:
        _check_target(png, "--png")
    with needs("service"):
        from .inspect import inspect_file
    inspect_file(
        file,
        overrides=parse_settings(settings or []),
        dataset=dataset,
        positions=positions,
        positions_unit=positions_unit,
        png=png,
        as_json=as_json,
    )


def simulate(
    out: Annotated[Path, typer.Option(help="CXI file to write.", metavar="FILE.cxi")],
    overlap: Annotated[
        float, typer.Option(help="Of neighbouring views: 1 - step / 36 px, 0 to below 1.")
    ] = 0.5,
    photons: Annotated[
        str, typer.Option(help="Expected in the brightest pattern, or none: no noise.")
    ] = "1e4",
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    objects: Annotated[
        str,
        typer.Option(
            "--object",
            help="Photographs of scikit-image for modulus and phase.",
            metavar="A,B",
        ),
    ] = "camera,astronaut",
    probe: Annotated[
        Literal["disk", "astigmatic"], typer.Option(help="Shape of the illumination.")
    ] = "disk",
    grid: Annotated[int, typer.Option(min=2, help="Views along each axis.")] = 15,
) -> None:
    """Write a simulated scan with its truth."""
    names = objects.split(",")
    if len(names) != 2:
        raise typer.BadParameter(
            f"found {objects!r}; expected two names, such as camera,astronaut",
            param_hint="--object",
        )
    _check_target(out)
    with needs("demo"):
        from .simulate import simulate_file
    simulate_file(
        out,
        overlap=overlap,
        photons=_photons(photons),
        seed=seed,
        objects=(names[0], names[1]),
        probe=probe,
        grid=grid,
    )


def worker(
    gpus: Annotated[
        str | None,
        typer.Option(
            help="One worker for each of these GPUs: all, or indices and UUIDs.",
            metavar="all|0,1|UUID,…",
        ),
    ] = None,
) -> None:
    """Run a worker: claim jobs, reconstruct, stream results."""
    _let_threads_sleep()
    with needs("worker"):
        from exitwave.settings.service import load_settings
        from exitwave.worker.agent import run_worker
        from exitwave.worker.agent.launcher import run_workers
    settings = load_settings(of_last_up=True)
    if gpus is None:
        run_worker(settings)
    else:
        run_workers(settings, gpus)


def play(
    scan_file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="CXI file to play; default the real Siemens star.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Frames per second; default so that it takes 20 s.")
    ] = None,
    sample: Annotated[str | None, typer.Option(help="Name of the sample.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Play a fly scan into Tiled as a beamline does: a RunEngine, HDF5 files, documents."""
    with needs("demo"):
        from exitwave.settings.service import load_settings

        from .beamline import play_with_bar
    play_with_bar(
        load_settings(of_last_up=True),
        scan_file=scan_file,
        rate_hz=rate,
        sample=sample,
        as_json=as_json,
    )


def _beamline() -> None:
    """Keep `play` a sub-command although it is the only one."""


def _let_threads_sleep() -> None:
    """Set how OpenMP's threads wait; it must be set before torch is loaded.

    OpenMP's threads otherwise spin while they wait for each other, which on a machine that
    has other work to do makes each epoch several times slower; without any spinning an epoch
    of small batches takes twice as long on a quiet one.
    """
    for name, value in BRIEFLY_SPINNING.items():
        os.environ.setdefault(name, value)


def _photons(text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(
            f"found {text!r}; expected a number such as 1e4, or none", param_hint="--photons"
        ) from None


def _check_target(out: Path, option: str = "--out") -> None:
    """Refuse a file that cannot be written, before minutes of work."""
    if not out.absolute().parent.is_dir():
        raise UsageError(f"{option}: found no folder {out.absolute().parent}; make it first")
    if out.is_dir():
        raise UsageError(f"{option}: found a folder, {out}; expected a file to write")
