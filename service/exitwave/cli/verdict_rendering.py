"""A verdict as names and lines of text, the verdict first."""

from __future__ import annotations

from collections.abc import Iterator

from exitwave.schema.verdict import Finding, Judgement, Preparation, Start, StartTried, Verdict

VERDICT_STYLES: dict[Judgement, str] = {
    "good": "green",
    "doubtful": "yellow",
    "no picture": "red",
}
"""Colours on a terminal; the word is always printed, too."""

Rows = list[tuple[str, str]]


def verdict_rows(
    verdict: Verdict | None, preparation: Preparation | None, start: Start | None
) -> Rows:
    """A name and a line for each thing that is known, the most important one first.

    The verdict, the rules behind it and their advice; the figures they used; what was left
    out of the fit and noted; the orientation; the initial guess.
    """
    return [
        *(_judgement_rows(verdict) if verdict else ()),
        *(_preparation_rows(preparation) if preparation else ()),
        *(_start_rows(start) if start else ()),
    ]


def _judgement_rows(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "verdict", verdict.verdict
    for finding in verdict.rules:
        yield from _finding_rows(finding)
    figures = {**verdict.figures}
    for finding in verdict.rules:
        figures |= finding.figures
    if figures:
        yield "figures", ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _finding_rows(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.says == "good":
        yield "remark", f"{finding.text} [{finding.rule}]"
    else:
        yield "because", f"{finding.text} [{finding.rule}: {finding.says}]"
    if finding.advice:
        yield "advice", finding.advice


def _preparation_rows(preparation: Preparation) -> Iterator[tuple[str, str]]:
    for left_out in preparation.left_out:
        yield "left out", left_out.text
    for note in preparation.notes:
        yield "note", note.text
    tried = sorted(preparation.orientations_tried, key=lambda one: one.loss)
    if preparation.orientation != "none" or tried:
        losses = ", ".join(f"{one.orientation} {one.loss:.4g}" for one in tried)
        yield "orientation", preparation.orientation + (f" (loss of {losses})" if tried else "")


def _start_rows(start: Start) -> Iterator[tuple[str, str]]:
    line = _start_text(start.chosen)
    if len(start.tried) > 1:
        line += f"; of {len(start.tried)} tried in {start.seconds:.2g} s"
    if start.runs > 1:
        line += f"; run {start.runs}: what ran before it found no picture"
    yield "began with", line


def _start_text(start: StartTried) -> str:
    """One initial guess, in words."""
    words: str = start.kind
    y_px2, x_px2 = start.defocus_y_px2, start.defocus_x_px2
    if y_px2 or x_px2:
        same = y_px2 == x_px2
        defocus = f"{y_px2:+.4g}" if same else f"{y_px2:+.4g} (y), {x_px2:+.4g} (x)"
        words += f" with a defocus of {defocus} px²"
    return words if start.loss is None else f"{words}, loss {start.loss:.4g}"
