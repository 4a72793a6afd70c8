"""What all commands share: where the service is, how they print, how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import BaseModel

from exitwave.client import Client
from exitwave.schema.job import Job, JobState

from . import follow, tables

FAILED = 1
LOOK_PATIENCE_S = 3.0
MAKE_PATIENCE_S = 10.0
"""What makes a job tries longer: typed again after an error it could make a second one."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the commands find the service."""

    url: str | None


JsonFlag: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, for scripts.", show_default=False)
]
JobId: TypeAlias = Annotated[str, typer.Argument(help="Id of the job.", metavar="JOB")]
WaitFlag: TypeAlias = Annotated[
    bool, typer.Option("--wait", help="Wait for its end; exit code 1 unless it succeeded.")
]


def client_of(context: typer.Context, patience_s: float = LOOK_PATIENCE_S) -> Client:
    """A client of the service that the command is for."""
    service: Service = context.obj
    return Client(service.url, patience_s=patience_s)


def print_json(found: BaseModel | Sequence[BaseModel]) -> None:
    """One record as an object, several as a list."""
    if isinstance(found, BaseModel):
        values: Any = found.model_dump(mode="json")
    else:
        values = [record.model_dump(mode="json") for record in found]
    typer.echo(json.dumps(values, indent=2))


def say_error(text: str) -> None:
    """A line beside the output proper."""
    print(f"exitwave: {text}", file=sys.stderr)


def tell_new_job(client: Client, job: Job, *, wait: bool, as_json: bool) -> None:
    """Print a job just made, or wait for its end and exit by it."""
    if wait:
        job = follow.until_end(client, job.id, quiet=as_json)
    if as_json:
        print_json(job)
    elif not wait:
        typer.echo(f"job {job.id} {job.state}; `exitwave watch {job.id}` follows it")
    if wait:
        if not as_json and job.spec.kind == "frc" and job.result is not None:
            for name, line in tables.quality_rows(job.result.quality):
                typer.echo(f"{name} {line}")
        exit_by_outcome(job, say=not as_json)


def exit_by_outcome(job: Job, *, say: bool) -> None:
    """Leave with exit code 1 unless the job succeeded."""
    if say:
        typer.echo(tables.outcome(job))
    if job.state is not JobState.SUCCEEDED:
        raise typer.Exit(FAILED)
