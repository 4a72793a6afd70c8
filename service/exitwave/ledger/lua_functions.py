"""The server-side functions, and whether the server has ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

from exitwave.schema.errors import LedgerUnavailable

NAME = "exitwave"
PARTS = (
    "keys",
    "records",
    "queue",
    "transitions",
    "workers",
    "submit",
    "claim",
    "attempt",
    "control",
    "reads",
    "register",
)
"""The files of ``lua/`` in the order in which the server reads them: a part uses what stands
before it."""


def _part(name: str) -> str:
    return resources.files("exitwave.ledger").joinpath("lua", f"{name}.lua").read_text("utf-8")


def _joined() -> str:
    # One source, since the server takes a library as one text; its functions are locals.
    return "\n".join([f"#!lua name={NAME}", *map(_part, PARTS)])


SOURCE = _joined()


def _version(source: str) -> int:
    found = re.search(r"^local VERSION = '(\d+)'$", source, re.MULTILINE)
    return int(found[1]) if found else 0


VERSION = _version(SOURCE)
"""Raised whenever functions or layout change so that programs of the last release could not
use them. A further field that may be missing is no such change."""

LIST_COMMAND = ("FUNCTION LIST", "LIBRARYNAME", NAME, "WITHCODE")


def load_command() -> tuple[str, str, str]:
    """The command that brings our functions to the server."""
    return ("FUNCTION LOAD", "REPLACE", SOURCE)


def must_load(listing: Sequence[Sequence[object]]) -> bool:
    """Whether our functions must be loaded, given the reply to `LIST_COMMAND`.

    Raises
    ------
    LedgerUnavailable
        The server holds the functions of a newer release.
    """
    if not listing:
        return True
    first = listing[0]
    fields = dict(zip(first[::2], first[1::2], strict=True))
    code = str(fields["library_code"])
    if (theirs := _version(code)) > VERSION:
        raise LedgerUnavailable(
            f"the queue speaks version {theirs} and this program version {VERSION}; "
            "update this program"
        )
    return code != SOURCE


def other_layout(layout: str | None, has_jobs: bool) -> str | None:
    """Why records of another release are refused; None: they are ours, or there are none.

    Parameters
    ----------
    layout : str, optional
        The version that the queue's records are marked with.
    has_jobs : bool
        Whether there are any; version 1 did not mark them.

    Returns
    -------
    str or None
    """
    found = layout or ("1" if has_jobs else str(VERSION))
    if found == str(VERSION):
        return None
    return (
        f"the queue's records: found version {found}; expected version {VERSION}, which this "
        "program speaks. Let the release that made them finish its jobs, or give this one "
        "another data_dir or ledger.prefix"
    )


def is_other_layout(error: Exception) -> bool:
    """Whether the server said that the queue's records are of another release."""
    return "EXITWAVELAYOUT" in str(error)


def is_missing(error: Exception) -> bool:
    """Whether the server said that it lacks our functions or has another version."""
    return "Function not found" in str(error) or "EXITWAVEVERSION" in str(error)
