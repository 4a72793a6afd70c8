"""The caller of a request: the owner of the jobs it makes, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from exitwave.ledger.keys import Credential
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
    """The caller of a request.

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

    @property
    def credential(self) -> Credential:
        """What its codes and sessions are made from."""
        return Credential(key_id=self.key_id, secret_hash=self.secret_hash)

    def may(self, scope: Scope) -> bool:
        """Whether a scope is among its own or implied by one of them."""
        return any(scope == own or scope in IMPLIED.get(own, ()) for own in self.scopes)

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden`, naming the scope, unless it has it."""
        if not self.may(scope):
            found = " ".join(sorted(self.scopes))
            raise Forbidden(f"scope: found {found}; expected {scope} for this request")

    def sees(self, owner: str) -> bool:
        """Whether it may see the jobs of `owner`."""
        return owner == self.name or self.may(Scope.CONTROL_JOBS)


def require_visible(job: Job, principal: Principal) -> Job:
    """Return the job if the caller may see it.

    Raises
    ------
    JobNotFound
        It is another owner's: answered as if it did not exist.
    """
    if not principal.sees(job.owner):
        raise JobNotFound(f"job: found {job.id!r}; expected the id of a job in this queue")
    return job


def owner_filter(principal: Principal, asked: str | None = None) -> str | None:
    """Owner whose jobs a list shows; None: all owners'.

    Raises
    ------
    Forbidden
        Another owner's jobs are asked for without `control:jobs`.
    """
    if asked is not None and asked != principal.name:
        principal.require(Scope.CONTROL_JOBS)
    return asked if principal.may(Scope.CONTROL_JOBS) else principal.name
