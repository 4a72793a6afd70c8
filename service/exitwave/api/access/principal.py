"""A caller: whose jobs it makes and what it may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from exitwave.schema.access import Scope
from exitwave.schema.errors import Forbidden, JobNotFound
from exitwave.schema.job import Job

IMPLIED: dict[Scope, frozenset[Scope]] = {
    Scope.ADMIN: frozenset(Scope),
    Scope.CONTROL_JOBS: frozenset({Scope.READ_JOBS, Scope.WRITE_JOBS}),
}
"""What a scope allows beside itself."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes
    ----------
    name : str
        Owner of the jobs it makes.
    scopes : frozenset of Scope
        As given to its key.
    key_id : str
        The key that it holds, or that its session was made from.
    by : {'key', 'session'}
    secret_hash : str
        Of that key: a session ends when another key takes its id.
    session : str
        Hash of the session's token; empty for a key.
    """

    name: str
    scopes: frozenset[Scope]
    key_id: str
    by: Literal["key", "session"]
    secret_hash: str = field(default="", repr=False)
    session: str = field(default="", repr=False)

    def may(self, scope: Scope) -> bool:
        """Whether a scope is among its own or implied by one of them."""
        return any(scope == own or scope in IMPLIED.get(own, ()) for own in self.scopes)

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden`, naming the scope, unless it has it."""
        if not self.may(scope):
            found = " ".join(sorted(self.scopes))
            raise Forbidden(f"scope: found {found}; expected {scope} for this request")

    def sees(self, owner: str) -> bool:
        """Whether it may know of the jobs of `owner`."""
        return owner == self.name or self.may(Scope.CONTROL_JOBS)


def own(job: Job, principal: Principal) -> Job:
    """The job, if the caller may know of it.

    Raises
    ------
    JobNotFound
        It is another's: the same answer as if there were none.
    """
    if not principal.sees(job.owner):
        raise JobNotFound(f"job: found {job.id!r}; expected the id of a job in this queue")
    return job


def owner_filter(principal: Principal, asked: str | None = None) -> str | None:
    """Whose jobs a list shows; None: everybody's.

    Raises
    ------
    Forbidden
        Another's jobs are asked for without `control:jobs`.
    """
    if asked is not None and asked != principal.name:
        principal.require(Scope.CONTROL_JOBS)
    return asked if principal.may(Scope.CONTROL_JOBS) else principal.name
