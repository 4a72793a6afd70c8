"""Which scope each route asks for, and what a scope allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from tests.support.api_routes import LOG_IN, ROUTES
from tests.unit.api.made import made_job

from exitwave.api.access.dependencies import (
    KeyOrSession,
    Principal,
    owner_filter,
    require_visible,
)
from exitwave.api.app import routed_app
from exitwave.schema.access import Scope
from exitwave.schema.errors import Forbidden, JobNotFound


def needs(dependant: Any) -> Iterator[list[str]]:
    """Scopes of each access check that a route depends on."""
    if isinstance(dependant.call, KeyOrSession):
        yield [*(dependant.parent_oauth_scopes or []), *(dependant.own_oauth_scopes or [])]
    for each in dependant.dependencies:
        yield from needs(each)


def test_every_route_asks_for_the_scope_that_the_table_names() -> None:
    found = {}
    for route in iter_route_contexts(routed_app().routes):
        path = str(route.path_format or route.path)
        if not path.startswith("/api") and path != "/metrics":
            continue
        for method in route.methods or {"WEBSOCKET"}:
            checks = list(needs(route.dependant))
            if (method, path) != LOG_IN:
                assert checks, f"{method} {path} is open: give its signature a scope"
                found[method, path] = {scope for scopes in checks for scope in scopes}
            else:
                assert checks == []
    expected = {route: {scope} if scope else set() for route, scope in ROUTES.items()}
    assert found == expected


def test_the_description_names_the_scopes() -> None:
    described = routed_app().openapi()
    assert described["components"]["securitySchemes"]["Apikey"]["in"] == "header"
    for (method, path), scope in ROUTES.items():
        if method != "WEBSOCKET" and path != "/metrics":
            security = described["paths"][path][method.lower()]["security"]
            assert security == [{"Apikey": [scope] if scope else []}], (method, path)


def caller(*scopes: Scope, name: str = "ann") -> Principal:
    return Principal(name, frozenset(scopes), "0123456789", "key")


@pytest.mark.parametrize(
    ("held", "allowed"),
    [
        (Scope.READ_JOBS, {Scope.READ_JOBS}),
        (Scope.WRITE_JOBS, {Scope.WRITE_JOBS}),
        (Scope.CONTROL_JOBS, {Scope.CONTROL_JOBS, Scope.READ_JOBS, Scope.WRITE_JOBS}),
        (Scope.READ_WORKERS, {Scope.READ_WORKERS}),
        (Scope.CONTROL_WORKERS, {Scope.CONTROL_WORKERS}),
        (Scope.ADMIN, set(Scope)),
    ],
)
def test_what_a_scope_allows(held: Scope, allowed: set[Scope]) -> None:
    principal = caller(held)
    assert {scope for scope in Scope if principal.may(scope)} == allowed
    for scope in set(Scope) - allowed:
        with pytest.raises(Forbidden, match=f"found {held}; expected {scope}"):
            principal.require(scope)


def test_others_jobs_are_as_if_they_were_not_there() -> None:
    job = made_job(owner="ben")
    with pytest.raises(JobNotFound, match=job.id):
        require_visible(job, caller(Scope.READ_JOBS, Scope.WRITE_JOBS))
    assert require_visible(job, caller(Scope.CONTROL_JOBS)) is job
    assert require_visible(job, caller(Scope.READ_JOBS, name="ben")) is job


def test_a_list_shows_ones_own_jobs() -> None:
    reader, control = caller(Scope.READ_JOBS), caller(Scope.CONTROL_JOBS)
    assert owner_filter(reader) == owner_filter(reader, "ann") == "ann"
    with pytest.raises(Forbidden, match="control:jobs"):
        owner_filter(reader, "ben")
    assert (owner_filter(control), owner_filter(control, "ben")) == (None, "ben")


def test_a_caller_in_a_log_shows_no_hashes() -> None:
    principal = Principal("ann", frozenset(), "id", "session", "aaaa", "bbbb")
    assert "aaaa" not in repr(principal)
    assert "bbbb" not in repr(principal)
