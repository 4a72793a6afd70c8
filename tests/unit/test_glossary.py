"""The glossary defines the words that a user meets, in two lines at most."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args

import pytest

from exitwave.schema.access import Scope
from exitwave.schema.job import EventKind, Halves, JobState, Outcome
from exitwave.schema.recipe import AlgorithmName, Loss, Method, Recipe
from exitwave.schema.verdict import Judgement
from exitwave.schema.worker import WorkerState

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "glossary.md"
ENTRY = re.compile(r"^- .*(?:\n  .*)*", re.MULTILINE)

EVERYDAY = {"progress", "started", "ended", "submitted", "reprioritised"}
EVERYDAY |= {"starting", "idle", "busy", "stopped"}

SECTIONS = [
    option.name for option in fields(Recipe) if is_dataclass(getattr(Recipe(), option.name))
]


def entries() -> list[str]:
    return ENTRY.findall(PAGE.read_text(encoding="utf-8"))


def stands_in(text: str, word: str) -> bool:
    asked = word.casefold().replace("_", " ").removesuffix(" requested")
    return re.search(rf"\b{re.escape(asked)}", text) is not None


@pytest.mark.parametrize(
    "words",
    [
        tuple(JobState),
        tuple(Scope),
        SECTIONS,
        *map(get_args, (EventKind, Outcome, WorkerState, Judgement)),
        *map(get_args, (AlgorithmName, Method, Loss, Halves)),
    ],
)
def test_every_public_word_stands_in_it(words: list[str]) -> None:
    text = " ".join(entries()).casefold().replace("_", " ")
    missing = [word for word in words if word not in EVERYDAY and not stands_in(text, word)]
    assert missing == []


def test_an_entry_is_two_lines_at_most_and_defined_once() -> None:
    found = entries()
    assert len(found) > 70
    assert [entry for entry in found if entry.count("\n") > 1] == []
    words = [word for entry in found for word in re.findall(r"\*\*(.+?)\*\*", entry)]
    assert len(words) == len(set(words)) >= len(found)


def test_names_in_it_are_those_of_the_product() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.read_text(encoding="utf-8")))
    sources = [path for name in ("service", "workers") for path in (ROOT / name).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    assert len(named) > 10
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", text)] == []
