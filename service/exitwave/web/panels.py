"""The table of the dashboard's panels, in the order in which they are laid out.

Python builds a panel's figure from its entry; the page gets the entries as JSON, with the
figures and the palettes, lays the panels out and imports their modules: this table is the
list of all modules that it may import.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from bokeh.document import Document
from bokeh.embed.util import standalone_docs_json_and_render_items

from exitwave.files.colours import palette
from exitwave.files.display import COLOUR_MAPS, CYCLIC, UNITS
from exitwave.schema.result import (
    LOSS_CURVE,
    OBJECT_AMPLITUDE,
    OBJECT_PHASE,
    PROBE_AMPLITUDE,
    PROBE_PHASE,
    FramePlane,
)

from .figures import CurveFigure, PictureFigure, Theme


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """An entry of the table.

    Attributes
    ----------
    name : str
        Of the panel on the page and of its figure: letters, digits, underscores.
    module : str
        The ES module ``static/panels/<module>.js``. Its default export is a class, made once
        with a ``PanelContext`` (``static/panel_grid.js``), with ``show(header, data)`` for each
        frame of the plane and ``clear()`` for another job.
    plane : FramePlane
        The plane whose frames it is given; several panels may share one.
    title : str
        Above the figure.
    label : str
        What the panel shows, for screen readers.
    remark : str
        Beside the title, quieter: a unit.
    figure : PictureFigure or CurveFigure, optional
        What BokehJS draws. None: the module draws into the panel's element itself.
    column : {"left", "right"}
        The left one is wider, for what is to be seen large.
    height : float
        Share of the column, relative to those of the column's other rows.
    beside : str, optional
        Name of the panel, above in this table, whose row it shares; `height` is that row's.
    stamped : bool
        Shows the verdict where it is not good.
    """

    name: str
    module: str
    plane: FramePlane
    title: str
    label: str
    remark: str = ""
    figure: PictureFigure | CurveFigure | None = None
    column: Literal["left", "right"] = "right"
    height: float = 1.0
    beside: str | None = None
    stamped: bool = False


PANELS: tuple[Panel, ...] = (
    Panel(
        name=OBJECT_PHASE,
        module="picture_with_readout",
        plane=OBJECT_PHASE,
        title="Object phase",
        label="Object phase in radians",
        remark=f"{UNITS[OBJECT_PHASE]}, ramp and piston removed",
        figure=PictureFigure(scale_bar=True),
        column="left",
        stamped=True,
    ),
    Panel(
        name=OBJECT_AMPLITUDE,
        module="picture",
        plane=OBJECT_AMPLITUDE,
        title="Object amplitude",
        label="Object amplitude",
        figure=PictureFigure(moves_with=OBJECT_PHASE),
        height=1.4,
        stamped=True,
    ),
    Panel(
        name=PROBE_AMPLITUDE,
        module="picture",
        plane=PROBE_AMPLITUDE,
        title="Probe amplitude",
        label="Probe amplitude",
        remark=UNITS[PROBE_AMPLITUDE],
        figure=PictureFigure(compact=True, fit="whole"),
    ),
    Panel(
        name=PROBE_PHASE,
        module="picture",
        plane=PROBE_PHASE,
        title="Probe phase",
        label="Probe phase in radians",
        remark=UNITS[PROBE_PHASE],
        figure=PictureFigure(compact=True, fit="whole", moves_with=PROBE_AMPLITUDE),
        beside=PROBE_AMPLITUDE,
    ),
    Panel(
        name=LOSS_CURVE,
        module="loss",
        plane=LOSS_CURVE,
        title="Loss",
        label="Loss over epochs",
        figure=CurveFigure(x="epoch", y="loss", logarithmic=True),
        height=0.85,
    ),
)


def panels_json(theme: Theme) -> dict[str, Any]:
    """All that the page needs to lay out and draw the panels.

    Returns
    -------
    dict
        ``panels``: the entries of the table, with unit and colour map of their planes.
        ``palettes``: 256 colours each, by colour map. ``docs_json`` and ``render_items`` for
        ``Bokeh.embed.embed_items``: each figure goes into the page's element
        ``figure-<name>``.
    """
    plots = {
        panel.name: panel.figure.plot(panel.name, panel.plane, theme)
        for panel in PANELS
        if panel.figure is not None
    }
    document = Document()
    for plot in plots.values():
        document.add_root(plot)
    documents, items = standalone_docs_json_and_render_items(list(plots.values()))
    rendered = [item.to_json() for item in items]
    for item in rendered:
        item["roots"] = {plot.id: f"figure-{name}" for name, plot in plots.items()}
    return {
        "panels": [_entry(panel) for panel in PANELS],
        "palettes": {name: palette(name) for name in sorted({*COLOUR_MAPS.values(), CYCLIC})},
        "docs_json": documents,
        "render_items": rendered,
    }


def _entry(panel: Panel) -> dict[str, Any]:
    kind = None if panel.figure is None else panel.figure.kind
    figure = None if panel.figure is None else {"kind": kind, **asdict(panel.figure)}
    colour_map = COLOUR_MAPS.get(panel.plane)
    return {
        **asdict(panel),
        "figure": figure,
        "unit": UNITS[panel.plane],
        "colour_map": colour_map,
    }
