"""The dashboard's figures, built in Python and drawn by BokehJS in the page.

Figures start empty: the page puts pictures and curves into their sources as they arrive.
It finds everything by name: of each picture plane ``<plane>`` (the figure), ``:source``,
``:mapper``; ``loss`` and ``loss:source``.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from bokeh.document import Document
from bokeh.embed.util import standalone_docs_json_and_render_items
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.models.annotations import ColorBar, ScaleBar
from bokeh.models.tickers import BasicTicker, LogTicker
from bokeh.plotting import figure

from exitwave.schema.result import (
    LOSS_CURVE,
    OBJECT_AMPLITUDE,
    OBJECT_PHASE,
    PROBE_AMPLITUDE,
    PROBE_PHASE,
)

from .colours import Table, palette

Theme = Literal["dark", "light"]

PICTURES: dict[str, Table] = {
    OBJECT_PHASE: "phase",
    OBJECT_AMPLITUDE: "amplitude",
    PROBE_AMPLITUDE: "amplitude",
    PROBE_PHASE: "cyclic",
}
"""Picture planes and the colours they start with."""

_COLOURS: dict[Theme, dict[str, str]] = {
    "dark": {
        "ink": "#aeb9c7",
        "line": "#3a4552",
        "field": "#1a212a",
        "panel": "#141a22",
        "curve": "#6cb6ff",
    },
    "light": {
        "ink": "#3d4754",
        "line": "#c3cad3",
        "field": "#eceff3",
        "panel": "#ffffff",
        "curve": "#0b63c5",
    },
}
_FONT = "system-ui, 'DejaVu Sans', sans-serif"


def figures_json(theme: Theme) -> dict[str, Any]:
    """All figures in one BokehJS document.

    Returns
    -------
    dict
        ``docs_json`` and ``render_items`` for ``Bokeh.embed.embed_items``; each figure
        goes into the page's element ``figure-<name>``.
    """
    plots = {plane: _picture(plane, theme) for plane in PICTURES} | {LOSS_CURVE: _loss(theme)}
    document = Document()
    for plot in plots.values():
        document.add_root(plot)
    documents, items = standalone_docs_json_and_render_items(list(plots.values()))
    rendered = [item.to_json() for item in items]
    places = {plot.id: f"figure-{name}" for name, plot in plots.items()}
    for item in rendered:
        item["roots"] = places
    return {"docs_json": documents, "render_items": rendered}


def _picture(plane: str, theme: Theme) -> figure:
    """One picture panel: µm axes, rows growing downwards, a colour bar, a scale bar."""
    colours = _COLOURS[theme]
    small = plane.startswith("probe")
    plot = figure(
        name=plane,
        sizing_mode="stretch_both",
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=1, end=0),
        tools="pan,wheel_zoom",
        active_scroll="wheel_zoom",
        toolbar_location=None,
        x_axis_label="µm" if small else "x (µm)",
        y_axis_label=None if small else "y (µm)",
        min_border=4,
    )
    source = ColumnDataSource(
        {"image": [np.zeros((1, 1), np.uint32)], "x": [0], "y": [0], "dw": [0], "dh": [0]},
        name=f"{plane}:source",
    )
    plot.image_rgba("image", source=source, x="x", y="y", dw="dw", dh="dh")
    mapper = LinearColorMapper(
        name=f"{plane}:mapper", palette=palette(PICTURES[plane]), low=0, high=1
    )
    plot.add_layout(
        ColorBar(
            color_mapper=mapper,
            width=12,
            padding=8,
            label_standoff=6,
            background_fill_color=None,
            bar_line_color=colours["line"],
            major_tick_line_color=colours["ink"],
            major_label_text_color=colours["ink"],
            major_label_text_font=_FONT,
            major_label_text_font_size="13px",
            ticker=BasicTicker(desired_num_ticks=3 if small else 5),
        ),
        "right",
    )
    if plane == OBJECT_PHASE:
        plot.add_layout(_scale_bar(plot))
    _dress(plot, theme)
    plot.grid.visible = False
    for axis in plot.axis:
        axis.ticker = BasicTicker(desired_num_ticks=3 if small else 6)
    return plot


def _scale_bar(plot: figure) -> ScaleBar:
    return ScaleBar(
        range=plot.x_range,
        unit="µm",
        location="bottom_left",
        margin=14,
        background_fill_color="#000000",
        background_fill_alpha=0.45,
        border_line_color=None,
        bar_line_color="#ffffff",
        bar_line_width=3,
        label_text_color="#ffffff",
        label_text_font=_FONT,
        label_text_font_size="13px",
    )


def _loss(theme: Theme) -> figure:
    colours = _COLOURS[theme]
    plot = figure(
        name=LOSS_CURVE,
        sizing_mode="stretch_both",
        y_axis_type="log",
        tools="pan,wheel_zoom",
        toolbar_location=None,
        x_axis_label="epoch",
        y_axis_label="loss",
        min_border=4,
    )
    # One point draws no line, but spares the logarithmic axis an empty range.
    source = ColumnDataSource({"epoch": [0], "loss": [1]}, name=f"{LOSS_CURVE}:source")
    plot.line("epoch", "loss", source=source, line_width=2.5, line_color=colours["curve"])
    _dress(plot, theme)
    plot.yaxis.ticker = plot.ygrid.ticker = LogTicker(desired_num_ticks=4)
    plot.grid.grid_line_color = colours["line"]
    plot.grid.grid_line_alpha = 0.5
    return plot


def _dress(plot: figure, theme: Theme) -> None:
    colours = _COLOURS[theme]
    plot.background_fill_color = colours["field"]
    # Not transparent: labels that move would leave traces.
    plot.border_fill_color = colours["panel"]
    plot.outline_line_color = colours["line"]
    for axis in plot.axis:
        axis.axis_line_color = None
        axis.major_tick_line_color = colours["line"]
        axis.minor_tick_line_color = None
        axis.major_label_text_color = colours["ink"]
        axis.major_label_text_font = _FONT
        axis.major_label_text_font_size = "13px"
        axis.axis_label_text_color = colours["ink"]
        axis.axis_label_text_font = _FONT
        axis.axis_label_text_font_size = "14px"
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_standoff = 4
