"""A result as arrays. numpy is no part of the base install and is loaded only here."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from exitwave.schema.errors import ExitwaveError, ResultNotFound, UsageError
from exitwave.schema.job import Job, Quality, Result
from exitwave.schema.result import JUDGED, NPZ_ARRAYS
from exitwave.schema.verdict import Preparation, Start, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ResultArrays:
    """A finished reconstruction.

    Attributes
    ----------
    object_MYX : complex array (M, Y, X)
        M object states; NaN = not illuminated.
    probe_NHW : complex array (N, H, W)
        N probe states.
    positions_m : array (n, 2)
        (y, x) of the views in metres, as measured.
    positions_px : array (n, 2)
        (y, x) of the top-left pixels of the same views in the object.
    pixel_size_m : float
        Of object and probe.
    loss : array (epochs,)
    quality : Quality, optional
        As far as it can be told without a ground truth.
    verdict : Verdict, optional
        Whether there is a picture; None: nobody judged it.
    preparation : Preparation, optional
        What was left out of the fit, and why.
    start : Start, optional
        Where the run began.
    job : Job
        The record of the job it is of.
    """

    object_MYX: NDArray[np.complex64]  # noqa: N815  # shape suffixes are the field's convention
    probe_NHW: NDArray[np.complex64]  # noqa: N815  # likewise
    positions_m: NDArray[np.float64]
    positions_px: NDArray[np.float64]
    pixel_size_m: float
    loss: NDArray[np.float64]
    quality: Quality | None
    verdict: Verdict | None
    preparation: Preparation | None
    start: Start | None
    job: Job

    def __repr__(self) -> str:
        """In a line: arrays by their shapes."""
        judged = "not judged" if self.verdict is None else self.verdict.verdict
        shapes = {"object": self.object_MYX.shape, "probe": self.probe_NHW.shape}
        arrays = ", ".join(f"{name} {_shape_text(shape)}" for name, shape in shapes.items())
        return (
            f"<result of job {self.job.id}: {judged}; {arrays}, "
            f"{len(self.positions_m)} positions, {1e9 * self.pixel_size_m:.4g} nm/px>"
        )


def require_numpy() -> None:
    """Look for numpy before anything is fetched.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        import numpy  # noqa: F401  # only whether it is there
    except ModuleNotFoundError:
        raise UsageError(
            "result: found no numpy, which the base install leaves out: pip install numpy "
            "(`download` needs none)"
        ) from None


def read_result(job: Job, file: IO[bytes]) -> ResultArrays:
    """The arrays in an npz that the service made."""
    import numpy as np

    if job.result is None:
        raise ResultNotFound(f"job {job.id} has no result; it is {job.state}")
    try:
        with np.load(file, allow_pickle=False) as stored:
            found = {name: stored[name] for name in NPZ_ARRAYS}
            stored_json = {name: str(stored[name]) for name in JUDGED if name in stored}
            judged = _with_stored(job.result, stored_json)
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ExitwaveError(
            f"job {job.id}: the result is not what this client knows ({error}); "
            "versions of client and service differ?"
        ) from error
    return ResultArrays(
        object_MYX=found["object_MYX"],
        probe_NHW=found["probe_NHW"],
        positions_m=found["positions_m"],
        positions_px=found["positions_px"],
        pixel_size_m=float(found["pixel_size_m"]),
        loss=found["loss"],
        quality=job.result.quality,
        verdict=judged.verdict,
        preparation=judged.preparation,
        start=judged.start,
        job=job,
    )


def _with_stored(record: Result, stored_json: dict[str, str]) -> Result:
    """The record's result with what the file holds; an earlier service stored nothing there."""
    values = {name: json.loads(text) for name, text in stored_json.items()}
    return Result.model_validate({**record.model_dump(exclude=set(values)), **values})


def _shape_text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
