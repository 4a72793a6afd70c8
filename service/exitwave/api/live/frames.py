"""The codec of live pictures: what one binary websocket message holds.

::

    u32 little-endian   length of the JSON header in bytes
    header              UTF-8 JSON, one object
    padding             zero bytes up to the next multiple of 8
    payload             the array, C order, little-endian

A browser can lay a typed array straight over the payload, because it starts on a
multiple of 8. Pictures travel as ``u2`` codes: 0 is "not visited", 1 to 65535 lie
linearly between ``lo`` and ``hi``. The plane ``loss`` travels as ``f4``, shape
(epochs, 2), columns epoch and loss; its ``lo`` and ``hi`` are those of the loss.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import InvalidInput
from exitwave.schema.result import LOSS_CURVE, FramePlane

Payload: TypeAlias = NDArray[np.uint16] | NDArray[np.float32]

ALIGNMENT = 8
_LENGTH = struct.Struct("<I")
_DTYPES: dict[str, np.dtype[Any]] = {"u2": np.dtype("<u2"), "f4": np.dtype("<f4")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One plane of one picture.

    Attributes
    ----------
    job, attempt, epoch : str, int, int
        What the picture shows.
    version : int
        Running number of the picture within the attempt; 0 for a final one without number.
    plane : str
        Which of `FRAME_PLANES`.
    data : array
        ``u2`` codes (h, w), or ``f4`` (epochs, 2) for the loss.
    lo, hi : float
        Values of codes 1 and 65535, in `unit`.
    cyclic : bool
        The values wrap: `lo` and `hi` are the same phase.
    pixel_size_m : float
        Pitch of this (binned) picture; 0 where it has none.
    origin_m : tuple of float
        (y, x) of the outer corner of pixel (0, 0).
    n_frames : int or None
        Diffraction patterns of the scan, where known.
    note : str
        What a reader of the scale must know, for example that it is nominal.
    """

    job: str
    attempt: int
    epoch: int
    version: int
    plane: FramePlane
    data: Payload
    lo: float
    hi: float
    unit: str = ""
    cyclic: bool = False
    pixel_size_m: float = 0.0
    origin_m: tuple[float, float] = (0.0, 0.0)
    n_frames: int | None = None
    note: str = ""


def encode(frame: Frame, seq: int) -> bytes:
    """One binary message. `seq` numbers the frames of a connection; the viewer acks it."""
    dtype = "f4" if frame.plane == LOSS_CURVE else "u2"
    header = {
        "job": frame.job,
        "attempt": frame.attempt,
        "epoch": frame.epoch,
        "seq": seq,
        "version": frame.version,
        "plane": frame.plane,
        "shape": list(frame.data.shape),
        "dtype": dtype,
        "lo": frame.lo,
        "hi": frame.hi,
        "unit": frame.unit,
        "cyclic": frame.cyclic,
        "pixel_size_m": frame.pixel_size_m,
        "origin_m": list(frame.origin_m),
        "n_frames": frame.n_frames,
        "note": frame.note,
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    padding = -(_LENGTH.size + len(text)) % ALIGNMENT
    payload = np.ascontiguousarray(frame.data, dtype=_DTYPES[dtype]).tobytes()
    return b"".join((_LENGTH.pack(len(text)), text, bytes(padding), payload))


def decode(message: bytes) -> tuple[Frame, int]:
    """Frame and sequence number of a binary message, for Python viewers and tests.

    Raises
    ------
    InvalidInput
        The message is cut short, or its header does not fit its payload.
    """
    if len(message) < _LENGTH.size:
        raise InvalidInput("frame", f"{len(message)} bytes", "at least 4")
    (length,) = _LENGTH.unpack_from(message)
    end = _LENGTH.size + length
    if len(message) < end:
        raise InvalidInput("frame", f"{len(message)} bytes", f"a header that ends at {end}")
    header = json.loads(message[_LENGTH.size : end])
    dtype, shape = _DTYPES[header.pop("dtype")], tuple(header.pop("shape"))
    payload = message[end + -end % ALIGNMENT :]
    expected = dtype.itemsize * int(np.prod(shape))
    if len(payload) != expected:
        raise InvalidInput("frame.payload", f"{len(payload)} bytes", f"{expected} for {shape}")
    seq = int(header.pop("seq"))
    header["origin_m"] = tuple(header["origin_m"])
    return Frame(**header, data=np.frombuffer(payload, dtype).reshape(shape)), seq
