"""Commands that query: jobs, show, watch, queue, download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from exitwave.client import Client, Plane, ResultFormat
from exitwave.schema.errors import UsageError
from exitwave.schema.job import Job, JobPage, JobState
from exitwave.schema.result_formats import RESULT_FORMATS_HELP

from . import live_progress, rendering, service_rendering
from .common import (
    JobId,
    JsonFlag,
    exit_by_state,
    make_client,
    print_error,
    print_json,
)

PAGE = 200


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (list_jobs, show, watch, queue, download):
        name = "jobs" if command is list_jobs else None
        app.command(name)(command)


def list_jobs(
    context: typer.Context,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    scan: Annotated[
        str | None, typer.Option(help="Only jobs of this scan: its uid or scan_id.")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="Only jobs with this tag.")] = None,
    owner: Annotated[
        str | None,
        typer.Option(help="Only jobs of this owner; others' need the scope control:jobs."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    all_jobs: Annotated[
        bool, typer.Option("--all", help="All jobs, whatever --limit says.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List jobs, newest first."""
    jobs: list[Job] = []
    corrupt: list[str] = []
    more = False
    with make_client(context) as client:
        for page in _pages(client, state, scan, tag, owner, limit):
            jobs += page.jobs
            corrupt += page.corrupt
            more = page.cursor is not None
            if not all_jobs and len(jobs) >= limit:
                break
    if not all_jobs:
        more |= len(jobs) > limit
        jobs = jobs[:limit]
    if as_json:
        print_json(jobs)
    else:
        rendering.console.print(rendering.job_list(jobs))
        if more:
            typer.echo(f"there are more; --limit {2 * limit} or --all shows them")
    if corrupt:
        print_error(f"jobs that cannot be read: {' '.join(corrupt)}")


def show(context: typer.Context, job_id: JobId, as_json: JsonFlag = False) -> None:
    """Show one job in full."""
    with make_client(context) as client:
        job = client.job(job_id)
        linked = [] if as_json else _linked(client, job)
    if as_json:
        print_json(job)
    else:
        rendering.console.print(rendering.job_record(job, linked))


def watch(
    context: typer.Context,
    job_id: Annotated[
        str | None,
        typer.Argument(help="Follow this job to its end; default all.", metavar="[JOB]"),
    ] = None,
) -> None:
    """Follow progress live; Ctrl-C ends watching, not the job."""
    with make_client(context) as client:
        if job_id is None:
            live_progress.follow_all_jobs(client)
        else:
            exit_by_state(live_progress.follow_job(client, job_id), say=True)


def queue(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List the queue in order, with expected starts."""
    with make_client(context) as client:
        found = client.queue(limit)
    if as_json:
        print_json(found)
        return
    typer.echo(service_rendering.queue_line(found))
    if found.queued:
        rendering.console.print(service_rendering.queue_list(found))


def download(
    context: typer.Context,
    job_id: JobId,
    format: Annotated[
        ResultFormat,
        typer.Option(help=RESULT_FORMATS_HELP),
    ] = "cxi",
    plane: Annotated[Plane, typer.Option(help="What a png or tiff shows.")] = "phase",
    out: Annotated[
        Path | None, typer.Option(help="File or folder to write to; default this folder.")
    ] = None,
) -> None:
    """Fetch the result of a job as a file; prints where it is."""
    with make_client(context) as client:
        try:
            typer.echo(client.download(job_id, format, out, plane))
        except OSError as error:
            where = out if out is not None else Path.cwd()
            raise UsageError(f"--out: {where} cannot be written ({error.strerror})") from None


def _pages(
    client: Client,
    state: JobState | None,
    scan: str | None,
    tag: str | None,
    owner: str | None,
    limit: int = PAGE,
) -> Iterator[JobPage]:
    cursor = None
    while True:
        page = client.jobs(state, scan, tag, owner, min(limit, PAGE), cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def _linked(client: Client, job: Job) -> list[Job]:
    """Jobs that refer to this one: its FRC, retries, those that start from its result."""
    found: list[Job] = []
    for page in _pages(client, None, job.spec.scan.uid, None, None):
        for other in page.jobs:
            if other.submitted_at < job.submitted_at:
                return found  # newest first: what follows was there before this one
            if rendering.relation(other, job.id):
                found.append(other)
    return found
