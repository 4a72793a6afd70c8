"""A bar of epochs, where the output is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def epoch_bar(name: str, epochs: int) -> Iterator[Callable[[int, float, int], None]]:
    """Draw a bar; call what this gives with each epoch's number, its loss, and their count."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("loss {task.fields[loss]}"),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task(name, total=epochs, loss="")
        yield lambda epoch, loss, epochs: bars.update(
            task, completed=epoch, total=epochs, loss=f"{loss:.4g}"
        )
