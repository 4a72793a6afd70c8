# Made from aio/client.py by `make sync`: change that one.
"""The client: jobs, how they go on, and their results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from httpx_sse import connect_sse

from exitwave.filesystem.atomic import atomic_file
from exitwave.schema.errors import TooManyRequests, Unavailable
from exitwave.schema.job import Attempt, Event, Job, JobPage, JobState
from exitwave.schema.requests import BatchItem
from exitwave.schema.required import Required, check_required, check_verdict
from exitwave.schema.result import Plane
from exitwave.schema.result_formats import ResultFormat

from .. import arrays, job_calls
from ..arrays import ResultArrays
from ..concurrency import run, sleep
from ..files import target_path
from ..problems import error_from_response
from ..retry import EventStreamState, PollState
from .service import ServiceClient


class Client(ServiceClient):
    """The service: a method for each thing it can be asked for.

    Parameters
    ----------
    url, api_key : str, optional
        Default: ``EXITWAVE_URL`` and ``EXITWAVE_API_KEY``, else the last ``exitwave up`` of
        this machine.
    retry_timeout_s : float
        How long a failed call is retried: when the service does not answer, or asks to
        come back later.

    Raises
    ------
    UsageError
        No address or no key can be found.

    Notes
    -----
    Every method raises the service's own errors (`exitwave.schema.errors`), and
    `Unavailable` when the service does not answer. A call whose answer was lost is sent again;
    every submission carries an idempotency key, so that this never makes a second job.
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
        """Submit a reconstruction.

        Parameters
        ----------
        scan : str or int
            Scan uid, a unique prefix of one, or a scan_id (the newest scan wins).
        recipe : str
        overrides : mapping, optional
            Dotted keys under ``recipe.``, ``data.`` or ``geometry.``.
        priority : int
            0 (live) to 9 (lowest).
        tags : sequence of str
        start : str, optional
            Id of a succeeded job whose object and probe are the initial guess.
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
        """Submit the same reconstruction of up to 200 scans; arguments as `submit`.

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
        """End a running job now and keep its result: it succeeds, marked as not complete."""
        return self._run(job_calls.stop(job_id))

    def retry(self, job_id: str, idempotency_key: str | None = None) -> Job:
        """Submit the work of an ended job again: a new job, linked by ``spec.retry_of``."""
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
        """Submit the work of an ended job with changes: a new job with ``spec.retry_of``.

        Parameters
        ----------
        job_id : str
        overrides : mapping, optional
            Merged into the earlier job's; a value of None removes the earlier job's.
        recipe, priority, tags, start, idempotency_key : optional
            As `submit`; default the earlier job's.
        """
        return self._run(
            job_calls.rerun(job_id, recipe, overrides, priority, tags, start, idempotency_key)
        )

    def reprioritise(self, job_id: str, priority: int) -> Job:
        """Move a job in the queue: 0 (live) to 9 (lowest)."""
        return self._run(job_calls.patch(job_id, priority=priority))

    def pause(self, job_id: str) -> Job:
        """Pause a queued job; it keeps its place."""
        return self._run(job_calls.patch(job_id, paused=True))

    def resume(self, job_id: str) -> Job:
        """Resume a paused job."""
        return self._run(job_calls.patch(job_id, paused=False))

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended. Its result stays in Tiled."""
        return self._run(job_calls.delete(job_id))

    def frc(self, job_id: str) -> Job:
        """Submit the Fourier ring correlation of a succeeded job: its resolution.

        Returns
        -------
        Job
            A job of its own, of lowest priority, that reconstructs two halves of the data
            and compares them; its result's ``quality.frc`` holds the figures. Asking twice
            gives the same job.

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
            The worst verdict that is accepted.

        Raises
        ------
        TimeoutError
            It has not ended after `timeout_s`.
        VerdictNotMet
            The verdict is worse than `require`, or there is none.
        """
        if require is not None:
            check_required(require)
        poll = PollState(job_id, timeout_s)
        while True:
            found: Job | Unavailable | TooManyRequests
            try:
                found = self._run(job_calls.job(job_id), retry_timeout_s=0)
                if found.state.terminal:
                    if require is not None:
                        check_verdict(found, require)
                    return found
            except (Unavailable, TooManyRequests) as error:
                found = error
            sleep(poll.pause_s(found))

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
            Begin after the event of this id; ``"0"`` is the oldest one kept.
        on_reset : callable, optional
            Called where events are missing because the service no longer keeps them: list
            the jobs again. Default: a warning in the log.
        """
        stream = EventStreamState(self.connection, job_id, after, on_reset)
        while True:
            lost: Exception | None = None
            try:
                with connect_sse(self._http, **stream.arguments()) as source:
                    if not source.response.is_success:
                        source.response.read()
                        raise error_from_response(source.response)
                    for message in source.iter_sse():
                        if event := stream.read(message):
                            yield event
                            if stream.is_last(event):
                                return
            except (httpx.TransportError, Unavailable, TooManyRequests) as error:
                lost = error
            sleep(stream.pause_s(lost))

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
            self._stream(
                job_calls.result(job_id, "npz"), lambda answer: _write_answer(answer, file)
            )
            job = self.job(job_id)
            return run(arrays.read_result, job, file)

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
            with atomic_file(target) as file:
                _write_answer(answer, file)
            return target

        return self._stream(job_calls.result(job_id, format, plane), save)


def _write_answer(answer: httpx.Response, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()  # what a lost try left
    for part in answer.iter_bytes():
        file.write(part)
    file.seek(0)
