"""Commands about workers: workers, workers drain, workers undrain."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from . import service_rendering
from .common import JsonFlag, make_client, print_json
from .rendering import console

WorkerName: TypeAlias = Annotated[
    str,
    typer.Argument(help="Of the worker, as `exitwave workers` shows it.", metavar="NAME"),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    workers = typer.Typer(
        help="List workers; drain one.",
        invoke_without_command=True,
    )
    workers.callback()(list_workers)
    workers.command()(drain)
    workers.command()(undrain)
    app.add_typer(workers, name="workers")


def list_workers(context: typer.Context, as_json: JsonFlag = False) -> None:
    """List workers; drain one."""
    if context.invoked_subcommand is not None:
        return
    with make_client(context) as client:
        found = client.workers()
    if as_json:
        print_json(found)
    else:
        console.print(service_rendering.worker_list(found))


def drain(context: typer.Context, name: WorkerName, as_json: JsonFlag = False) -> None:
    """Let a worker end its job and claim no other."""
    with make_client(context) as client:
        worker = client.drain(name)
    if as_json:
        print_json(worker)
    else:
        busy = f"; it ends job {worker.job_id} first" if worker.job_id else ""
        typer.echo(f"worker {worker.name} claims no further job{busy}")


def undrain(context: typer.Context, name: WorkerName, as_json: JsonFlag = False) -> None:
    """Let a draining worker claim jobs again."""
    with make_client(context) as client:
        worker = client.undrain(name)
    if as_json:
        print_json(worker)
    else:
        typer.echo(f"worker {worker.name} claims jobs again")
