"""Metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from exitwave.api.access.dependencies import ReadWorkers
from exitwave.api.http.responses import Responses, error_responses
from exitwave.api.observability.metrics import CONTENT_TYPE, Metrics

router = APIRouter(tags=["metrics"])

_TEXT: Responses = {
    200: {
        "description": "Prometheus's text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/api/v1/metrics", response_class=Response, responses={**error_responses(), **_TEXT}
)
@router.get("/metrics", response_class=Response, include_in_schema=False)
async def metrics(request: Request, caller: ReadWorkers) -> Response:
    """Queue, workers, attempts and requests as metrics, for a scraper with a key."""
    measured: Metrics = request.app.state.metrics
    return Response(await measured.text(), media_type=CONTENT_TYPE)
