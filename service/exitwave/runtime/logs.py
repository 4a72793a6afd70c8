"""Logging of the service's processes: one logfmt line per event on standard error.

A key that found its way into a line, in a path for example, loses its secret part here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import WrappedLogger

from exitwave.schema.access import without_keys


def configure_logging(level: str) -> None:
    """Set up structlog; other libraries' warnings come in the same shape.

    Parameters
    ----------
    level : str
        debug, info, warning or error.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    logfmt = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])

    def renderer(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> str:
        return without_keys(logfmt(logger, method, event))

    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
