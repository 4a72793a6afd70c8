"""What a job leaves in Tiled, spelled once: paths, arrays, columns, metadata.

::

    {results}/{scan uid}/{job}/a{attempt}   `NodeMetadata`
    ├── live/object, live/probe             float32 (planes, h, w), see `LIVE_PLANES`
    ├── live/progress                       float64 (epochs, columns), see `PROGRESS`
    ├── object                              complex64 (states, y, x)
    ├── probe                               complex64 (states, h, w)
    ├── positions_m                         float64 (views, 2): (y, x)
    ├── quality/{curve}                     float64 (rows, columns), see `CURVES`
    └── second/{object, probe, positions_m} the other half, of an frc

Worker, service and client take every name from here. Whatever changes what stands under a
name, or a name, makes a new `LAYOUT`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, Self, get_args

from pydantic import ValidationError

from .errors import GeometryError, LayoutError
from .geometry import Geometry
from .job import JobKind, Quality
from .strict import StrictModel
from .verdict import Preparation, Start, Verdict

LAYOUT: Final = 1
SPEC = "PtychoReconstruction"
"""Tiled spec of an attempt's node."""

OBJECT, PROBE, POSITIONS = "object", "probe", "positions_m"
FINAL_ARRAYS = (OBJECT, PROBE, POSITIONS)

LIVE_OBJECT, LIVE_PROBE, LIVE_PROGRESS = "live/object", "live/probe", "live/progress"

PRTF, FRC = "prtf", "frc"
CURVES = (PRTF, FRC)

JUDGED = ("verdict", "preparation", "start")
"""Fields of `NodeMetadata` that the job's record has, too, and every result file tells."""

NPZ_ARRAYS = {
    "object_MYX": "complex64",
    "probe_NHW": "complex64",
    "positions_m": "float64",
    "positions_px": "float64",
    "loss": "float64",
    "pixel_size_m": "float64",
}
"""Arrays of a result's npz file and their types; `JUDGED` lie beside them as JSON texts."""

LARGEST_PICTURE_PX = 350
"""Pictures for screens are binned to at most this along both axes.

Two float32 planes of 350 x 350 px are 980 kB: larger messages disconnect the default client
of a Tiled stream.
"""

Plane = Literal["phase", "amplitude"]
PLANES: tuple[Plane, ...] = get_args(Plane)
LIVE_PLANES: tuple[Plane, ...] = ("amplitude", "phase")
"""Of ``live/object`` and ``live/probe``, in the order in which they lie."""

FramePlane = Literal[
    "object_phase", "object_amplitude", "probe_phase", "probe_amplitude", "loss"
]
"""What a page shows, a frame each."""
FRAME_PLANES: tuple[FramePlane, ...] = get_args(FramePlane)
OBJECT_PHASE: Final = "object_phase"
OBJECT_AMPLITUDE: Final = "object_amplitude"
PROBE_PHASE: Final = "probe_phase"
PROBE_AMPLITUDE: Final = "probe_amplitude"
LOSS_CURVE: Final = "loss"


class Column(NamedTuple):
    """A column of ``live/progress``."""

    name: str
    unit: str
    dtype: str = "float64"


EPOCH, LOSS, DATA_LOSS, PRIOR_LOSS = "epoch", "loss", "data_loss", "prior_loss"
SECONDS, PICTURE_VERSION = "seconds", "picture_version"

PROGRESS = (
    Column(EPOCH, ""),
    Column(LOSS, ""),
    Column(DATA_LOSS, ""),
    Column(PRIOR_LOSS, ""),
    Column(SECONDS, "s"),
    Column(PICTURE_VERSION, ""),
)
"""Columns of ``live/progress``, a row for each epoch.

The last is the number of the picture that shows the epoch, from 1; 0 where none does.
"""
FIELDS = tuple(column.name for column in PROGRESS)


def attempt_keys(results: str, scan_uid: str, job_id: str, attempt: int) -> tuple[str, ...]:
    """Keys from the root to an attempt's node; `results` is the container of all results."""
    return (*results.strip("/").split("/"), scan_uid, job_id, f"a{attempt}")


def attempt_node(results: str, scan_uid: str, job_id: str, attempt: int) -> str:
    """Tiled path of an attempt's node.

    Examples
    --------
    >>> below(attempt_node("ptycho", "7f0c3f2e", "01hx", 2), LIVE_OBJECT)
    'ptycho/7f0c3f2e/01hx/a2/live/object'
    """
    return "/".join(attempt_keys(results, scan_uid, job_id, attempt))


def below(node: str, name: str) -> str:
    """Tiled path of an array of a node."""
    return f"{node.strip('/')}/{name}"


def curve_array(curve: str) -> str:
    """Name of the array that holds a curve."""
    return f"quality/{curve}"


def second_half(array: str) -> str:
    """Name of the array that holds the same of an frc's other half."""
    return f"second/{array}"


class _Metadata(StrictModel):
    def written(self, without: Iterable[str] = ()) -> dict[str, Any]:
        """What is written: JSON values of the fields that were given, but for some."""
        # By way of text: only there are figures that JSON does not know told in words.
        text = self.model_dump_json(include=self.model_fields_set.difference(without))
        values: dict[str, Any] = json.loads(text)
        return values

    @classmethod
    def read(cls, path: str, values: Mapping[str, Any]) -> Self:
        """Read what was written.

        Parameters
        ----------
        path : str
            Tiled path, for errors.
        values : mapping

        Raises
        ------
        LayoutError
            It is of another layout.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise _refusal(path, error) from None
        except GeometryError as error:
            raise LayoutError(f"{path} {error.key}", error.found, error.expected) from None


class NodeMetadata(_Metadata):
    """Metadata of an attempt's node.

    Attributes
    ----------
    layout : {1}
        A node without it is of the first layout, which was written before it had a number.
    scan_uid, scan_id, sample
        The scan.
    job_id, attempt, kind, parent
        The job; `parent` is the one that an frc belongs to.
    recipe : dict
        Plain values of the whole recipe.
    geometry : Geometry
        In SI units, and where each value came from.
    software : dict
        Versions that the result depends on, and the device.
    pixel_size_m : float
        Of object and probe.
    origin_m : (float, float)
        (y, x) of the centre of the object's pixel (0, 0).
    epoch, loss
        Epochs done and the loss of the last; 0 and None until the final arrays are there.
    complete : bool
        The final arrays are there, of all epochs.
    illuminated_box : (int, int, int, int), optional
        (y0, y1, x0, x1), half-open, in pixels of the object. Like what follows it is
        written with the final arrays.
    quality, verdict, preparation, start
        As in the job's `Result`.
    """

    layout: Literal[1] = LAYOUT
    scan_uid: str
    scan_id: int | None
    sample: str
    job_id: str
    attempt: int
    kind: JobKind
    parent: str | None
    recipe: dict[str, Any]
    geometry: Geometry
    software: dict[str, str]
    pixel_size_m: float
    origin_m: tuple[float, float]
    epoch: int
    loss: float | None
    complete: bool
    illuminated_box: tuple[int, int, int, int] | None = None
    quality: Quality | None = None
    verdict: Verdict | None = None
    preparation: Preparation | None = None
    start: Start | None = None


class ArrayMetadata(_Metadata):
    """Metadata of an array: those of these that it needs.

    Attributes
    ----------
    pixel_size_m : float
        Of a picture or a final array.
    origin_m : (float, float)
        (y, x) of the centre of pixel (0, 0).
    bin : int
        Pixels of the full array per pixel of a picture, along both axes.
    epoch, version : int
        What a picture shows, and its number.
    illuminated_box : (int, int, int, int)
        Of a picture, in its pixels.
    full_shape : (int, int)
        Of the array that a picture was binned from.
    fields : tuple of str
        Columns of ``live/progress``.
    columns : tuple of str
        Of a curve, with units.
    order : str
        Of the coordinates of positions.
    """

    pixel_size_m: float = 1.0
    origin_m: tuple[float, float] = (0.0, 0.0)
    bin: int = 1
    epoch: int = 0
    version: int = 0
    illuminated_box: tuple[int, int, int, int] | None = None
    full_shape: tuple[int, int] | None = None
    fields: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    order: str = ""


def _refusal(path: str, error: ValidationError) -> LayoutError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if key == "layout":
        return LayoutError(f"{path} layout", first["input"], f"{LAYOUT}, the one known here")
    if first["type"] == "missing":
        return LayoutError(f"{path} {key}", "nothing", f"a value, as layout {LAYOUT} has")
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return LayoutError(f"{path} {key}", first["input"], f"no such key in layout {LAYOUT}")
    return LayoutError(f"{path} {key}", first["input"], first["msg"])
