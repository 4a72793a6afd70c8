"""A verdict as people read it: names and lines, the verdict first."""

from __future__ import annotations

from collections.abc import Iterator

from exitwave.schema.verdict import Finding, Judgement, Preparation, Start, StartTried, Verdict

VERDICT_STYLES: dict[Judgement, str] = {
    "good": "green",
    "doubtful": "yellow",
    "no picture": "red",
}
"""Colours on a terminal; the word is always there, too."""

Rows = list[tuple[str, str]]


def verdict_rows(
    verdict: Verdict | None, preparation: Preparation | None, start: Start | None
) -> Rows:
    """A name and a line for each thing that is known, in the order to be read.

    Whether there is a picture, which rules say so and what to do; the figures they looked
    at; what was left out and noticed; how the positions were turned; where the run began.
    """
    return [
        *(_judged(verdict) if verdict else ()),
        *(_prepared(preparation) if preparation else ()),
        *(_begun(start) if start else ()),
    ]


def _judged(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "verdict", verdict.verdict
    for finding in verdict.rules:
        yield from _found(finding)
    figures = {**verdict.figures}
    for finding in verdict.rules:
        figures |= finding.figures
    if figures:
        yield "figures", ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _found(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.says == "good":
        yield "remark", f"{finding.text} [{finding.rule}]"
    else:
        yield "because", f"{finding.text} [{finding.rule}: {finding.says}]"
    if finding.advice:
        yield "advice", finding.advice


def _prepared(preparation: Preparation) -> Iterator[tuple[str, str]]:
    for left_out in preparation.left_out:
        yield "left out", left_out.text
    for note in preparation.notes:
        yield "note", note.text
    tried = sorted(preparation.orientations_tried, key=lambda one: one.loss)
    if preparation.orientation != "none" or tried:
        losses = ", ".join(f"{one.orientation} {one.loss:.4g}" for one in tried)
        yield "orientation", preparation.orientation + (f" (loss of {losses})" if tried else "")


def _begun(start: Start) -> Iterator[tuple[str, str]]:
    line = _place(start.chosen)
    if len(start.tried) > 1:
        line += f"; of {len(start.tried)} tried in {start.seconds:.2g} s"
    if start.runs > 1:
        line += f"; run {start.runs}: what ran before it found no picture"
    yield "began with", line


def _place(start: StartTried) -> str:
    """One place to begin, in words."""
    words: str = start.kind
    y_px2, x_px2 = start.defocus_y_px2, start.defocus_x_px2
    if y_px2 or x_px2:
        same = y_px2 == x_px2
        defocus = f"{y_px2:+.4g}" if same else f"{y_px2:+.4g} (y), {x_px2:+.4g} (x)"
        words += f" with a defocus of {defocus} px²"
    return words if start.loss is None else f"{words}, loss {start.loss:.4g}"
