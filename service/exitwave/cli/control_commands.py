"""Commands that control jobs: cancel, stop, reprioritise, pause, resume, delete."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from exitwave.schema.job import Job, JobState, QueueInfo

from . import rendering, service_rendering
from .common import JobId, JsonFlag, make_client, print_json

MaybeJobId: TypeAlias = Annotated[
    str | None, typer.Argument(help="Id of a job; default the queue.", metavar="[JOB]")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (cancel, stop, reprioritise, pause, resume, delete):
        app.command()(command)


def cancel(context: typer.Context, job_id: JobId, as_json: JsonFlag = False) -> None:
    """Cancel a job; nothing is kept.

    A queued one ends at once, a running one within seconds.
    """
    with make_client(context) as client:
        job = client.cancel(job_id)
    if as_json:
        print_json(job)
    elif job.state is JobState.CANCELLED:
        typer.echo(f"job {job.id} cancelled")
    else:
        typer.echo(f"job {job.id} is {job.state}; told to stop")


def stop(context: typer.Context, job_id: JobId, as_json: JsonFlag = False) -> None:
    """End a running job now and keep its result."""
    with make_client(context) as client:
        job = client.stop(job_id)
    if as_json:
        print_json(job)
    elif job.state.terminal:
        typer.echo(rendering.outcome(job))
    else:
        typer.echo(f"job {job.id} is {job.state}; told to end now and keep its result")


def reprioritise(
    context: typer.Context,
    job_id: JobId,
    priority: Annotated[
        int, typer.Argument(min=0, max=9, help="0 (live) to 9 (lowest).", metavar="PRIORITY")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Move a job in the queue."""
    with make_client(context) as client:
        job = client.reprioritise(job_id, priority)
    if as_json:
        print_json(job)
    else:
        typer.echo(f"job {job.id} is {job.state}, priority {job.priority}")


def pause(context: typer.Context, job_id: MaybeJobId = None, as_json: JsonFlag = False) -> None:
    """Pause a queued job, or the whole queue.

    Running jobs go on.
    """
    _set_paused(context, job_id, paused=True, as_json=as_json)


def resume(
    context: typer.Context, job_id: MaybeJobId = None, as_json: JsonFlag = False
) -> None:
    """Resume a paused job, or the queue."""
    _set_paused(context, job_id, paused=False, as_json=as_json)


def delete(context: typer.Context, job_id: JobId) -> None:
    """Delete a job that has ended; its result stays in Tiled."""
    with make_client(context) as client:
        client.delete(job_id)
    typer.echo(f"job {job_id} deleted")


def _set_paused(
    context: typer.Context, job_id: str | None, *, paused: bool, as_json: bool
) -> None:
    found: Job | QueueInfo
    with make_client(context) as client:
        if job_id is not None:
            found = job = client.pause(job_id) if paused else client.resume(job_id)
            said = f"job {job.id} is {job.state}" + (", paused" if job.paused else "")
        else:
            found = queue = client.pause_queue() if paused else client.resume_queue()
            said = service_rendering.queue_line(queue)
    if as_json:
        print_json(found)
    else:
        typer.echo(said)
