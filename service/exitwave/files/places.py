"""Where a format keeps the parts of a scan, and what was given or found instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from exitwave.schema.data import GeometryOverrides
from exitwave.schema.verdict import Note

from .stored import Origin
from .tree import Tree

_Y = re.compile(r"(^|[^a-z])y|y([^a-z]|$)|vertical|row")
_X = re.compile(r"(^|[^a-z])x|x([^a-z]|$)|horizontal|col")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What the user says about a file.

    Attributes
    ----------
    dataset : str, optional
        Name of the patterns in the file.
    positions : str, optional
        Name of the positions in the file, or another file: npy, or text in columns.
    positions_unit : str, optional
        Unit of the positions: m, mm, um, nm, px and so on; else what the file states.
    geometry : GeometryOverrides
        Values that replace those of the file; 0 keeps them.
    """

    dataset: str | None = None
    positions: str | None = None
    positions_unit: str | None = None
    geometry: GeometryOverrides = field(default_factory=GeometryOverrides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Names under which the parts of one scan are looked for, the first that is there counts.

    Attributes
    ----------
    positions : sequence of str
        Arrays (n, 2) or (n, 3).
    axes : sequence of (str, str)
        Pairs of arrays y and x.
    energy, wavelength, distance, pixel_x, pixel_y : sequence of str
    basis_vectors, corner : sequence of str
        Of the detector.
    cxi_masks, nexus_masks, plain_masks : sequence of str
        By the table that says what their bits mean; all that are there count.
    monitors : sequence of str
    source_probes : sequence of str
        Texts that say what kind of beam it is.
    """

    positions: Sequence[str]
    axes: Sequence[tuple[str, str]] = ()
    energy: Sequence[str] = ()
    wavelength: Sequence[str] = ()
    distance: Sequence[str] = ()
    pixel_x: Sequence[str] = ()
    pixel_y: Sequence[str] = ()
    basis_vectors: Sequence[str] = ()
    corner: Sequence[str] = ()
    cxi_masks: Sequence[str] = ()
    nexus_masks: Sequence[str] = ()
    plain_masks: Sequence[str] = ()
    monitors: Sequence[str] = ()
    source_probes: Sequence[str] = ()


class Layout(Protocol):
    """Where the files of one format keep the parts of a scan.

    Attributes
    ----------
    name : str
        For people.
    columns : "xy" or "yx"
        Order of positions of two columns.
    position_unit : str, optional
        Unit of positions and lengths where the file states none; None: it must be said.
    """

    name: str
    columns: Literal["xy", "yx"]
    position_unit: str | None

    def frames(self, tree: Tree) -> Sequence[str]:
        """Names under which patterns may lie, the likeliest first."""
        ...

    def places(self, tree: Tree, frames: str) -> Places:
        """Where the rest of the scan with these patterns is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadContext:
    """A scan that is being read: where its parts are, what the user said, what is reported.

    Attributes
    ----------
    tree : Tree
    layout : Layout
    places : Places
    options : ReadOptions
    notes : list of Note
    origins : list of Origin
    """

    tree: Tree
    layout: Layout
    places: Places
    options: ReadOptions
    notes: list[Note] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)

    def add_note(self, code: str, text: str, **figures: float) -> None:
        """Report something to the user."""
        self.notes.append(Note(code=code, text=text, figures=figures))

    def add_origin(self, name: str, value: str, place: str) -> None:
        """Report where a value came from."""
        self.origins.append(Origin(name, value, place))


def looked_at(names: Sequence[str]) -> str:
    """A list of places for a message."""
    return ", ".join(dict.fromkeys(names)) or "nowhere"


def axis_of(name: str) -> int | None:
    """Which axis a name speaks of: 0 is x, 1 is y, None neither or both."""
    # SampleX_value and sample_x alike: capitals begin a word.
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    is_x, is_y = bool(_X.search(word)), bool(_Y.search(word))
    return None if is_x == is_y else int(is_y)
