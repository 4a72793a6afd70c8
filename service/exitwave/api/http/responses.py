"""The error responses that routes document: each is a problem (RFC 9457)."""

from __future__ import annotations

from typing import Any

from exitwave.schema.problem import Problem

from .problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "No key or session, or none that is valid.",
    403: "The key lacks the scope that this needs.",
    404: "Not found, or not visible to the caller.",
    409: "Not possible in the present state; `state` names that of a job.",
    412: "The job has changed since the caller read it: `If-Match` names an older version.",
    413: "The body is too large.",
    422: "A value is wrong; `key`, `found` and `expected` say which and why.",
    429: "Too many requests or open streams; `Retry-After` says when to come back.",
    500: "A record in the queue is corrupt; `detail` names it.",
    503: "A part of the service is away; `Retry-After` says when to come back.",
}
_BEHIND_ACCESS = (401, 403, 422, 429, 503)
_WITH_BODY = (400, 413)


def error_responses(*statuses: int, body: bool = False) -> Responses:
    """Error responses of a route behind the access check.

    Parameters
    ----------
    statuses : int
        Of this route; those that all such routes share are added.
    body : bool
        Whether it reads a body, which may be malformed or too large.
    """
    all_statuses = {*_BEHIND_ACCESS, *statuses, *(_WITH_BODY if body else ())}
    return {status: _problem(_DESCRIPTIONS[status]) for status in sorted(all_statuses)}


def public_error_responses(*statuses: int) -> Responses:
    """Error responses of a route that needs no key."""
    return {status: _problem(_DESCRIPTIONS[status]) for status in sorted(statuses)}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
