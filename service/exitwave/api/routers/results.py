"""A job's result as a file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection

from exitwave.api.access.dependencies import ReadJobs, require_visible
from exitwave.api.dependencies import LedgerDep
from exitwave.api.http.responses import error_responses
from exitwave.api.jobs.result_files import ResultFile, read_result, write_result
from exitwave.files.result_formats import RESULT_WRITERS
from exitwave.schema.result import Plane
from exitwave.schema.result_formats import RESULT_FORMATS_HELP, ResultFormat
from exitwave.tiled_http import AsyncTiledReader

CHUNK_BYTES = 1 << 18


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the connections to Tiled for as long as the application runs."""
    app.state.tiled = AsyncTiledReader(app.state.settings.tiled)
    try:
        yield
    finally:
        await app.state.tiled.close()


router = APIRouter(prefix="/api/v1/jobs", tags=["results"], lifespan=lifespan)


def _tiled(connection: HTTPConnection) -> AsyncTiledReader:
    tiled: AsyncTiledReader = connection.app.state.tiled
    return tiled


@router.get(
    "/{job_id}/result",
    response_class=StreamingResponse,
    responses={
        **error_responses(404, 409, 500),
        200: {
            "description": "The file.",
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in (each.media_type for each in RESULT_WRITERS.values())
            },
        },
    },
)
async def result(
    job_id: str,
    caller: ReadJobs,
    ledger: LedgerDep,
    tiled: Annotated[AsyncTiledReader, Depends(_tiled)],
    format: Annotated[
        ResultFormat,
        Query(description=RESULT_FORMATS_HELP),
    ] = "cxi",
    plane: Annotated[Plane, Query(description="What a png or tiff shows.")] = "phase",
) -> StreamingResponse:
    """Download the final object and probe as a file. 409 until the job has ended."""
    job = require_visible(await ledger.get(job_id), caller)
    found = await read_result(tiled, job)
    made = await asyncio.to_thread(write_result, found, job, format, plane)
    return StreamingResponse(
        _chunks(made),
        media_type=made.media_type,
        headers={
            "Content-Length": str(made.size),
            "Content-Disposition": f'attachment; filename="{made.name}"',
        },
    )


def _chunks(made: ResultFile) -> Iterator[bytes]:
    with made.content as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk
