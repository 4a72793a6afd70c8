"""Make a job of a request: whatever can be checked at submission is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from exitwave.api.access.dependencies import Principal, require_visible
from exitwave.ledger import ServiceLedger
from exitwave.recipes.loading import resolve_recipe
from exitwave.schema.data import DataOptions, GeometryOverrides, data_from_mapping
from exitwave.schema.data import geometry_from_mapping as geometry_of
from exitwave.schema.digest import sha256_hex
from exitwave.schema.errors import InvalidInput, TransitionNotAllowed
from exitwave.schema.job import Job, JobRequest, JobSpec, JobState, StartRef
from exitwave.schema.overrides import split_sections
from exitwave.schema.parameters import plain
from exitwave.schema.recipe import recipe_to_mapping

from .scan_lookup import ScanLookup

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """Recipe, data options and geometry of a job, resolved and checked without Tiled."""

    recipe: dict[str, Any]
    data: DataOptions
    geometry: GeometryOverrides
    asked_geometry: dict[str, Any]

    @classmethod
    def of(cls, recipe: str, overrides: Mapping[str, Any]) -> Work:
        """Resolve a recipe's name and overrides.

        Raises
        ------
        InvalidInput
            Also a `RecipeError` or `GeometryError`: a value is wrong.
        RecipeNotFound
            There is no such recipe.
        """
        sections = split_sections(overrides)
        return cls(
            recipe=recipe_to_mapping(resolve_recipe(recipe, sections["recipe"])),
            data=data_from_mapping(sections["data"]),
            geometry=geometry_of(sections["geometry"]),
            asked_geometry=sections["geometry"],
        )


class Submissions:
    """Makes jobs of one caller's requests.

    Parameters
    ----------
    ledger : ServiceLedger
        Where they go.
    scans : ScanLookup
        Finds and checks the scans.
    caller : Principal
        Owner of the jobs.
    """

    def __init__(self, ledger: ServiceLedger, scans: ScanLookup, caller: Principal) -> None:
        self._ledger = ledger
        self._scans = scans
        self._caller = caller

    async def accept(self, request: JobRequest, idempotency_key: str | None) -> Job:
        """Make the job of a request, or return the one made under the same idempotency key.

        Raises
        ------
        InvalidInput
            Also a `RecipeError`, `GeometryError` or `DataError`: a value is wrong.
        RecipeNotFound, ScanNotFound, ScanNotFinished, JobNotFound, TransitionNotAllowed
            Something that the request names does not exist, or not yet.
        """
        digest = digest_of(request.model_dump())
        if idempotency_key:
            # Before anything else: what the first request found may have changed since.
            earlier = await self._ledger.submitted(self._caller.name, idempotency_key, digest)
            if earlier:
                return earlier
        spec = await self.resolve(request)
        return await self.submit(spec, self._caller.name, idempotency_key, digest)

    async def resolve(self, request: JobRequest) -> JobSpec:
        """Resolve a request into the whole specification of its job."""
        if request.scan == "":
            raise InvalidInput("scan", "", "a scan's uid, the beginning of one, or a scan_id")
        work = Work.of(request.recipe, request.overrides)
        start = await self.start(request.start) if request.start is not None else None
        return JobSpec(
            scan=await self._scans.look_up(request.scan, work.data, work.geometry),
            recipe=work.recipe,
            data=plain(work.data),
            geometry=work.asked_geometry,
            overrides=request.overrides,
            priority=request.priority,
            tags=request.tags,
            start=start,
        )

    async def start(self, job_id: str) -> StartRef:
        """Find the result whose object and probe a job begins with.

        Raises
        ------
        JobNotFound
            There is no such job for this caller.
        TransitionNotAllowed
            It is no reconstruction that has succeeded.
        """
        job = require_visible(await self._ledger.get(job_id), self._caller)
        if job.state is not JobState.SUCCEEDED or job.result is None or job.spec.parent:
            found = f"an frc of {job.spec.parent}" if job.spec.parent else job.state.value
            raise TransitionNotAllowed(
                f"start: found job {job.id}, {found}; expected a reconstruction that has "
                "succeeded",
                job.state.value,
            )
        return StartRef(job_id=job.id, attempt=job.result.attempt, node=job.result.node)

    async def submit(
        self, spec: JobSpec, owner: str, idempotency_key: str | None, digest: str
    ) -> Job:
        """Put a job into the queue. It is on disk when this returns."""
        job, created = await self._ledger.submit(
            spec, owner=owner, idempotency_key=idempotency_key, request_digest=digest
        )
        if created:
            _log.info(
                "job.submitted",
                job_id=job.id,
                scan=job.spec.scan.uid,
                recipe=spec.recipe.get("name"),
                retry_of=spec.retry_of,
            )
        return job


def digest_of(values: Mapping[str, Any]) -> str:
    """Digest that tells apart requests with the same idempotency key.

    Raises
    ------
    InvalidInput
        The values cannot be written as JSON in UTF-8.
    """
    try:
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return sha256_hex(text)
    except ValueError as error:
        raise InvalidInput("body", str(error), "finite numbers and valid Unicode") from None
