"""Commands that run the service: up, demo, api, tiled, trigger, doctor."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .extras import needs

FAILED = 1

DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Where everything is kept; default ~/.local/share/exitwave."),
]
Port: TypeAlias = Annotated[
    int | None,
    typer.Option(help="Port of API and dashboard; default 8000.", min=1, max=65535),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, demo, api, tiled, trigger, doctor):
        app.command()(command)


def up(data_dir: DataDir = None, port: Port = None) -> None:
    """Run everything on this machine until Ctrl-C: queue, Tiled, API, trigger, worker."""
    with needs("demo"):
        from exitwave.local import supervisor

    supervisor.up(data_dir, port, _say)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop when the scan's picture is done.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="Frames per second; default the whole scan in 20 s.", min=0.01),
    ] = None,
    port: Port = None,
    data_dir: DataDir = None,
) -> None:
    """Run everything, and have a simulated beamline play a real scan into it."""
    with needs("demo"):
        from exitwave.local.demo import demo as run

    if not run(data_dir, port, rate, once, _say):
        raise typer.Exit(FAILED)


def api() -> None:
    """Run the HTTP API and the dashboard."""
    with needs("service"):
        from exitwave.api.server import run_api
        from exitwave.settings.service import load_settings

    run_api(load_settings())


def tiled() -> None:
    """Run the embedded Tiled server."""
    with needs("demo"):
        from exitwave.local.tiled_server import serve_tiled
        from exitwave.settings.service import load_settings

    serve_tiled(load_settings())


def trigger() -> None:
    """Submit a job for each scan that ends well."""
    with needs("service"):
        from exitwave.settings.service import load_settings
        from exitwave.triggers.process import run_trigger

    run_trigger(load_settings())


def doctor(
    context: typer.Context,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for scripts.", show_default=False)
    ] = False,
) -> None:
    """Check every part of the service, a line each."""
    with needs("service"):
        from exitwave.local.doctor import examine
        from exitwave.settings.service import load_settings

    findings = list(examine(load_settings(of_last_up=True), context.obj.url))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            mark = "ok   " if finding.ok else "WRONG"
            typer.echo(f"{mark}  {finding.part:<7}{finding.detail}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(FAILED)


def _say(line: str) -> None:
    typer.echo(line)
