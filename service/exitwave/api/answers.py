"""The answers that routes document beside their success: each is a problem (RFC 9457)."""

from __future__ import annotations

from typing import Any

from exitwave.schema.job import Problem

from .problems import MEDIA_TYPE

Answers = dict[int | str, dict[str, Any]]

_SAID = {
    400: "The request cannot be read.",
    401: "No key or session, or none that is valid.",
    403: "The key lacks the scope that this needs.",
    404: "There is no such thing, or it is not the caller's to see.",
    409: "Not in its present state; a job's is told in `state`.",
    412: "It has changed since the caller looked; the answer's ETag is its present one.",
    413: "The body is too large.",
    422: "A value is wrong; `key`, `found` and `expected` say which and why.",
    429: "Too many requests or open streams; `Retry-After` says when to come back.",
    500: "A record in the queue is corrupt; `detail` names it.",
    503: "A part of the service is away; `Retry-After` says when to come back.",
}
_OF_EVERY_CALLER = (401, 403, 422, 429, 503)
_WITH_BODY = (400, 413)


def answers(*statuses: int, body: bool = False) -> Answers:
    """What a route behind the access check may answer besides its success.

    Parameters
    ----------
    statuses : int
        Of its own; those that every such route shares come by themselves.
    body : bool
        Whether it reads a body, which may be malformed or too large.
    """
    every = {*_OF_EVERY_CALLER, *statuses, *(_WITH_BODY if body else ())}
    return {status: _problem(_SAID[status]) for status in sorted(every)}


def of_public_routes(*statuses: int) -> Answers:
    """The same for routes that ask for no key."""
    return {status: _problem(_SAID[status]) for status in sorted(statuses)}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}
