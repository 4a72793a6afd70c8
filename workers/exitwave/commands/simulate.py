"""Write a simulated scan with its truth as a CXI file."""

from __future__ import annotations

from pathlib import Path

import typer

from exitwave.files.cxi import write_measurement
from exitwave.files.reconstruction import Measurement, Truth
from exitwave.schema.geometry import Geometry
from exitwave.simulated_beamline.simulate import ProbeKind, simulate


def simulate_file(
    out: Path,
    *,
    overlap: float,
    photons: float | None,
    seed: int,
    objects: tuple[str, str],
    probe: ProbeKind,
    grid: int,
) -> None:
    """Write a simulated scan with its truth."""
    scan = simulate(overlap, photons, seed, objects, probe, grid)
    source = "simulated"
    write_measurement(
        out,
        Measurement(
            counts_nHW=scan.patterns_nHW,
            positions_m=scan.positions_px * scan.pixel_size_m,
            geometry=Geometry(
                energy_eV=scan.energy_eV,
                distance_m=scan.distance_m,
                detector_pixel_m=scan.detector_pixel_m,
                sources=dict.fromkeys(("energy_eV", "distance_m", "detector_pixel_m"), source),
            ),
            truth=Truth(object_YX=scan.object_YX, probe_HW=scan.probe_HW),
        ),
    )
    side = scan.patterns_nHW.shape[-1]
    typer.echo(
        f"{out}: {len(scan.patterns_nHW)} patterns of {side} x {side} px, "
        f"step {scan.step_px} px, pixel {scan.pixel_size_m * 1e9:.4g} nm"
    )
