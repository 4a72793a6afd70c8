"""The dashboard's figures, built in Python and drawn by BokehJS in the page.

Figures start empty: the page puts pictures and curves into their sources as they arrive. It
finds everything by name: ``<panel>`` is the figure of a panel, ``<panel>:source`` what it
draws, ``<panel>:mapper`` the colours of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.models.annotations import ColorBar, ScaleBar
from bokeh.models.tickers import BasicTicker, LogTicker
from bokeh.plotting import figure

from exitwave.files.colours import palette
from exitwave.files.display import COLOUR_MAPS
from exitwave.schema.result import FramePlane

Theme = Literal["dark", "light"]

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


@dataclass(frozen=True, slots=True)
class PictureFigure:
    """A picture: µm axes, rows growing downwards, a colour bar.

    Attributes
    ----------
    compact : bool
        For a small panel: fewer ticks, short axis labels.
    scale_bar : bool
        With a scale bar on the picture.
    fit : {"visited", "whole"}
        What is in view at first: the visited part, or the whole array.
    moves_with : str, optional
        Name of the panel, above in the table, whose view it follows and moves.
    """

    kind: ClassVar = "picture"
    compact: bool = False
    scale_bar: bool = False
    fit: Literal["visited", "whole"] = "visited"
    moves_with: str | None = None

    def plot(self, name: str, plane: FramePlane, theme: Theme) -> figure:
        """The BokehJS figure, in the colours of a plane."""
        plot = figure(
            name=name,
            sizing_mode="stretch_both",
            x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=1, end=0),
            tools="pan,wheel_zoom",
            active_scroll="wheel_zoom",
            toolbar_location=None,
            x_axis_label="µm" if self.compact else "x (µm)",
            y_axis_label=None if self.compact else "y (µm)",
            min_border=4,
        )
        source = ColumnDataSource(
            {"image": [np.zeros((1, 1), np.uint32)], "x": [0], "y": [0], "dw": [0], "dh": [0]},
            name=f"{name}:source",
        )
        plot.image_rgba("image", source=source, x="x", y="y", dw="dw", dh="dh")
        plot.add_layout(self._colour_bar(name, plane, theme), "right")
        if self.scale_bar:
            plot.add_layout(_scale_bar(plot))
        _dress(plot, theme)
        plot.grid.visible = False
        for axis in plot.axis:
            axis.ticker = BasicTicker(desired_num_ticks=3 if self.compact else 6)
        return plot

    def _colour_bar(self, name: str, plane: FramePlane, theme: Theme) -> ColorBar:
        colours = _COLOURS[theme]
        mapper = LinearColorMapper(
            name=f"{name}:mapper", palette=palette(COLOUR_MAPS[plane]), low=0, high=1
        )
        return ColorBar(
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
            ticker=BasicTicker(desired_num_ticks=3 if self.compact else 5),
        )


@dataclass(frozen=True, slots=True)
class CurveFigure:
    """A curve of `y` over `x`, which are the columns of its source and the axes' labels."""

    kind: ClassVar = "curve"
    x: str
    y: str
    logarithmic: bool = False

    def plot(self, name: str, plane: FramePlane, theme: Theme) -> figure:
        """The BokehJS figure; a curve has no colours of its plane."""
        colours = _COLOURS[theme]
        plot = figure(
            name=name,
            sizing_mode="stretch_both",
            y_axis_type="log" if self.logarithmic else "linear",
            tools="pan,wheel_zoom",
            toolbar_location=None,
            x_axis_label=self.x,
            y_axis_label=self.y,
            min_border=4,
        )
        # One point draws no line, but spares a logarithmic axis an empty range.
        source = ColumnDataSource({self.x: [0], self.y: [1]}, name=f"{name}:source")
        plot.line(self.x, self.y, source=source, line_width=2.5, line_color=colours["curve"])
        _dress(plot, theme)
        ticker = LogTicker if self.logarithmic else BasicTicker
        plot.yaxis.ticker = plot.ygrid.ticker = ticker(desired_num_ticks=4)
        plot.grid.grid_line_color = colours["line"]
        plot.grid.grid_line_alpha = 0.5
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
