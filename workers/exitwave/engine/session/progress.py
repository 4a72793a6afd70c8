"""How far a session is, beside its algorithm; and a run that was deferred on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exitwave.schema.errors import CheckpointError

from ..algorithm import Algorithm
from .checkpoint import copied, restore

_PREFIX = "deferred/"
"""Of the names of its tensors in a checkpoint."""


@dataclass(slots=True, kw_only=True)
class RunProgress:
    """How far a session is: plain values for a checkpoint.

    Attributes
    ----------
    run : int
        From 1; the one under way.
    candidate : int
        Which start it began with, from 1 in the order of the search.
    before : int
        Epochs of the session that are not its own.
    done : int
        Its own epochs.
    left_out : ndarray of int
        Frames that are held out of its fit to test it.
    wild : ndarray of int
        Frames that are left out since nothing explains them.
    stages_run : dict
        Whether each stage so far was run, by number.
    best : int
        The start of the run before that has the best picture, which is kept; 0: none has.
    merit : float
        By that picture.
    """

    run: int = 1
    candidate: int = 1
    before: int = 0
    done: int = 0
    left_out: NDArray[np.intp]
    wild: NDArray[np.intp]
    stages_run: dict[int, bool]
    best: int = 0
    merit: float = -1.0

    @property
    def epoch(self) -> int:
        """From 1 over all runs."""
        return self.before + self.done

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run,
            "candidate": self.candidate,
            "before": self.before,
            "done": self.done,
            "left_out": self.left_out.tolist(),
            "wild": self.wild.tolist(),
            "stages_run": list(self.stages_run.items()),
            "best": self.best,
            "merit": self.merit,
        }

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> RunProgress:
        """What `plain` gave.

        Raises
        ------
        CheckpointError
        """
        try:
            return cls(
                run=int(values["run"]),
                candidate=int(values["candidate"]),
                before=int(values["before"]),
                done=int(values["done"]),
                left_out=np.array(values["left_out"], dtype=np.intp),
                wild=np.array(values["wild"], dtype=np.intp),
                stages_run={int(number): bool(run) for number, run in values["stages_run"]},
                best=int(values["best"]),
                merit=float(values["merit"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(error) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredRun:
    """A run that looked wrong after its first stage, ready to go on after all.

    A start that is right can need longer than one stage to show it. If no other start does
    better, the best of those deferred goes on from where it was.

    Attributes
    ----------
    progress : RunProgress
        As it was.
    merit : float
        By its picture.
    tensors, numbers : dict
        Of its algorithm, in the host's memory.
    """

    progress: RunProgress
    merit: float
    tensors: dict[str, NDArray[Any]]
    numbers: dict[str, float]

    @classmethod
    def of(cls, progress: RunProgress, merit: float, algorithm: Algorithm) -> DeferredRun:
        """Keep the present state of a run for later."""
        return cls(
            progress=progress,
            merit=merit,
            tensors=copied(algorithm.tensors()),
            numbers=algorithm.numbers(),
        )

    def restore(self, algorithm: Algorithm) -> None:
        """Put its state into a fresh algorithm."""
        restore(algorithm, self.tensors, self.numbers)

    def plain(self) -> dict[str, Any]:
        """All but its tensors, for JSON."""
        return {
            "progress": self.progress.plain(),
            "merit": self.merit,
            "numbers": self.numbers,
        }

    def named_tensors(self) -> dict[str, NDArray[Any]]:
        """Its tensors as they are called in a checkpoint."""
        return {_PREFIX + name: kept for name, kept in self.tensors.items()}

    @classmethod
    def from_plain(
        cls, values: dict[str, Any], tensors: dict[str, NDArray[Any]]
    ) -> DeferredRun:
        """What `plain` and `named_tensors` gave, among other tensors.

        Raises
        ------
        CheckpointError
        """
        try:
            return cls(
                progress=RunProgress.from_plain(values["progress"]),
                merit=float(values["merit"]),
                tensors={
                    name.removeprefix(_PREFIX): kept
                    for name, kept in tensors.items()
                    if name.startswith(_PREFIX)
                },
                numbers={name: float(kept) for name, kept in values["numbers"].items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise damaged(error) from None


def damaged(error: Exception) -> CheckpointError:
    """What a session's plain values that cannot be read are called."""
    return CheckpointError("checkpoint.session", f"a damaged one ({error})", "that of a run")
