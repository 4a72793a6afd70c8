"""What an attempt has reported, and which commands it obeys when."""

from __future__ import annotations

from typing import Any

from exitwave.schema.job import Progress

from ..protocol import Control, JobPreemptedError, JobStoppedError


class AttemptProgress:
    """An attempt's progress so far; reports it and raises what the agent commands.

    Parameters
    ----------
    control : Control

    Attributes
    ----------
    current : Progress
        As it is reported next.
    epochs_done : int
        Of this attempt.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self.current = Progress(phase="reading")
        self.epochs_done = 0
        self._only_judging = False

    def update(self, **changes: Any) -> None:
        """Change fields of `current`; they go out with the next report."""
        self.current = self.current.model_copy(update=changes)

    def epoch_done(self, *, is_last: bool) -> None:
        """Count an epoch. After the last one the engine only judges what there is."""
        self.epochs_done += 1
        self._only_judging = is_last

    def check(self, *ignore: type[Exception]) -> None:
        """Report, and obey any command but these.

        Raises
        ------
        JobCancelledError, JobStoppedError, JobPreemptedError
        """
        try:
            self._control.report_and_check(self.current, ignore=ignore)
        except JobStoppedError:
            self._only_judging = True
            raise

    def check_between_batches(self) -> None:
        """Report, and obey what cannot wait for the end of the epoch.

        A preemption waits: the epoch in progress would be lost, and only at its end is there
        a state to write as a checkpoint. A stop waits for the first epoch, since before it
        there is no result to keep. After the last epoch, and after a stop that was obeyed, the
        batches only judge the result: they are short, and without them it has no verdict.
        """
        stop_waits = not self.epochs_done or self._only_judging
        self.check(JobPreemptedError, *([JobStoppedError] if stop_waits else []))
