"""Commands whose parts come with an extra of the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from exitwave.schema.errors import UsageError

Extra = Literal["service", "worker", "demo"]


@contextmanager
def needs(extra: Extra) -> Iterator[None]:
    """Around a command's own imports: a missing module becomes one clear line.

    Raises
    ------
    UsageError
        A module is missing that `extra` brings; the message tells how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("exitwave"):
            raise
        raise UsageError(
            f"this command needs the `{extra}` extra (no module named {error.name!r}): "
            f"pip install 'exitwave[{extra}]'"
        ) from None
