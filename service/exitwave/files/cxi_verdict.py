"""Verdict, preparation and start in the CXI file of a result.

==================================  ==================================================
``/exitwave/verdict``               the word alone: good, doubtful, no picture
attributes ``verdict``,             JSON of each, on the group ``/exitwave``; absent where
``preparation``, ``start``          there is none
==================================  ==================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, TypeVar

import h5py
from pydantic import BaseModel, ValidationError

from exitwave.schema.errors import DataError
from exitwave.schema.verdict import Preparation, Start, Verdict

from .reconstruction import Reconstruction
from .verdict_text import verdict_json

WORD = "verdict"

Model = TypeVar("Model", bound=BaseModel)


class VerdictParts(TypedDict):
    """Arguments of a `Reconstruction`."""

    verdict: Verdict | None
    preparation: Preparation | None
    start: Start | None


def put_verdict(group: h5py.Group, result: Reconstruction) -> None:
    """Write what was judged of a result into its group."""
    for name, text in verdict_json(result).items():
        if text != "null":
            group.attrs[name] = text
    if result.verdict is not None:
        group[WORD] = result.verdict.verdict


def read_verdict(group: h5py.Group, path: Path) -> VerdictParts:
    """What was judged of a result; None of an earlier release, which wrote nothing.

    Raises
    ------
    DataError
        An attribute is not what exitwave writes.
    """
    return {
        "verdict": _read(group, path, "verdict", Verdict),
        "preparation": _read(group, path, "preparation", Preparation),
        "start": _read(group, path, "start", Start),
    }


def _read(group: h5py.Group, path: Path, name: str, kind: type[Model]) -> Model | None:
    text = group.attrs.get(name)
    if text is None:
        return None
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{path}:{group.name}, attribute {name}",
            f"{where}: {first['msg']}" if where else first["msg"],
            f"the {name} as exitwave writes it",
        ) from None
