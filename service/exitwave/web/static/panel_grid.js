/**
 * The panels of the page: laid out from the table in `panels.py`, each drawn by its own
 * module of `panels/`, and given the frames of its plane.
 */

import { asset } from "./api.js";
import { lookupTable } from "./colours.js";
import { create } from "./dom.js";

/**
 * An entry of the table, whose attributes `panels.py` describes.
 * @typedef {object} PanelEntry
 * @property {string} name
 * @property {string} module
 * @property {string} plane
 * @property {string} title
 * @property {string} label
 * @property {string} remark
 * @property {?FigureEntry} figure
 * @property {"left"|"right"} column
 * @property {number} height
 * @property {?string} beside
 * @property {boolean} stamped
 * @property {string} unit         of the plane's values
 * @property {?string} colour_map  of the plane; null where it is no picture
 */
/**
 * What BokehJS draws in a panel.
 * @typedef {object} FigureEntry
 * @property {"picture"|"curve"} kind
 * @property {"visited"|"whole"} [fit]   of a picture
 * @property {?string} [moves_with]      of a picture
 * @property {string} [x]                of a curve: column of its source
 * @property {string} [y]                of a curve: column of its source
 */
/** @typedef {{palette: string[], table: Uint32Array}} Colours of a colour map, and by code */
/**
 * What a panel's class is made with.
 * @typedef {object} PanelContext
 * @property {PanelEntry} entry
 * @property {HTMLElement} element         the panel
 * @property {HTMLElement} caption         its title; `.unit` in it is the remark
 * @property {HTMLElement} plot            where its figure is, or what it draws itself
 * @property {(part?: string) => any} model  BokehJS model: the figure, or "source", "mapper"
 * @property {(colourMap: string) => Colours} colours
 * @property {(name: string) => any} panel   one that stands above in the table
 */
/** @typedef {import("./frame_codec.js").FrameHeader} FrameHeader */
/**
 * What a module of `panels/` exports by default makes one.
 * @typedef {object} Panel
 * @property {(header: FrameHeader, data: any) => void} show  draw a frame of the plane
 * @property {() => void} clear  show nothing: another job was selected
 */
/** @typedef {{entry: PanelEntry, element: HTMLElement, panel: Panel}} Placed a panel on the page */

export class PanelGrid {
  /** @type {Map<string, Placed>} by name */
  #placed = new Map();

  /**
   * Lay out and draw all panels, empty.
   * @param {HTMLElement} place @param {"dark"|"light"} theme
   */
  async build(place, theme) {
    const table = await asset(`/assets/panels.json?theme=${theme}`);
    /** @type {PanelEntry[]} */
    const entries = table.panels;
    // Only what the table names is imported: its entries are files of this server.
    const modules = await Promise.all(
      entries.map(({ module }) => import(`/static/panels/${module}.js`)),
    );
    const elements = layOut(place, entries);
    const views = await window.Bokeh.embed.embed_items(table.docs_json, table.render_items);
    const { document: figures } = [...views[0].roots][0].model;
    const colours = Object.fromEntries(
      Object.entries(/** @type {Record<string, string[]>} */ (table.palettes)).map(
        ([name, palette]) => [name, { palette, table: lookupTable(palette) }],
      ),
    );
    entries.forEach((entry, index) => {
      const { element, caption, plot } = elements[index];
      const panel = new modules[index].default(/** @type {PanelContext} */ ({
        entry,
        element,
        caption,
        plot,
        model: (part) => figures.get_model_by_name(part ? `${entry.name}:${part}` : entry.name),
        colours: (name) => colours[name],
        panel: (name) => this.#placed.get(name)?.panel,
      }));
      this.#placed.set(entry.name, { entry, element, panel });
    });
  }

  /** Planes whose frames the panels show. @returns {string[]} */
  get planes() {
    return [...new Set([...this.#placed.values()].map(({ entry }) => entry.plane))];
  }

  /** Give a frame to all panels of its plane. @param {FrameHeader} header @param {any} data */
  show(header, data) {
    for (const { entry, element, panel } of this.#placed.values()) {
      if (entry.plane !== header.plane) continue;
      panel.show(header, data);
      mark(element, header.epoch, header.version);
    }
  }

  /** Take all pictures and curves away. */
  clear() {
    for (const { element, panel } of this.#placed.values()) {
      panel.clear();
      mark(element, 0, 0);
    }
  }
}

/** Say which epoch a panel shows. @param {HTMLElement} element @param {number} epoch @param {number} version */
function mark(element, epoch, version) {
  element.dataset.epoch = String(epoch);
  element.dataset.version = String(version);
}

/**
 * Two columns of rows; panels that stand beside each other share a row.
 * @param {HTMLElement} place @param {PanelEntry[]} entries
 */
function layOut(place, entries) {
  const columns = { left: create("div", "column left"), right: create("div", "column") };
  /** @type {Map<string, HTMLElement>} */
  const rows = new Map();
  place.replaceChildren(columns.left, columns.right);
  return entries.map((entry) => {
    let row = entry.beside === null ? undefined : rows.get(entry.beside);
    if (row === undefined) {
      row = create("div", "panel-row");
      row.style.flexGrow = String(entry.height);
      columns[entry.column].append(row);
    }
    rows.set(entry.name, row);
    const made = panelElement(entry);
    row.append(made.element);
    return made;
  });
}

/** @param {PanelEntry} entry */
function panelElement({ name, title, label, remark, figure, stamped }) {
  const element = create("figure", "panel");
  element.id = `panel-${name}`;
  element.dataset.testid = name;
  element.dataset.figure = figure?.kind ?? "";
  mark(element, 0, 0);
  const caption = create("figcaption");
  caption.append(create("b", "", title), create("span", "unit", remark));
  const plot = create("div", "plot");
  plot.id = `figure-${name}`;
  plot.role = "img";
  plot.ariaLabel = label;
  element.append(caption, plot);
  if (stamped) {
    const stamp = create("span", "stamp");
    stamp.role = "note";
    stamp.hidden = true;
    element.append(stamp);
  }
  return { element, caption, plot };
}
