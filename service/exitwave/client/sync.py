"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from httpx_sse import connect_sse

from exitwave.schema.errors import Unavailable
from exitwave.schema.job import Event, Job, JobPage, JobState
from exitwave.settings.connection import find_connection

from . import calls
from .calls import Call, Format
from .problems import check

T = TypeVar("T")


class Client:
    """The service, as Python functions.

    Parameters
    ----------
    url, api_key : str, optional
        Default: ``EXITWAVE_URL`` and ``EXITWAVE_API_KEY``, else the last ``exitwave up`` of
        this machine.

    Raises
    ------
    UsageError
        No address or no key can be found.

    Notes
    -----
    Every method raises the service's own errors (`exitwave.schema.errors`), and
    `Unavailable` when nobody answers. Lost answers are asked for again; a submission
    carries an idempotency key, so this never makes a second job.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        self.connection = find_connection(url, api_key)
        self._http = httpx.Client(
            base_url=self.connection.url,
            headers=calls.base_headers(self.connection),
            timeout=calls.TIMEOUT,
        )

    def submit(
        self,
        scan: str | int,
        recipe: str = "default",
        overrides: Mapping[str, Any] | None = None,
        priority: int = 5,
        tags: Sequence[str] = (),
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
        idempotency_key : str, optional
            The same key with the same request gives the same job again.
        """
        return self._run(calls.submit(scan, recipe, overrides, priority, tags, idempotency_key))

    def job(self, job_id: str) -> Job:
        """One job's whole record."""
        return self._run(calls.job(job_id))

    def jobs(
        self,
        state: JobState | str | None = None,
        scan: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """A page of jobs, newest first; its `cursor` gives the next page."""
        return self._run(calls.jobs(state, scan, limit, cursor))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: a queued one at once, a running one within a few seconds."""
        return self._run(calls.cancel(job_id))

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
        return self._run(calls.frc(job_id))

    def wait(self, job_id: str, timeout_s: float | None = None) -> Job:
        """Wait until a job has ended, however it ended.

        Raises
        ------
        TimeoutError
            It has not ended after `timeout_s`.
        """
        waiting = calls.Waiting(job_id, timeout_s)
        while True:
            found: Job | Unavailable
            try:
                found = self.job(job_id)
                if found.state.terminal:
                    return found
            except Unavailable as error:
                found = error
            time.sleep(waiting.pause_s(found))

    def events(self, job_id: str | None = None, after: str | None = None) -> Iterator[Event]:
        """Events as they happen; resumes by itself when the connection is lost.

        Parameters
        ----------
        job_id : str, optional
            Events of this job alone, from its first one on; ends when the job has ended.
            Default: of all jobs, from now on, without end.
        after : str
            Begin behind the event of this id; ``"0"`` is the oldest one kept.
        """
        listening = calls.Listening(self.connection, job_id, after)
        while True:
            try:
                with connect_sse(self._http, **listening.arguments()) as source:
                    if not source.response.is_success:
                        source.response.read()
                        check(source.response)
                    for message in source.iter_sse():
                        if event := listening.read(message):
                            yield event
                            if listening.is_last(event):
                                return
            except (httpx.TransportError, Unavailable) as error:
                listening.lost(error)
            time.sleep(calls.RECONNECT_S)

    def download(
        self, job_id: str, format: Format = "cxi", path: str | Path | None = None
    ) -> Path:
        """Fetch a result as a file.

        Parameters
        ----------
        job_id : str
        format : {"cxi", "npy", "png"}
            ``npy`` comes as a zip archive of ptycho_gui's tree, ``png`` is the phase.
        path : str or Path, optional
            File to write, or a folder to put it in; default this folder.

        Returns
        -------
        Path
            The file. It appears under its name only once it is whole.
        """
        url = f"{calls.job_path(job_id)}/result"
        try:
            with self._http.stream(
                "GET", url, params={"format": format}, timeout=calls.DOWNLOAD_TIMEOUT
            ) as response:
                if not response.is_success:
                    response.read()
                    check(response)
                target = calls.target_path(path, response)
                with calls.whole_file(target) as file:
                    for part in response.iter_bytes():
                        file.write(part)
        except httpx.TransportError as error:
            raise calls.unreachable(self.connection, error) from error
        return target

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, call: Call[T]) -> T:
        for pause_s in calls.PAUSES_S:
            try:
                return self._once(call)
            except Unavailable:
                time.sleep(pause_s)
        return self._once(call)

    def _once(self, call: Call[T]) -> T:
        try:
            response = self._http.send(call.request(self._http))
        except httpx.TransportError as error:
            raise calls.unreachable(self.connection, error) from error
        return call.read(response)
