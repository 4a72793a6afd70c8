"""The description of the API that is checked in is that of the API there is."""

from __future__ import annotations

import json
from pathlib import Path

from exitwave.api.app import routed_app
from exitwave.api.openapi_file import description

CHECKED_IN = Path(__file__).parents[3] / "docs" / "openapi.json"
PUBLIC = {"/livez", "/readyz", "/api/v1/session"}


def test_what_is_checked_in_is_up_to_date() -> None:
    made = description(routed_app())
    assert made == CHECKED_IN.read_text(encoding="utf-8"), "run `make openapi`"


def test_every_error_is_a_problem_and_every_guarded_route_says_who_is_refused() -> None:
    paths = json.loads(description(routed_app()))["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            answers = operation["responses"]
            where = f"{method} {path}"
            assert "default" not in answers, where
            if path not in PUBLIC:
                assert {"401", "403", "429", "503"} <= answers.keys(), where
                assert operation["security"], where
            if "requestBody" in operation:
                assert {"400", "413", "422"} <= answers.keys(), where
            for status, answer in answers.items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], where


def test_every_reference_leads_somewhere() -> None:
    text = description(routed_app())
    schemas = json.loads(text)["components"]["schemas"]
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= schemas.keys()
