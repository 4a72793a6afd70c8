"""Formats that results are written to.

What belongs here: one file for each format, and `registry`, which lists them. What does not:
what a result holds (`exitwave.files.reconstruction`), and CXI itself, which holds scans and
results and is read again (`exitwave.files.cxi`). Names and descriptions that client and command
line show are in `exitwave.schema.result_formats`.
"""

from .protocol import ExportOptions, ResultWriter
from .registry import RESULT_WRITERS

__all__ = ["RESULT_WRITERS", "ExportOptions", "ResultWriter"]
