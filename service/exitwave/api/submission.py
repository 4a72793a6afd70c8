"""From a request to a job: everything that can be known now is checked now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import structlog

from exitwave.ledger import AsyncLedger
from exitwave.schema.data import data_from_mapping, geometry_from_mapping
from exitwave.schema.errors import InvalidInput
from exitwave.schema.job import Job, JobRequest, JobSpec
from exitwave.schema.knobs import plain
from exitwave.schema.overrides import split_sections
from exitwave.schema.recipe import recipe_to_mapping
from exitwave.settings.recipes import resolve_recipe

from .scan_desk import ScanDesk

_log = structlog.get_logger(__name__)


async def accept(
    request: JobRequest,
    *,
    owner: str,
    idempotency_key: str | None,
    ledger: AsyncLedger,
    scans: ScanDesk,
) -> Job:
    """The job that this request makes, or made when it came before under the same key.

    Raises
    ------
    InvalidInput
        Also a `RecipeError`, `GeometryError` or `DataError`: what is asked for is wrong.
    RecipeNotFound, ScanNotFound, ScanNotFinished
        What is asked for is not there, or not yet.
    """
    digest = _digest(request)
    if idempotency_key:
        # Before anything else: what the first request found may have changed since.
        earlier = await ledger.submitted(owner, idempotency_key, digest)
        if earlier:
            return earlier
    job, created = await ledger.submit(
        await _resolve(request, scans),
        owner=owner,
        idempotency_key=idempotency_key,
        request_digest=digest,
    )
    if created:
        _log.info("job.submitted", job_id=job.id, scan=job.spec.scan.uid, recipe=request.recipe)
    return job


async def _resolve(request: JobRequest, scans: ScanDesk) -> JobSpec:
    sections = split_sections(request.overrides)
    recipe = resolve_recipe(request.recipe, sections["recipe"])
    data = data_from_mapping(sections["data"])
    geometry = geometry_from_mapping(sections["geometry"])
    if request.scan == "":
        raise InvalidInput("scan", "", "a scan's uid, the beginning of one, or a scan_id")
    return JobSpec(
        scan=await scans.look_up(request.scan, data, geometry),
        recipe=recipe_to_mapping(recipe),
        data=plain(data),
        geometry=sections["geometry"],
        overrides=request.overrides,
        priority=request.priority,
        tags=request.tags,
    )


def _digest(request: JobRequest) -> str:
    values: Mapping[str, Any] = request.model_dump()
    try:
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
    except ValueError as error:
        raise InvalidInput("body", str(error), "finite numbers and valid Unicode") from None
