"""From problem+json back to the error that the service raised."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
from pydantic import ValidationError

from exitwave.schema.errors import (
    ExitwaveError,
    InvalidInput,
    TooManyRequests,
    TransitionNotAllowed,
    Unavailable,
)
from exitwave.schema.problem import Problem

UNAVAILABLE_STATUS = frozenset({502, 503, 504})


def raise_for_problem(response: httpx.Response) -> httpx.Response:
    """The response if it is a success, else raise what the service raised.

    Raises
    ------
    ExitwaveError
        The class of the error tree with the problem's slug; the service's own sentence.
    """
    if not response.is_success:
        raise error_from_response(response)
    return response


def error_from_response(response: httpx.Response) -> ExitwaveError:
    """The error that the service raised."""
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        unavailable = response.status_code in UNAVAILABLE_STATUS  # a proxy's answer
        return (Unavailable if unavailable else ExitwaveError)(
            f"{response.request.url} answered {response.status_code} "
            f"{response.reason_phrase}; expected an exitwave service there"
        )
    error = error_from_problem(problem)
    if isinstance(error, TooManyRequests):
        error.retry_after_s = int(retry_after_s(response) or error.retry_after_s)
    return error


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds that the service asks to wait, if it does; ours never sends a date."""
    value = response.headers.get("Retry-After", "").strip()
    return float(value) if value.isdecimal() else None


def error_from_problem(problem: Problem) -> ExitwaveError:
    """The error a problem stands for; the tree's root where its kind is unknown."""
    slug = problem.type.replace(":", "/").replace("#", "/").rsplit("/", 1)[-1]
    found = _BY_SLUG.get(slug, ExitwaveError)
    text = problem.detail or problem.title
    extra = problem.model_extra or {}
    if issubclass(found, TransitionNotAllowed):
        return found(text, extra.get("state"))
    if not issubclass(found, InvalidInput):
        return found(text)
    # The sentence is the service's: built anew it could differ from what it said.
    error = found.__new__(found, text)
    error.key = str(extra.get("key", ""))
    error.found = extra.get("found", "")
    error.expected = str(extra.get("expected", ""))
    return error


def _tree(root: type[ExitwaveError]) -> Iterator[type[ExitwaveError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


_BY_SLUG = {kind.slug: kind for kind in _tree(ExitwaveError)}
