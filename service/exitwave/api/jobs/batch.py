"""Submit many scans at once: a job or a problem for each."""

from __future__ import annotations

import asyncio

from exitwave.api.access.dependencies import Principal
from exitwave.api.http.problems import problem_in_body
from exitwave.ledger import ServiceLedger
from exitwave.schema.errors import ExitwaveError, Unavailable
from exitwave.schema.job import Job, JobRequest, JobSpec
from exitwave.schema.requests import BatchItem, BatchReply, BatchRequest

from .submission import Submissions, Work, digest_of

MAX_LOOKUPS = 8
"""Scans looked up at the same time."""


async def accept_batch(
    request: BatchRequest,
    idempotency_key: str | None,
    *,
    ledger: ServiceLedger,
    submissions: Submissions,
    caller: Principal,
) -> BatchReply:
    """Make jobs in the order of the scans. An error in what they share refuses the batch.

    Raises
    ------
    InvalidInput, RecipeNotFound, JobNotFound, TransitionNotAllowed
        Recipe, overrides or start are wrong.
    Unavailable
        The queue went away meanwhile. A repetition with the same idempotency key finds the
        jobs that were made and makes the others.
    """
    Work.of(request.recipe, request.overrides)
    if request.start is not None:
        await submissions.start(request.start)
    slots = asyncio.Semaphore(MAX_LOOKUPS)
    requests = request.each()
    keys = [_key_of(idempotency_key, place) for place in range(len(requests))]

    async def found(wanted: JobRequest, key: str | None) -> Job | JobSpec | ExitwaveError:
        async with slots:
            try:
                known = key and await ledger.submitted(
                    caller.name, key, digest_of(wanted.model_dump())
                )
                return known or await submissions.resolve(wanted)
            except ExitwaveError as error:
                return error

    async with asyncio.TaskGroup() as tasks:
        looking = [tasks.create_task(found(*each)) for each in zip(requests, keys, strict=True)]
    items = []
    # One after the other: their order is their order in the queue.
    for wanted, key, task in zip(requests, keys, looking, strict=True):
        items.append(await _item(wanted, key, task.result(), submissions, caller))
    return BatchReply(items=items)


async def _item(
    wanted: JobRequest,
    key: str | None,
    found: Job | JobSpec | ExitwaveError,
    submissions: Submissions,
    caller: Principal,
) -> BatchItem:
    if isinstance(found, Unavailable):
        raise found
    if isinstance(found, ExitwaveError):
        return BatchItem(scan=wanted.scan, problem=problem_in_body(found, "/api/v1/jobs/batch"))
    if isinstance(found, JobSpec):
        digest = digest_of(wanted.model_dump())
        found = await submissions.submit(found, caller.name, key, digest)
    return BatchItem(scan=wanted.scan, job=found)


def _key_of(idempotency_key: str | None, place: int) -> str | None:
    # No header can hold a NUL: such a key cannot be another request's.
    return f"{idempotency_key}\0{place}" if idempotency_key else None
