"""Results on disk until all sinks have them: a worker that is killed meanwhile loses none."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel

from exitwave.files.checkpoint import read_arrays, write_arrays
from exitwave.files.reconstruction import Curve
from exitwave.schema.errors import CheckpointError
from exitwave.schema.job import Quality, ScanRef
from exitwave.schema.result import OBJECT, POSITIONS, PROBE, curve_array
from exitwave.schema.verdict import Preparation, Start, Verdict

from .final import FinalArrays
from .node import AttemptRecord

Model = TypeVar("Model", bound=BaseModel)

REFUSED = "refused"
"""Below the spool: results that a sink would not take, for a person to look at."""

_HEADER = "header"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A result as it lies on disk.

    Attributes
    ----------
    path : Path
    record : AttemptRecord
        Of the attempt that computed it.
    final : FinalArrays
    rows : ndarray
        Lines of ``live/progress``.
    """

    path: Path
    record: AttemptRecord
    final: FinalArrays
    rows: NDArray[np.float64]


class Spool:
    """A folder of results, ``<job>-a<attempt>.npz``.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(
        self, record: AttemptRecord, final: FinalArrays, rows: NDArray[np.float64]
    ) -> Spooled:
        """Write a result; it is on disk when this returns."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{record.job_id}-a{record.attempt}.npz"
        write_arrays(path, _arrays(record, final, rows))
        return Spooled(path=path, record=record, final=final, rows=rows)

    def newest_before(self, job_id: str, attempt: int) -> Spooled | None:
        """What the newest attempt before this one left, if it can be read."""
        found = [
            (int(match[1]), path)
            for path in self._folder.glob(f"{job_id}-a*.npz")
            if (match := re.fullmatch(rf"{re.escape(job_id)}-a([0-9]+)", path.stem))
        ]
        for number, path in sorted(found, reverse=True):
            if number >= attempt:
                continue
            try:
                return _spooled(path, read_arrays(path))
            except CheckpointError as error:
                _log.warning("spool.unreadable", path=str(path), error=str(error))
        return None

    def keep_refused(self, spooled: Spooled) -> Path:
        """Move a result that a sink refuses out of the way; returns where it is now."""
        folder = self._folder / REFUSED
        folder.mkdir(mode=0o700, exist_ok=True)
        return spooled.path.rename(folder / spooled.path.name)


def _arrays(
    record: AttemptRecord, final: FinalArrays, rows: NDArray[np.float64]
) -> dict[str, NDArray[Any]]:
    header = {
        "record": {**asdict(record), "scan": record.scan.model_dump()},
        "illuminated_box": final.illuminated_box,
        "epochs": final.epochs,
        "loss": final.loss,
        "quality": final.quality.model_dump(),
        **final.verdict_metadata(),
        "curves": {name: curve.columns for name, curve in final.curves.items()},
        "further": list(final.further),
        "diverged": final.diverged,
        "stopped": final.stopped,
    }
    return {
        OBJECT: final.object_MYX,
        PROBE: final.probe_NHW,
        POSITIONS: final.positions_m,
        **{f"further/{name}": values for name, values in final.further.items()},
        **{curve_array(name): curve.values for name, curve in final.curves.items()},
        "rows": rows,
        "known": final.known_YX,
        _HEADER: np.array(json.dumps(header)),
    }


def _spooled(path: Path, arrays: dict[str, NDArray[Any]]) -> Spooled:
    try:
        header = json.loads(str(arrays[_HEADER]))
        record = header["record"]
        record["scan"] = ScanRef.model_validate(record["scan"])
        record["origin_m"] = tuple(record["origin_m"])
        y0, y1, x0, x1 = header["illuminated_box"]
        return Spooled(
            path=path,
            record=AttemptRecord(**record),
            final=FinalArrays(
                object_MYX=arrays[OBJECT],
                probe_NHW=arrays[PROBE],
                positions_m=arrays[POSITIONS],
                known_YX=arrays["known"],
                illuminated_box=(y0, y1, x0, x1),
                epochs=header["epochs"],
                loss=header["loss"],
                quality=Quality.model_validate(header["quality"]),
                verdict=_read(Verdict, header.get("verdict")),
                preparation=_read(Preparation, header.get("preparation")),
                start=_read(Start, header.get("start")),
                curves={
                    name: Curve(columns=tuple(columns), values=arrays[curve_array(name)])
                    for name, columns in header["curves"].items()
                },
                further={name: arrays[f"further/{name}"] for name in header["further"]},
                diverged=header["diverged"],
                stopped=header["stopped"],
            ),
            rows=arrays["rows"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(str(path), f"no result ({error})", "a spooled one") from None


def _read(kind: type[Model], values: object) -> Model | None:
    """None stays None: nobody judged it, or an earlier release wrote it."""
    return None if values is None else kind.model_validate(values)
