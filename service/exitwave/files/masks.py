"""Masks as files hold them: numbers whose bits say what is the matter with a pixel.

0 is a good pixel. Which other bits mean "do not use the counts" is in two tables, one of CXI
and one of NeXus; a bit that is in neither of them is taken for a bad one, and people are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError
from exitwave.schema.verdict import Note

from .frame_masks import FrameMasks
from .frame_orientation import FrameOrientation

SLAB_BYTES = 1 << 26
"""Of a mask (n, H, W) looked at together."""


@dataclass(frozen=True, slots=True)
class Bit:
    """What one bit of a mask says of a pixel.

    Attributes
    ----------
    value : int
    means : str
    bad : bool
        Whether it says that the counts must not be used.
    """

    value: int
    means: str
    bad: bool


CXI_BITS = (
    Bit(0x1, "invalid", True),
    Bit(0x2, "saturated", True),
    Bit(0x4, "hot", True),
    Bit(0x8, "dead", True),
    Bit(0x10, "shadowed", True),
    # Where a search for peaks does not look; the counts there are like any others.
    Bit(0x20, "in the peak mask", False),
    Bit(0x40, "to be ignored", True),
    Bit(0x80, "bad", True),
    # Limits that an analysis of another kind has set itself.
    Bit(0x100, "outside of resolution limits", False),
    Bit(0x200, "missing", True),
    Bit(0x400, "noisy", True),
    Bit(0x800, "corrected for an artefact", False),
    # Cheetah, which writes no ptychography, has a failed correction here.
    Bit(0x1000, "has signal", False),
    Bit(0x2000, "part of a peak", False),
    Bit(0x4000, "corrected for background", False),
)

NEXUS_BITS = (
    Bit(0x1, "gap", True),
    Bit(0x2, "dead", True),
    Bit(0x4, "responds too little", True),
    Bit(0x8, "responds too much", True),
    Bit(0x10, "noisy", True),
    Bit(0x40, "in a cluster of bad ones", True),
    Bit(0x100, "masked by the user", True),
    # The definition: bits of the upper half alone are no reason to reject a pixel.
    *(Bit(1 << bit, f"special property {bit}", False) for bit in range(16, 31)),
    # Interpolated: no counts of its own, so no Poisson noise either.
    Bit(0x80000000, "interpolated", True),
)


@dataclass(frozen=True, slots=True)
class MaskFound:
    """A mask, read.

    Attributes
    ----------
    valid_HW : bool array (H, W)
        Pixels (turned) that can be used in some frame at least.
    frame_masks : FrameMasks, optional
        Those that are bad in some frames only.
    text : str
        What was found, for people.
    notes : tuple of Note
    """

    valid_HW: NDArray[np.bool_]
    frame_masks: FrameMasks | None
    text: str
    notes: tuple[Note, ...] = ()


def read_mask(
    leaf: Any,
    key: str,
    frames_shape: tuple[int, ...],
    bits: tuple[Bit, ...],
    orientation: FrameOrientation,
) -> MaskFound:
    """A mask of one pattern or of every pattern.

    Parameters
    ----------
    leaf : dataset or array
        (H, W), or the shape of the frames; booleans, integers or whole floats.
    key : str
        How messages name it.
    frames_shape : tuple of int
        Of the frames as stored, (…, H, W).
    bits : tuple of Bit
        The table its format uses.
    orientation : FrameOrientation
        What is done to the stored patterns.

    Raises
    ------
    DataError
        The shape does not fit or the values are no mask.
    """
    shape = tuple(leaf.shape)
    single = shape[-2:] == frames_shape[-2:] and all(side == 1 for side in shape[:-2])
    if not single and shape != frames_shape:
        raise DataError(
            key, f"shape {shape}", f"a pixel's bits for {frames_shape[-2:]} or {frames_shape}"
        )
    harmless = sum(bit.value for bit in bits if not bit.bad)
    counted = _Counted()
    if single:
        values = _whole(np.asarray(leaf[()]).reshape(shape[-2:]), key)
        valid_HW = ~orientation.apply(counted.look(values[None], harmless)[0])
        return counted.found(valid_HW, None, bits, key)
    always_HW = np.ones(frames_shape[-2:], np.bool_)
    for slab in _slabs(leaf, key):
        always_HW &= counted.look(slab, harmless).all(axis=0)

    def other_frames() -> Iterator[NDArray[np.bool_]]:
        for slab in _slabs(leaf, key):
            for values in slab:
                yield orientation.apply((values & ~_of(values, harmless)) != 0) & ~oriented_HW

    oriented_HW = orientation.apply(always_HW)
    frame_masks = FrameMasks.from_frames(other_frames())
    return counted.found(
        ~oriented_HW, frame_masks if len(frame_masks.pixels) else None, bits, key
    )


def read_plain_mask(
    leaf: Any, key: str, shape_HW: tuple[int, int], orientation: FrameOrientation
) -> MaskFound:
    """A mask (H, W) of which nothing says whether 0 or 1 is good.

    That reading is taken that leaves more than half of the pixels: with the other one there
    would be nothing to reconstruct.

    Raises
    ------
    DataError
        As `read_mask`, or both readings leave half.
    """
    values = _whole(np.asarray(leaf[()]), key)
    if values.shape != shape_HW:
        raise DataError(key, f"shape {values.shape}", f"a mask of {shape_HW}")
    flagged = values != 0
    share = float(flagged.mean())
    if share == 0.5:
        raise DataError(key, "half of the pixels flagged", "fewer or more: which are good?")
    means = "good" if share > 0.5 else "bad"
    valid_HW = orientation.apply(flagged if share > 0.5 else ~flagged)
    count = int((~valid_HW).sum())
    text = f"{leaf.dtype} {shape_HW}: {count} pixels left out; not 0 taken for {means}"
    note = Note(
        code="mask",
        text=f"The mask {key} is taken so that pixels other than 0 are {means}: the other way "
        "would leave less than half of them.",
        figures={"pixels": float(count)},
    )
    return MaskFound(valid_HW, None, text, (note,))


class _Counted:
    """Pixels by bit, over all frames of a mask."""

    def __init__(self) -> None:
        self._pixels: dict[int, int] = {}
        self._frames = 0
        self._dtype = ""

    def look(self, values_nHW: NDArray[Any], harmless: int) -> NDArray[np.bool_]:
        """Which pixels are bad; counts the bits of all."""
        self._frames += len(values_nHW)
        self._dtype = str(values_nHW.dtype)
        seen = int(np.bitwise_or.reduce(values_nHW, axis=None)) if values_nHW.size else 0
        for place in range(seen.bit_length()):
            value = 1 << place
            if seen & value:
                pixels = int(np.count_nonzero(values_nHW & _of(values_nHW, value)))
                self._pixels[value] = self._pixels.get(value, 0) + pixels
        bad: NDArray[np.bool_] = (values_nHW & ~_of(values_nHW, harmless)) != 0
        return bad

    def found(
        self,
        valid_HW: NDArray[np.bool_],
        frame_masks: FrameMasks | None,
        bits: tuple[Bit, ...],
        key: str,
    ) -> MaskFound:
        """The mask with its texts."""
        known = {bit.value: bit for bit in bits}
        left_out = int((~valid_HW).sum())
        parts = []
        for value, pixels in sorted(self._pixels.items()):
            bit = known.get(value)
            means = bit.means if bit else "in no table"
            kept = ", kept" if bit and not bit.bad else ""
            parts.append(f"{pixels} x {value:#x} ({means}{kept})")
        text = f"{left_out} of {valid_HW.size} pixels left out"
        if frame_masks is not None:
            text += f", {len(frame_masks.pixels)} more in single frames"
        text += f": {', '.join(parts)}" if parts else ""
        unknown = [value for value in self._pixels if value not in known]
        kept_bits = [v for v in self._pixels if v in known and not known[v].bad]
        notes = []
        if unknown or kept_bits:
            notes.append(Note(code="mask", text=f"Mask {key}: {text}."))
        if left_out > valid_HW.size / 2:
            notes.append(
                Note(
                    code="mask",
                    text=f"The mask {key} leaves out more than half of the pixels. 0 is a good "
                    "pixel in this format: is it the other way round?",
                    figures={"pixels": float(left_out)},
                )
            )
        return MaskFound(valid_HW, frame_masks, text, tuple(notes))


def _slabs(leaf: Any, key: str) -> Iterator[NDArray[Any]]:
    """A mask (…, H, W) as parts (n, H, W)."""
    row = max(1, leaf.size // max(1, leaf.shape[0]) * leaf.dtype.itemsize)
    step = max(1, SLAB_BYTES // row)
    for start in range(0, leaf.shape[0], step):
        yield _whole(leaf[start : start + step], key).reshape(-1, *leaf.shape[-2:])


def _whole(values: NDArray[Any], key: str) -> NDArray[Any]:
    """As unsigned integers."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind == "f":
        if not (np.isfinite(values) & (values == np.rint(values)) & (values >= 0)).all():
            raise DataError(key, f"{values.dtype} that are not whole", "a mask: 0 is good")
        return values.astype(np.uint32)
    if values.dtype.kind not in "ui":
        raise DataError(key, f"values of type {values.dtype}", "a mask of integers: 0 is good")
    native = values.astype(values.dtype.newbyteorder("="))
    return (
        native.view(native.dtype.str.replace("i", "u")) if native.dtype.kind == "i" else native
    )


def _of(values: NDArray[Any], bits: int) -> Any:
    """Some bits as a number of the values' type."""
    return values.dtype.type(bits & np.iinfo(values.dtype).max)
