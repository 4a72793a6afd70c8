"""One request and how to read its answer: what the sync and the async client share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from exitwave.schema.errors import ExitwaveError, InvalidInput, Unavailable, UsageError
from exitwave.settings.connection import Connection

from .problems import raise_for_problem

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)

API = "/api/v1"
CONNECT_S = 5.0
ANSWER_S = 30.0
LONG_ANSWER_S = 300.0
"""For answers that the service has to compute first: a result's file, many jobs."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how to read its answer.

    Attributes
    ----------
    repeatable : bool
        Whether it may be sent again when it may have arrived already.
    not_found_is_success : bool
        Whether "not found" is success for a call that was sent before: it deletes.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    parse: Callable[[bytes], T]
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = ANSWER_S
    repeatable: bool = True
    not_found_is_success: bool = False

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request, ready to be sent."""
        return http.build_request(
            self.method,
            self.path,
            params=self.params,
            json=self.json,
            headers=self.headers,
            timeout=httpx.Timeout(self.timeout_s, connect=CONNECT_S),
        )

    def read(self, response: httpx.Response) -> T:
        """What the answer holds; raises what the service raised."""
        try:
            return self.parse(raise_for_problem(response).content)
        except ValidationError as error:
            raise ExitwaveError(
                f"{self.method} {self.path}: the answer is not what this client knows "
                f"({error.error_count()} differences); versions of client and service differ?"
            ) from error


def no_content(_: bytes) -> None:
    """Read an answer that has no body."""


def validated(kind: type[ModelT], **values: Any) -> ModelT:
    """Validate a request's body, so that a wrong value is named before anything is sent."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InvalidInput(key, first["input"], first["msg"]) from None


def without_none(**values: str | int | None) -> dict[str, str | int]:
    """Drop the values that are None."""
    return {key: value for key, value in values.items() if value is not None}


def job_path(job_id: str) -> str:
    """Path of a job."""
    if not job_id:
        raise UsageError("job: found no id; `exitwave jobs` lists them")
    return f"{API}/jobs/{path_segment(job_id)}"


def path_segment(name: str) -> str:
    """A name as one segment of a path, also with a slash in it."""
    return quote(name, safe="")


def base_headers(connection: Connection) -> dict[str, str]:
    """Headers of every request."""
    return {"Authorization": f"Apikey {connection.api_key}"}


def unreachable(connection: Connection, error: Exception) -> Unavailable:
    """The error for a service that does not answer."""
    reason = str(error) or type(error).__name__
    return Unavailable(f"no answer from {connection.url} ({reason}); is the service running?")
