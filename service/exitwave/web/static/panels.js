/** Picture panels: codes onto a BokehJS figure, with equal aspect and linked views. */

import { paint } from "./colour.js";
import { valueOf } from "./frame.js";

const MARGIN = 1.06;
const UM = 1e6;

/** @typedef {{x: number, y: number, scale: number}} View centre in µm, µm per screen px */
/** @typedef {{header: import("./frame.js").FrameHeader, codes: Uint16Array}} Shown a panel with a picture */

/** One plane of the picture. */
export class PicturePanel {
  /**
   * @param {any} document BokehJS document with all figures
   * @param {string} plane
   * @param {{usual: Uint32Array, cyclic: Uint32Array}} tables
   * @param {{usual: string[], cyclic: string[]}} palettes
   */
  constructor(document, plane, tables, palettes) {
    this.plane = plane;
    /** @type {any} */
    this.element = window.document.getElementById(`panel-${plane}`);
    this.figure = document.get_model_by_name(plane);
    this.source = document.get_model_by_name(`${plane}:source`);
    this.mapper = document.get_model_by_name(`${plane}:mapper`);
    this.tables = tables;
    this.palettes = palettes;
    // BokehJS wants its own array class, with a shape; the placeholder tells which.
    this.ImageArray = this.source.data.image[0].constructor;
    this.empty = this.source.data;
    /** @type {?import("./frame.js").FrameHeader} */
    this.header = null;
    /** @type {?Uint16Array} */
    this.codes = null;
    /** @type {"cyclic"|"usual"|undefined} */
    this.kind = undefined;
    this.viewChanged = () => {};
    /** @type {?PicturePanel} the panel whose view this one shares */
    this.leader = null;
    /** Whether the view is still the one that `fit` chose. */
    this.fitted = false;
    this.#keepAspect();
  }

  /** @param {import("./frame.js").FrameHeader} header @param {Uint16Array} codes */
  show(header, codes) {
    const kind = header.cyclic ? "cyclic" : "usual";
    const [height, width] = header.shape;
    const first = this.header === null || this.#extent(this.header) !== this.#extent(header);
    if (this.kind !== kind) {
      this.mapper.palette = this.palettes[kind];
      this.kind = kind;
    }
    this.header = header;
    this.codes = codes;
    const words = paint(codes, this.tables[kind]);
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
    if (this.leader === null && (first || (this.fitted && this.#grown()))) this.fit();
    this.element.dataset.epoch = String(header.epoch);
    this.element.dataset.version = String(header.version);
  }

  /** Take the picture away. */
  clear() {
    this.header = null;
    this.codes = null;
    this.source.data = this.empty;
    this.element.dataset.epoch = "0";
    this.element.dataset.version = "0";
  }

  /** Show the whole visited part, centred; of a probe its whole array. */
  fit() {
    if (this.leader !== null) return void this.leader.fit();
    if (this.header === null || !this.figure.inner_width) return;
    const { x0, x1, y0, y1 } = this.plane.startsWith("probe") ? this.#whole() : this.#visited();
    const { inner_width: width, inner_height: height } = this.figure;
    const scale = MARGIN * Math.max((x1 - x0) / width, (y1 - y0) / height);
    this.view = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale };
    this.viewChanged();
    this.fitted = true;
    return undefined;
  }

  /** Whether more was visited than the view shows. */
  #grown() {
    if (this.plane.startsWith("probe")) return false;
    const { x_range: xs, y_range: ys } = this.figure;
    const { x0, x1, y0, y1 } = this.#visited();
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
    this.setting = true; // our own change is not a user's
    xs.setv({ start: x - (scale * width) / 2, end: x + (scale * width) / 2 });
    ys.setv({ start: y + (scale * height) / 2, end: y - (scale * height) / 2 }); // rows grow down
    this.size = [width, height];
    this.setting = false;
  }

  /**
   * Value under a point; null outside the picture.
   * @param {number} x µm @param {number} y µm
   */
  valueAt(x, y) {
    if (this.header === null || this.codes === null) return null;
    const { shape, origin_m: origin, pixel_size_m: pixel } = this.header;
    const row = Math.floor((y / UM - origin[0]) / pixel);
    const column = Math.floor((x / UM - origin[1]) / pixel);
    if (row < 0 || column < 0 || row >= shape[0] || column >= shape[1]) return null;
    return { row, column, value: valueOf(this.header, this.codes[row * shape[1] + column]) };
  }

  /** @param {import("./frame.js").FrameHeader} header */
  #extent(header) {
    return [header.job, header.shape, header.pixel_size_m, header.origin_m].join();
  }

  /** Edges of what was visited, µm. */
  #visited() {
    const { header, codes } = /** @type {Shown} */ (this);
    const [height, width] = header.shape;
    let [top, bottom, left, right] = [height, -1, width, -1];
    for (let row = 0, i = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1, i += 1) {
        if (codes[i] === 0) continue;
        if (row < top) top = row;
        if (row > bottom) bottom = row;
        if (column < left) left = column;
        if (column > right) right = column;
      }
    }
    return bottom < 0 ? this.#whole() : this.#edges(top, bottom + 1, left, right + 1);
  }

  #whole() {
    const { header: { shape: [height, width] } } = /** @type {Shown} */ (this);
    return this.#edges(0, height, 0, width);
  }

  /** From pixels to µm. @param {number} top @param {number} bottom @param {number} left @param {number} right */
  #edges(top, bottom, left, right) {
    const { header: { origin_m: [y, x], pixel_size_m: pixel } } = /** @type {Shown} */ (this);
    return {
      y0: (y + top * pixel) * UM, y1: (y + bottom * pixel) * UM,
      x0: (x + left * pixel) * UM, x1: (x + right * pixel) * UM,
    };
  }

  /** A resized frame keeps centre and scale; a user's pan or zoom is told on. */
  #keepAspect() {
    const { figure } = this;
    const resized = () => {
      const { inner_width: width, inner_height: height } = figure;
      if (!width || !height || this.header === null) return;
      if (this.size === undefined) return void this.fit();
      const [oldWidth, oldHeight] = this.size;
      if (oldWidth === width && oldHeight === height) return;
      const { x, y } = this.view;
      const scale = (figure.x_range.end - figure.x_range.start) / oldWidth;
      const ratio = Math.min(oldWidth, oldHeight) / Math.min(width, height);
      this.view = { x, y, scale: scale * ratio };
      (this.leader ?? this).viewChanged();
    };
    figure.properties.inner_width.change.connect(resized);
    figure.properties.inner_height.change.connect(resized);
    const moved = () => {
      if (this.setting) return;
      (this.leader ?? this).fitted = false;
      this.viewChanged();
    };
    figure.x_range.properties.end.change.connect(moved);
    figure.y_range.properties.end.change.connect(moved);
    figure.on_event("doubletap", () => this.fit());
  }
}
