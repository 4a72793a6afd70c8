"""Verdict, preparation and start of a result as texts that files carry."""

from __future__ import annotations

import unicodedata

from pydantic import BaseModel

from exitwave.schema.result import JUDGED
from exitwave.schema.verdict import Verdict

from .reconstruction import Reconstruction

_ASCII = {
    "µ": "u",
    "μ": "u",
    "√": "sqrt ",
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "·": ".",
    "±": "+/-",
    "≥": ">=",
    "≤": "<=",
    "≈": "about ",
    "…": "...",
    "°": " deg",
    "’": "'",
    "“": '"',
    "”": '"',
}


def verdict_json(result: Reconstruction) -> dict[str, str]:
    """JSON of each, by name; ``null`` where there is none."""
    parts: dict[str, BaseModel | None] = {name: getattr(result, name) for name in JUDGED}
    return {
        name: "null" if part is None else part.model_dump_json() for name, part in parts.items()
    }


def rule_texts(verdict: Verdict) -> list[str]:
    """A line for each rule that spoke: what it says, what it found, what to do."""
    return [
        f"{finding.says}: {one_line(f'{finding.text} {finding.advice}')} [{finding.rule}]"
        for finding in verdict.rules
    ]


def one_line(text: str) -> str:
    """The text without breaks, for places where a line is a value."""
    return " ".join(text.split())


def plain_ascii(text: str) -> str:
    """The text in ASCII, for fonts and tags that know no more; ? for what has no likeness."""
    known = "".join(_ASCII.get(sign, sign) for sign in text)
    decomposed = unicodedata.normalize("NFKD", known)
    without_marks = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return without_marks.encode("ascii", "replace").decode("ascii")
