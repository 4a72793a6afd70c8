"""Removal of what jobs have left on a worker's disk, once they have ended.

Paths alone, so that the agent stays light; the engine process writes these files.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from exitwave.ledger import WorkerLedger
from exitwave.schema.errors import JobNotFound, LedgerCorrupt
from exitwave.settings.service import Settings

from ..protocol.paths import checkpoints_folder, spool_folder

_DAY_S = 86_400.0

_log = structlog.get_logger(__name__)


def remove_files_of(settings: Settings, job_id: str) -> None:
    """Remove checkpoints and spooled results of a job that has ended.

    Results that Tiled refused stay: their job's failure names them.
    """
    shutil.rmtree(checkpoints_folder(settings) / job_id, ignore_errors=True)
    for path in _spooled_results(settings):
        if _job_of(path) == job_id:
            path.unlink(missing_ok=True)


def remove_orphaned_files(settings: Settings, ledger: WorkerLedger) -> None:
    """Remove files of jobs that have ended, and whatever is older than `ledger.keep_days`.

    Another queue may use the same folder: its jobs are unknown here and only age.

    Raises
    ------
    LedgerUnavailable
        It is not known which jobs have ended.
    """
    folder = checkpoints_folder(settings)
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found |= {_job_of(path) for path in _spooled_results(settings)}
    for job_id in sorted(found):
        try:
            ended = ledger.get(job_id).state.terminal
        except (JobNotFound, LedgerCorrupt):
            ended = False
        if ended:
            remove_files_of(settings, job_id)
            _log.info("cleanup.job_removed", job_id=job_id)
    _remove_old(settings)


def _remove_old(settings: Settings) -> None:
    before_s = time.time() - settings.ledger.keep_days * _DAY_S
    for folder in (checkpoints_folder(settings), spool_folder(settings)):
        for path in folder.iterdir() if folder.is_dir() else ():
            if _modified_s(path) >= before_s:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            _log.info("cleanup.old_removed", path=str(path))


def _modified_s(path: Path) -> float:
    """When it was last written to; now, if another worker has just removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _spooled_results(settings: Settings) -> Iterator[Path]:
    return spool_folder(settings).glob("*-a*.npz")


def _job_of(path: Path) -> str:
    return path.name.rpartition("-a")[0]
