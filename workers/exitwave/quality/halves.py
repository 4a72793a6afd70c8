"""Two disjoint halves of a scan's data, for a Fourier ring correlation between them."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import DataError

Counts = NDArray[Any]
Part = Literal[0, 1]


class Frames(Protocol):
    """Patterns by index, in counts."""

    @property
    def shape_HW(self) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def read(self, indices: NDArray[np.intp]) -> Counts: ...


class ChosenFrames:
    """Some frames of a source.

    Parameters
    ----------
    frames : Frames
    chosen : ndarray (n,)
        Their indices.
    """

    def __init__(self, frames: Frames, chosen: NDArray[np.intp]) -> None:
        self._frames, self._chosen = frames, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    @property
    def shape_HW(self) -> tuple[int, int]:
        """Height and width of one pattern, in pixels."""
        return self._frames.shape_HW

    def read(self, indices: NDArray[np.intp]) -> Counts:
        """Patterns (n, H, W) of the chosen frames."""
        return self._frames.read(self._chosen[indices])


class ThinnedFrames:
    """All frames of a source, with half of their counts.

    Every count goes to one of the two parts, each with probability 1/2: the parts add up
    to what was measured, and where that is Poisson distributed they are independent Poisson
    counts of half the mean (binomial thinning). Which count goes where depends on seed and
    frame alone, so the parts may be read in any order, and again.

    Parameters
    ----------
    frames : Frames
    part : {0, 1}
    seed : int
        The same for both parts.
    mask_HW : ndarray of bool (H, W), optional
        True = valid; others are read as zero, for they need not hold counts.
    """

    def __init__(
        self,
        frames: Frames,
        part: Part,
        *,
        seed: int,
        mask_HW: NDArray[np.bool_] | None = None,
    ) -> None:
        self._frames, self._part, self._seed, self._mask_HW = frames, part, seed, mask_HW

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def shape_HW(self) -> tuple[int, int]:
        """Height and width of one pattern, in pixels."""
        return self._frames.shape_HW

    def read(self, indices: NDArray[np.intp]) -> Counts:
        """Patterns (n, H, W) of this part, of the source's type.

        Raises
        ------
        DataError
            The source does not hold whole numbers.
        """
        counts_nHW = np.asarray(self._frames.read(indices))
        if self._mask_HW is not None:
            counts_nHW = np.where(self._mask_HW, counts_nHW, counts_nHW.dtype.type(0))
        return np.stack(
            [
                self._thin(counts_HW, int(index))
                for counts_HW, index in zip(counts_nHW, indices, strict=True)
            ]
        )

    def _thin(self, counts_HW: Counts, index: int) -> Counts:
        part_HW = np.zeros_like(counts_HW)
        illuminated_HW = counts_HW != 0  # most pixels of most patterns are dark
        counts = counts_HW[illuminated_HW]
        if counts.dtype.kind == "f" and not (counts == np.rint(counts)).all():
            worst = float(counts[counts != np.rint(counts)][0])
            raise DataError(
                f"frames[{index}]",
                f"{worst:g} counts in a pixel",
                "whole numbers: below 60 % overlap an FRC splits counts, not frames",
            )
        random = np.random.default_rng([self._seed, index])
        first = random.binomial(counts.astype(np.int64), 0.5)
        part_HW[illuminated_HW] = first if self._part == 0 else counts - first
        return part_HW
