"""The command line in this process, which is faster than a new one for each command."""

from __future__ import annotations

import sys

import pytest

from exitwave.cli import main


def run_command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int | str | None:
    """The exit code of ``exitwave WORDS``."""
    monkeypatch.setattr(sys, "argv", ["exitwave", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return caught.value.code
