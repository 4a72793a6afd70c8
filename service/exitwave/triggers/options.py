"""Settings that only one event source has: ``trigger.options``, checked by the source."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from exitwave.schema.errors import UsageError
from exitwave.schema.strict import StrictModel
from exitwave.settings.service import Settings

Options = TypeVar("Options", bound=StrictModel)


class NoOptions(StrictModel):
    """Of a source that needs none."""


def read_options(model: type[Options], settings: Settings) -> Options:
    """The setting ``trigger.options`` as a model of the source's.

    Raises
    ------
    UsageError
        A key is unknown, missing or out of range; the message names it.
    """
    try:
        return model.model_validate(settings.trigger.options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("trigger.options", *first["loc"])))
        raise UsageError(
            f"setting {key}: found {first['input']!r}; {first['msg']} (source "
            f"{settings.trigger.source})"
        ) from None
