"""What a job leaves in Tiled: named once, strict, of one version."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.verdicts import NO_PICTURE

from exitwave.schema import result
from exitwave.schema.errors import InvalidInput, LayoutError
from exitwave.schema.result import ArrayMetadata, NodeMetadata, attempt_node, below

ROOT = Path(__file__).parents[3]
CONTRACT = Path(result.__file__)

PATHS = (
    result.LIVE_OBJECT,
    result.LIVE_PROBE,
    result.LIVE_PROGRESS,
    *map(result.curve_array, result.CURVES),
    *map(result.second_half, result.FINAL_ARRAYS),
)
WORDS = {
    result.SPEC,
    result.DATA_LOSS,
    result.PRIOR_LOSS,
    result.PICTURE_VERSION,
    *(plane for plane in result.FRAME_PLANES if plane != result.LOSS_CURVE),
}
"""Names that mean nothing else anywhere; `object`, say, is a group of other files, too."""

BEGUN: dict[str, Any] = {
    "layout": 1,
    "scan_uid": "7f0c",
    "scan_id": 7,
    "sample": "star",
    "job_id": "J",
    "attempt": 2,
    "kind": "reconstruction",
    "parent": None,
    "recipe": {"name": "default", "stages": [{"batches": [1.0]}]},
    "geometry": {
        "energy_eV": 9000.0,
        "distance_m": 1.0,
        "detector_pixel_m": 75e-6,
        "sources": {"energy_eV": "document"},
    },
    "software": {"python": "3.11", "device": "cpu"},
    "pixel_size_m": 1e-8,
    "origin_m": [1e-6, 2e-6],
    "epoch": 0,
    "loss": None,
    "complete": False,
}


def spelled(source: str) -> Iterator[str]:
    """Names of the contract that a module spells itself; texts such as docstrings may."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for part, follows in zip(node.values, node.values[1:], strict=False):
                joined = isinstance(part, ast.Constant) and isinstance(
                    follows, ast.FormattedValue
                )
                text = str(part.value) if isinstance(part, ast.Constant) else ""
                if joined and text.endswith(("/a", "quality/", "second/", "live/")):
                    yield text
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.strip("/")
            if text in WORDS or any(f"/{text}".endswith(f"/{path}") for path in PATHS):
                yield node.value


def test_no_other_module_spells_a_name_of_the_contract() -> None:
    modules = [
        path
        for tree in ("service", "workers")
        for path in (ROOT / tree).rglob("*.py")
        if path != CONTRACT
    ]
    found = [
        f"{path.relative_to(ROOT)}: {name!r}"
        for path in modules
        for name in spelled(path.read_text())
    ]
    assert len(modules) > 300 and found == []


@pytest.mark.parametrize(
    "source",
    [
        'x = node["live/progress"]',
        'x = f"{node}/live/object"',
        'x = f"{node}/live/{name}"',
        'x = f"{root}/{uid}/{job}/a{attempt}"',
        'x = f"quality/{name}"',
        'x = {"second/probe": 1}',
        'x = fields.index("picture_version")',
        'x = "object_phase"',
    ],
)
def test_a_name_spelled_elsewhere_is_found(source: str) -> None:
    assert list(spelled(source))


def test_paths() -> None:
    node = attempt_node("/ptycho/", "7f0c", "J", 2)
    assert node == "ptycho/7f0c/J/a2"
    assert below(f"/{node}", result.LIVE_PROGRESS) == "ptycho/7f0c/J/a2/live/progress"
    assert attempt_node("of/all", "7f0c", "J", 1) == "of/all/7f0c/J/a1"


def test_what_is_written_is_what_was_given_and_reads_the_same() -> None:
    begun = NodeMetadata.read("n", BEGUN)
    assert begun.written() == BEGUN
    verdict = NO_PICTURE.model_copy(update={"figures": {"ratio": math.inf}})
    ended = NodeMetadata.read(
        "n", {**BEGUN, "verdict": verdict, "illuminated_box": (0, 9, 1, 8)}
    )
    stored = json.loads(json.dumps(ended.written(), allow_nan=False))
    assert stored.keys() == BEGUN.keys() | {"verdict", "illuminated_box"}
    assert NodeMetadata.read("n", stored) == ended
    assert ended.written(without=["layout", "verdict"]).keys() == (
        stored.keys() - {"layout", "verdict"}
    )


def test_a_node_from_before_there_were_numbers_is_of_the_first_layout() -> None:
    unmarked = {name: value for name, value in BEGUN.items() if name != "layout"}
    read = NodeMetadata.read("n", unmarked)
    assert read.layout == 1 and read.written() == unmarked


@pytest.mark.parametrize("layout", [0, 2, "1", None])
def test_another_layout_is_refused_and_said(layout: object) -> None:
    with pytest.raises(LayoutError) as caught:
        NodeMetadata.read("ptycho/x/J/a1", {**BEGUN, "layout": layout, "new": 1})
    told = str(caught.value)
    assert told.startswith("ptycho/x/J/a1 layout: found ") and "expected 1" in told
    assert isinstance(caught.value, InvalidInput) and caught.value.found == layout


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, "n colour: found red; expected no such key in layout 1"),
        (
            {"geometry": {**BEGUN["geometry"], "x": 1}},
            "n geometry.x: found 1; expected no such",
        ),
        (
            {"geometry": {**BEGUN["geometry"], "energy_eV": 10}},
            "n geometry.energy_eV: found 10",
        ),
        ({"origin_m": [1e-6]}, "n origin_m.1: found nothing; expected a value"),
        ({"epoch": "many"}, "n epoch: found many; expected"),
        ({"kind": "guess"}, "n kind: found guess; expected"),
    ],
)
def test_what_does_not_belong_is_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(LayoutError) as caught:
        NodeMetadata.read("n", {**BEGUN, **changes})
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("missing", ["scan_uid", "geometry", "pixel_size_m", "complete"])
def test_nothing_may_be_missing(missing: str) -> None:
    values = {name: value for name, value in BEGUN.items() if name != missing}
    with pytest.raises(LayoutError, match=f"n {missing}: found nothing; expected a value"):
        NodeMetadata.read("n", values)


def test_metadata_of_arrays_are_strict_and_tell_only_what_was_given() -> None:
    given = ArrayMetadata(fields=result.FIELDS)
    assert given.written() == {"fields": list(result.FIELDS)}
    assert ArrayMetadata.read("n/live/progress", given.written()) == given
    with pytest.raises(
        LayoutError, match="n/live/progress rows: found 3; expected no such key"
    ):
        ArrayMetadata.read("n/live/progress", {"rows": 3})
    with pytest.raises(ValidationError):
        given.epoch = 3  # type: ignore[misc]  # to see that it is refused


def test_columns_of_the_progress_are_named_once() -> None:
    assert len(set(result.FIELDS)) == len(result.PROGRESS) == 6
    assert {column.dtype for column in result.PROGRESS} == {"float64"}
    assert [column.unit for column in result.PROGRESS if column.unit] == ["s"]
    assert set(result.JUDGED) < set(NodeMetadata.model_fields)
