/** A picture with a button that fits it, and the values under the pointer in all its group. */

import { create } from "../dom.js";
import PicturePanel from "./picture.js";

const NOTHING = "\u00a0"; // keeps the line's height

export default class PictureWithReadout extends PicturePanel {
  /** @param {import("../panel_grid.js").PanelContext} context */
  constructor(context) {
    super(context);
    const fit = create("button", "fit", "Fit");
    fit.type = "button";
    fit.title = "Show the whole picture (or double-click it)";
    fit.addEventListener("click", () => this.fit());
    context.caption.append(fit);
    this.readout = create("output", "readout", NOTHING);
    this.readout.dataset.testid = "readout";
    context.element.append(this.readout);
    this.#readOut(this);
  }

  /** @param {PicturePanel} panel */
  addFollower(panel) {
    super.addFollower(panel);
    this.#readOut(panel);
  }

  /** Show the values under the pointer in a panel. @param {PicturePanel} panel */
  #readOut({ figure }) {
    figure.on_event("mousemove", (/** @type {{x: number, y: number}} */ { x, y }) => {
      this.readout.textContent = this.#valuesAt(x, y);
    });
    figure.on_event("mouseleave", () => { this.readout.textContent = NOTHING; });
  }

  /** @param {number} x µm @param {number} y µm */
  #valuesAt(x, y) {
    const own = this.valueAt(x, y);
    if (own === null || Number.isNaN(own)) return NOTHING;
    const texts = [this, ...this.followers].map((panel) => panel.textAt(x, y));
    return [`x ${x.toFixed(3)} µm`, `y ${y.toFixed(3)} µm`, ...texts].join("   ");
  }
}
