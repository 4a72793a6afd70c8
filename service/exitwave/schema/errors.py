"""The one error tree.

::

    ExitwaveError
    ├── InvalidInput            422  a value is wrong; names key, found, expected
    │   ├── RecipeError              a recipe parameter
    │   ├── GeometryError            a geometry value
    │   ├── DataError                frames or positions that cannot be used
    │   ├── CheckpointError          a checkpoint of another run, or none at all
    │   └── LayoutError         500  a result in Tiled that is not of our layout
    ├── MalformedRequest        400  the request could not be parsed at all
    ├── NotFound                404
    │   ├── ScanNotFound
    │   ├── JobNotFound
    │   ├── RecipeNotFound
    │   └── ResultNotFound
    ├── Conflict                409
    │   ├── ScanNotFinished
    │   ├── TransitionNotAllowed
    │   └── VerdictNotMet            a result is worse than its caller asked for
    ├── AccessDenied            401  no key or session, or none that is valid
    ├── Forbidden               403  a key or session without the scope
    ├── PreconditionFailed      412  the thing has changed since it was looked at
    ├── TooManyRequests         429  slow down; says for how long
    ├── Unavailable             503  a part of the service is away; try again
    │   ├── LedgerUnavailable
    │   └── TiledUnavailable
    ├── LedgerCorrupt           500  a record in the queue that cannot be read
    ├── EngineError             500  the reconstruction itself failed
    │   ├── Diverged
    │   └── OutOfMemory              the job does not fit on this device
    ├── SinkError               500  a result could not be written
    ├── StaleAttempt            409  a worker spoke for an attempt that was replaced
    └── UsageError                   wrong use of a command; exit code 2

``slug`` names the kind in problem+json and in a failed job's record, ``status``
is the HTTP status. The API maps the tree to problem+json in one place.
"""

from __future__ import annotations

from typing import ClassVar

PROBLEM_TYPE_PREFIX = "urn:exitwave:problem:"
"""``type`` of a problem+json is this and the error's slug."""


class ExitwaveError(Exception):
    """Root of the tree. The message is one sentence a user can act on."""

    slug: ClassVar[str] = "error"
    status: ClassVar[int] = 500


class InvalidInput(ExitwaveError):
    """A value is wrong.

    Parameters
    ----------
    key : str
        Dotted name of the offending value, for example ``recipe.stages[0].epochs``.
    found : object
        What was found.
    expected : str
        What would be right, with unit and range.
    """

    slug = "invalid-input"
    status = 422

    def __init__(self, key: str, found: object, expected: str) -> None:
        self.key = key
        self.found = found
        self.expected = expected
        shown = found if isinstance(found, str) else repr(found)
        super().__init__(f"{key}: found {_shortened(shown)}; expected {expected}")


class RecipeError(InvalidInput):
    slug = "recipe-invalid"


class GeometryError(InvalidInput):
    slug = "geometry-invalid"


class DataError(InvalidInput):
    slug = "data-invalid"


class CheckpointError(InvalidInput):
    slug = "checkpoint-invalid"


class LayoutError(InvalidInput):
    slug = "layout-unknown"
    status = 500


class MalformedRequest(ExitwaveError):
    slug = "malformed-request"
    status = 400


class NotFound(ExitwaveError):
    slug = "not-found"
    status = 404


class ScanNotFound(NotFound):
    slug = "scan-not-found"


class JobNotFound(NotFound):
    slug = "job-not-found"


class RecipeNotFound(NotFound):
    slug = "recipe-not-found"


class ResultNotFound(NotFound):
    slug = "result-not-found"


class Conflict(ExitwaveError):
    slug = "conflict"
    status = 409


class ScanNotFinished(Conflict):
    slug = "scan-not-finished"


class TransitionNotAllowed(Conflict):
    """The job is in a state that does not allow it; `state` is that state, where known."""

    slug = "transition-not-allowed"

    def __init__(self, message: str, state: str | None = None) -> None:
        self.state = state
        super().__init__(message)


class VerdictNotMet(Conflict):
    """A result is worse than its caller asked for.

    Raised by whoever waits for it (client, command line), never by the service.

    Parameters
    ----------
    message : str
    found : str
        The verdict, or "no verdict".
    expected : str
        What was asked for.
    """

    slug = "verdict-not-met"

    def __init__(self, message: str, found: str = "", expected: str = "") -> None:
        self.found = found
        self.expected = expected
        super().__init__(message)


class StaleAttempt(Conflict):
    slug = "stale-attempt"


class AccessDenied(ExitwaveError):
    slug = "access-denied"
    status = 401


class Forbidden(ExitwaveError):
    slug = "forbidden"
    status = 403


class PreconditionFailed(ExitwaveError):
    slug = "precondition-failed"
    status = 412


class TooManyRequests(ExitwaveError):
    """Too many requests or open streams; `retry_after_s` says when to come back."""

    slug = "too-many-requests"
    status = 429

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class LedgerCorrupt(ExitwaveError):
    slug = "ledger-corrupt"


class Unavailable(ExitwaveError):
    slug = "unavailable"
    status = 503


class LedgerUnavailable(Unavailable):
    slug = "ledger-unavailable"


class TiledUnavailable(Unavailable):
    slug = "tiled-unavailable"


class EngineError(ExitwaveError):
    slug = "engine-error"


class Diverged(EngineError):
    slug = "diverged"


class OutOfMemory(EngineError):
    slug = "out-of-memory"


class SinkError(ExitwaveError):
    slug = "sink-error"


class UsageError(ExitwaveError):
    """Wrong use of a command: reported in one line, exit code 2."""

    slug = "usage"
    status = 400


def _shortened(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
