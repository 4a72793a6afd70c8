"""``exitwave beamline play`` with a bar."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exitwave.runtime.logs import configure_logging
from exitwave.settings.service import Settings
from exitwave.simulated_beamline.play import PlayedScan, play


def play_with_bar(
    settings: Settings,
    *,
    scan_file: Path | None,
    rate_hz: float | None,
    sample: str | None,
    as_json: bool,
) -> PlayedScan:
    """Play a scan; raises what `play` raises, and exits with 1 if the run was aborted."""
    configure_logging("warning")
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task("frames", total=None)
        played = play(
            settings,
            scan_file=scan_file,
            rate_hz=rate_hz,
            sample=sample,
            on_progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    line = (
        f"scan {played.scan_id} {played.exit_status}: {played.n_frames} frames in "
        f"{played.duration_s:.1f} s, uid {played.uid}"
    )
    typer.echo(json.dumps(asdict(played)) if as_json else line)
    if played.exit_status != "success":
        raise typer.Exit(1)
    return played
