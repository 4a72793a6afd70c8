/** A picture plane: codes onto a BokehJS figure, with equal aspect and linked views. */

import { colourCodes } from "../colours.js";
import { valueOf } from "../frame_codec.js";
import { shareView } from "../linked_views.js";
import { UM, visitedEdges, wholeEdges } from "../picture_edges.js";

const MARGIN = 1.06;

/** @typedef {import("../frame_codec.js").FrameHeader} FrameHeader */
/** @typedef {{x: number, y: number, scale: number}} View centre in µm, µm per screen px */

export default class PicturePanel {
  /** @param {import("../panel_grid.js").PanelContext} context */
  constructor({ entry, model, colours, panel }) {
    this.entry = entry;
    this.colours = colours;
    this.figure = model();
    this.source = model("source");
    this.mapper = model("mapper");
    // BokehJS wants its own array class, with a shape; the placeholder tells which.
    this.ImageArray = this.source.data.image[0].constructor;
    this.empty = this.source.data;
    /** @type {?FrameHeader} */
    this.header = null;
    /** @type {?Uint16Array} */
    this.codes = null;
    /** @type {?string} name of the colour map in use */
    this.colourMap = null;
    /** @type {PicturePanel[]} the panels that share this one's view */
    this.followers = [];
    /** @type {?PicturePanel} the panel whose view this one shares */
    this.leader = entry.figure?.moves_with ? panel(entry.figure.moves_with) : null;
    this.leader?.addFollower(this);
    /** Whether the view is still the one that `fit` chose. */
    this.isFitted = false;
    /** Whether the view changes by our own doing, not by a user's. */
    this.isSettingView = false;
    this.#keepAspect();
  }

  /** @param {PicturePanel} panel that shares this one's view from now on */
  addFollower(panel) {
    this.followers.push(panel);
  }

  /** @param {FrameHeader} header @param {Uint16Array} codes */
  show(header, codes) {
    const colourMap = header.cyclic ? "cyclic" : String(this.entry.colour_map);
    const { palette, table } = this.colours(colourMap);
    const [height, width] = header.shape;
    const first = this.header === null || this.#extent(this.header) !== this.#extent(header);
    if (this.colourMap !== colourMap) {
      this.mapper.palette = palette;
      this.colourMap = colourMap;
    }
    this.header = header;
    this.codes = codes;
    const words = colourCodes(codes, table);
    const [y, x] = header.origin_m.map((metres) => metres * UM);
    const pixel = header.pixel_size_m * UM;
    this.source.data = {
      image: [new this.ImageArray(words.buffer, [height, width])],
      x: [x],
      y: [y],
      dw: [width * pixel],
      dh: [height * pixel],
    };
    this.mapper.setv({ low: header.lo, high: header.hi });
    if (this.leader === null && (first || (this.isFitted && this.#hasGrown(header, codes)))) this.fit();
  }

  /** Take the picture away. */
  clear() {
    this.header = null;
    this.codes = null;
    this.source.data = this.empty;
  }

  /** Show all that was visited, centred, or the whole array: what the table says. */
  fit() {
    if (this.leader !== null) {
      this.leader.fit();
      return;
    }
    const { header, codes } = this;
    if (header === null || codes === null || !this.figure.inner_width) return;
    const { x0, x1, y0, y1 } = this.#showsWhole ? wholeEdges(header) : visitedEdges(header, codes);
    const { inner_width: width, inner_height: height } = this.figure;
    const scale = MARGIN * Math.max((x1 - x0) / width, (y1 - y0) / height);
    this.view = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale };
    shareView(this);
    this.isFitted = true;
  }

  get #showsWhole() {
    return this.entry.figure?.fit === "whole";
  }

  /** Whether more was visited than the view shows. @param {FrameHeader} header @param {Uint16Array} codes */
  #hasGrown(header, codes) {
    if (this.#showsWhole) return false;
    const { x_range: xs, y_range: ys } = this.figure;
    const { x0, x1, y0, y1 } = visitedEdges(header, codes);
    return x0 < xs.start || x1 > xs.end || y0 < ys.end || y1 > ys.start;
  }

  /** @returns {View} */
  get view() {
    const { x_range: xs, y_range: ys, inner_width: width } = this.figure;
    return {
      x: (xs.start + xs.end) / 2,
      y: (ys.start + ys.end) / 2,
      scale: (xs.end - xs.start) / width,
    };
  }

  /** @param {View} view */
  set view({ x, y, scale }) {
    const { x_range: xs, y_range: ys, inner_width: width, inner_height: height } = this.figure;
    this.isSettingView = true;
    xs.setv({ start: x - (scale * width) / 2, end: x + (scale * width) / 2 });
    ys.setv({ start: y + (scale * height) / 2, end: y - (scale * height) / 2 }); // rows grow down
    this.size = [width, height];
    this.isSettingView = false;
  }

  /**
   * Value under a point: null outside the picture, NaN where not visited.
   * @param {number} x µm @param {number} y µm
   */
  valueAt(x, y) {
    if (this.header === null || this.codes === null) return null;
    const { shape, origin_m: origin, pixel_size_m: pixel } = this.header;
    const row = Math.floor((y / UM - origin[0]) / pixel);
    const column = Math.floor((x / UM - origin[1]) / pixel);
    if (row < 0 || column < 0 || row >= shape[0] || column >= shape[1]) return null;
    return valueOf(this.header, this.codes[row * shape[1] + column]);
  }

  /** The same for people, with name and unit. @param {number} x µm @param {number} y µm */
  textAt(x, y) {
    const { title, unit } = this.entry;
    return `${title.toLowerCase()} ${this.valueAt(x, y)?.toFixed(3) ?? "–"} ${unit}`.trimEnd();
  }

  /** @param {FrameHeader} header */
  #extent(header) {
    return [header.job, header.shape, header.pixel_size_m, header.origin_m].join();
  }

  /** A resized figure keeps centre and scale; panels that share the view follow a user. */
  #keepAspect() {
    const { figure } = this;
    const resized = () => {
      const { inner_width: width, inner_height: height } = figure;
      // Without a picture, too: a follower may have the view before its own first frame.
      if (!width || !height) return;
      if (this.size === undefined) {
        this.fit();
        return;
      }
      const [oldWidth, oldHeight] = this.size;
      if (oldWidth === width && oldHeight === height) return;
      const { x, y } = this.view;
      const scale = (figure.x_range.end - figure.x_range.start) / oldWidth;
      const ratio = Math.min(oldWidth, oldHeight) / Math.min(width, height);
      this.view = { x, y, scale: scale * ratio };
      shareView(this.leader ?? this);
    };
    figure.properties.inner_width.change.connect(resized);
    figure.properties.inner_height.change.connect(resized);
    const moved = () => {
      if (this.isSettingView) return;
      (this.leader ?? this).isFitted = false;
      shareView(this);
    };
    figure.x_range.properties.end.change.connect(moved);
    figure.y_range.properties.end.change.connect(moved);
    figure.on_event("doubletap", () => this.fit());
  }
}
