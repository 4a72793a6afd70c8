"""Which array of a file is the patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.verdict import Note

from .hdf5 import broken_links
from .places import Layout, ReadOptions, looked_at
from .sources import check_sources
from .tree import Hdf5Tree, Tree, described, key

_AMPLITUDES = re.compile(r"amp|modul|sqrt", re.IGNORECASE)

LEAST_SIDE_PX = 8
"""Of a pattern: smaller ones are something else, such as positions."""


@dataclass(slots=True)
class Frames:
    """The patterns that were chosen.

    Attributes
    ----------
    name : str
    leaf : dataset or array
    notes : list of Note
    pixels_HW : bool array (H, W), optional
        Pixels of the stored patterns that exist; None: all.
    """

    name: str
    leaf: Any
    notes: list[Note] = field(default_factory=list)
    pixels_HW: NDArray[np.bool_] | None = None


def why_no_frames(leaf: Any) -> str | None:
    """What keeps an array from being patterns, in words; None if nothing does."""
    if leaf.dtype.kind not in "uif":
        kind = {"c": "complex numbers", "V": "compound values", "b": "booleans", "S": "texts"}
        return f"{kind.get(leaf.dtype.kind, 'no numbers')}, {described(leaf)}"
    if 0 in leaf.shape or leaf.size == 0:
        return f"empty, {described(leaf)}"
    if leaf.ndim == 2 and min(leaf.shape) >= LEAST_SIDE_PX:
        return f"a single pattern, {described(leaf)}"
    if leaf.ndim not in {3, 4} or min(leaf.shape[-2:]) < 2:
        return f"no patterns, {described(leaf)}"
    return None


def choose_frames(tree: Tree, layout: Layout, options: ReadOptions) -> Frames:
    """The patterns asked for, or the first that are there.

    Raises
    ------
    DataError
        There are none, or their numbers are not all there.
    """
    names = (
        [f"/{options.dataset.lstrip('/')}"] if options.dataset else list(layout.frames(tree))
    )
    refused: list[str] = []
    usable: list[str] = []
    for name in dict.fromkeys(names):
        leaf = tree.leaf(name)
        if leaf is None:
            continue
        why = why_no_frames(leaf)
        if why is None:
            usable.append(name)
        else:
            refused.append(f"{name}: {why}")
    if not usable:
        raise DataError(
            key(tree, names[0]) if names else f"{tree.path}: frames",
            "; ".join(refused).removeprefix(f"{''.join(names[:1])}: ") or "no such dataset",
            "patterns (n, H, W) or (rows, columns, H, W); looked at: "
            f"{looked_at(names)}. --dataset names them{_broken(tree)}",
        )
    chosen = Frames(usable[0], tree.leaf(usable[0]))
    if isinstance(tree, Hdf5Tree):
        coverage = check_sources(chosen.leaf)
        chosen.notes.extend(coverage.notes)
        chosen.pixels_HW = coverage.pixels_HW
    chosen.notes.extend(_doubts(chosen))
    others = [name for name in usable[1:] if not _alike(tree.leaf(name), chosen.leaf)]
    if others:
        chosen.notes.append(
            Note(
                code="frames",
                text=f"{chosen.name} is read. There are more patterns, which --dataset "
                f"chooses: {', '.join(others[:5])}.",
            )
        )
    return chosen


def _doubts(chosen: Frames) -> list[Note]:
    """What a name or an attribute says against the axes and values that we expect."""
    notes = []
    if _AMPLITUDES.search(chosen.name.rpartition("/")[2]):
        notes.append(
            Note(
                code="frames",
                text=f"{chosen.name} is read as counts, but its name speaks of amplitudes: if "
                "they are square roots of counts, the picture will be wrong.",
            )
        )
    axes = chosen.leaf.attrs.get("axes", "")
    said = axes.decode("utf-8", "replace") if isinstance(axes, bytes) else str(axes)
    if re.search(r"x\W+y\W*$", said, re.IGNORECASE):
        notes.append(
            Note(
                code="orientation",
                text=f"The axes of {chosen.name} are named {said!r}, x before y: the patterns "
                "may be transposed. Nothing is done; data.orientation=transpose does it to the "
                "positions.",
            )
        )
    return notes


def _alike(one: Any, other: Any) -> bool:
    """The same patterns under another name, or as a raster and as a list."""
    same: bool = one.size == other.size and one.shape[-2:] == other.shape[-2:]
    return same


def _broken(tree: Tree) -> str:
    """Links that lead nowhere, of which one may have been the patterns."""
    broken = broken_links(tree.file) if isinstance(tree, Hdf5Tree) else []
    return f". Links that lead nowhere: {'; '.join(broken)}" if broken else ""
