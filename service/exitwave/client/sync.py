"""The synchronous client."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from httpx_sse import connect_sse

from exitwave.schema.errors import TooManyRequests, Unavailable
from exitwave.schema.job import Attempt, Event, Job, JobPage, JobState
from exitwave.schema.requests import BatchItem
from exitwave.schema.required import Required, check_required, check_verdict
from exitwave.schema.result import Plane
from exitwave.schema.result_formats import ResultFormat

from . import arrays, job_calls
from .arrays import ResultArrays
from .files import target_path, whole_file
from .patience import Listening, Waiting
from .problems import refusal
from .sync_service import ServiceClient


class Client(ServiceClient):
    """The service, as Python functions.

    Parameters
    ----------
    url, api_key : str, optional
        Default: ``EXITWAVE_URL`` and ``EXITWAVE_API_KEY``, else the last ``exitwave up`` of
        this machine.
    patience_s : float
        For so long a call that fails is tried again: when nobody answers, or the service
        asks to come back later.

    Raises
    ------
    UsageError
        No address or no key can be found.

    Notes
    -----
    Every method raises the service's own errors (`exitwave.schema.errors`), and
    `Unavailable` when nobody answers. Lost answers are asked for again; whatever makes a
    job carries an idempotency key, so this never makes a second one.
    """

    def submit(
        self,
        scan: str | int,
        recipe: str = "default",
        overrides: Mapping[str, Any] | None = None,
        priority: int = 5,
        tags: Sequence[str] = (),
        start: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Ask for a reconstruction.

        Parameters
        ----------
        scan : str or int
            Scan uid, a unique prefix of one, or a scan_id (the newest scan wins).
        recipe : str
        overrides : mapping, optional
            Dotted keys under ``recipe.``, ``data.`` or ``geometry.``.
        priority : int
            0 (live) to 9 (whenever).
        tags : sequence of str
        start : str, optional
            Id of a succeeded job whose object and probe this one begins with.
        idempotency_key : str, optional
            The same key with the same request gives the same job again.
        """
        return self._run(
            job_calls.submit(scan, recipe, overrides, priority, tags, start, idempotency_key)
        )

    def submit_many(
        self,
        scans: Sequence[str | int],
        recipe: str = "default",
        overrides: Mapping[str, Any] | None = None,
        priority: int = 5,
        tags: Sequence[str] = (),
        start: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[BatchItem]:
        """Ask for the same work on up to 200 scans; arguments as `submit`.

        Returns
        -------
        list of BatchItem
            In the order of the scans: a job, or the problem why there is none.
        """
        return self._run(
            job_calls.submit_many(
                scans, recipe, overrides, priority, tags, start, idempotency_key
            )
        )

    def job(self, job_id: str) -> Job:
        """One job's whole record."""
        return self._run(job_calls.job(job_id))

    def jobs(
        self,
        state: JobState | str | None = None,
        scan: str | None = None,
        tag: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """A page of jobs, newest first; its `cursor` gives the next page."""
        return self._run(job_calls.jobs(state, scan, tag, owner, limit, cursor))

    def attempts(self, job_id: str) -> list[Attempt]:
        """A job's attempts, the first one first."""
        return self._run(job_calls.attempts(job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: a queued one at once, a running one within a few seconds."""
        return self._run(job_calls.cancel(job_id))

    def stop(self, job_id: str) -> Job:
        """End a running job now and keep what it has: it succeeds, its result not complete."""
        return self._run(job_calls.stop(job_id))

    def retry(self, job_id: str, idempotency_key: str | None = None) -> Job:
        """Ask for the work of an ended job again: a new job, linked by ``spec.retry_of``."""
        return self._run(job_calls.retry(job_id, idempotency_key))

    def rerun(
        self,
        job_id: str,
        overrides: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        priority: int | None = None,
        tags: Sequence[str] | None = None,
        start: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Ask for the work of an ended job with changes: a new job with ``spec.retry_of``.

        Parameters
        ----------
        job_id : str
        overrides : mapping, optional
            Laid over the earlier job's; None as a value drops the earlier job's.
        recipe, priority, tags, start, idempotency_key : optional
            As `submit`; default the earlier job's.
        """
        return self._run(
            job_calls.rerun(job_id, recipe, overrides, priority, tags, start, idempotency_key)
        )

    def reprioritise(self, job_id: str, priority: int) -> Job:
        """Move a job in the queue: 0 (live) to 9 (whenever)."""
        return self._run(job_calls.patch(job_id, priority=priority))

    def pause(self, job_id: str) -> Job:
        """Hold a queued job back; it keeps its place."""
        return self._run(job_calls.patch(job_id, paused=True))

    def resume(self, job_id: str) -> Job:
        """Let a job that was held back go on."""
        return self._run(job_calls.patch(job_id, paused=False))

    def delete(self, job_id: str) -> None:
        """Forget a job that has ended. Its result stays in Tiled."""
        return self._run(job_calls.delete(job_id))

    def frc(self, job_id: str) -> Job:
        """Ask for the resolution of a job that has succeeded.

        Returns
        -------
        Job
            A job of its own, of lowest priority, that reconstructs two halves of the data
            and compares them; its result's ``quality.frc`` tells. Asking twice gives the
            same job.

        Raises
        ------
        TransitionNotAllowed
            The job has not succeeded, or is no reconstruction.
        """
        return self._run(job_calls.frc(job_id))

    def wait(
        self, job_id: str, timeout_s: float | None = None, require: Required | None = None
    ) -> Job:
        """Wait until a job has ended, however it ended.

        Parameters
        ----------
        job_id : str
        timeout_s : float, optional
        require : {"good", "doubtful"}, optional
            The worst verdict that will do.

        Raises
        ------
        TimeoutError
            It has not ended after `timeout_s`.
        VerdictNotMet
            The verdict is worse than `require`, or there is none.
        """
        if require is not None:
            check_required(require)
        waiting = Waiting(job_id, timeout_s)
        while True:
            found: Job | Unavailable | TooManyRequests
            try:
                found = self._run(job_calls.job(job_id), patience_s=0)
                if found.state.terminal:
                    if require is not None:
                        check_verdict(found, require)
                    return found
            except (Unavailable, TooManyRequests) as error:
                found = error
            time.sleep(waiting.pause_s(found))

    def events(
        self,
        job_id: str | None = None,
        after: str | None = None,
        on_reset: Callable[[], None] | None = None,
    ) -> Iterator[Event]:
        """Events as they happen; resumes by itself, without a gap, when the connection is lost.

        Parameters
        ----------
        job_id : str, optional
            Events of this job alone, from its first one on; ends when the job has ended.
            Default: of all jobs, from now on, without end.
        after : str, optional
            Begin behind the event of this id; ``"0"`` is the oldest one kept.
        on_reset : callable, optional
            Called where events are missing because the service no longer keeps them: ask
            for the jobs anew. Default: a warning in the log.
        """
        listening = Listening(self.connection, job_id, after, on_reset)
        while True:
            lost: Exception | None = None
            try:
                with connect_sse(self._http, **listening.arguments()) as source:
                    if not source.response.is_success:
                        source.response.read()
                        raise refusal(source.response)
                    for message in source.iter_sse():
                        if event := listening.read(message):
                            yield event
                            if listening.is_last(event):
                                return
            except (httpx.TransportError, Unavailable, TooManyRequests) as error:
                lost = error
            time.sleep(listening.pause_s(lost))

    def result(self, job_id: str) -> ResultArrays:
        """A result as arrays, through the service alone. Needs numpy.

        Raises
        ------
        ResultNotFound
            The job has none.
        UsageError
            numpy is not installed.
        """
        arrays.require_numpy()
        with tempfile.TemporaryFile() as file:
            self._stream(job_calls.result(job_id, "npz"), lambda answer: _save(answer, file))
            return arrays.read_result(self.job(job_id), file)

    def download(
        self,
        job_id: str,
        format: ResultFormat = "cxi",
        path: str | Path | None = None,
        plane: Plane = "phase",
    ) -> Path:
        """Fetch a result as a file.

        Parameters
        ----------
        job_id : str
        format : {"cxi", "npy", "npz", "png", "tiff"}
            ``npy`` comes as a zip archive of ptycho_gui's tree, ``npz`` as named arrays.
        path : str or Path, optional
            File to write, or a folder to put it in; default this folder.
        plane : {"phase", "amplitude"}
            What a png or tiff shows.

        Returns
        -------
        Path
            The file. It appears under its name only once it is whole.
        """

        def save(answer: httpx.Response) -> Path:
            target = target_path(path, answer)
            with whole_file(target) as file:
                _save(answer, file)
            return target

        return self._stream(job_calls.result(job_id, format, plane), save)


def _save(answer: httpx.Response, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()  # what a lost try left
    for part in answer.iter_bytes():
        file.write(part)
    file.seek(0)
