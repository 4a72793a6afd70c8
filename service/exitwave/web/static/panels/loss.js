/** The loss over epochs. */

import { within } from "../dom.js";

export default class LossPanel {
  /** @param {import("../panel_grid.js").PanelContext} context */
  constructor({ caption, model }) {
    this.newest = within(caption, ".unit");
    this.source = model("source");
  }

  /**
   * @param {import("../frame_codec.js").FrameHeader} _header
   * @param {Float32Array} rows epoch and loss, alternating
   */
  show(_header, rows) {
    if (rows.length === 0) {
      this.clear();
      return;
    }
    const epoch = [];
    const loss = [];
    for (let i = 0; i < rows.length; i += 2) {
      epoch.push(rows[i]);
      loss.push(rows[i + 1]);
    }
    this.source.data = { epoch, loss };
    this.newest.textContent = loss[loss.length - 1].toPrecision(4);
  }

  clear() {
    this.source.data = { epoch: [0], loss: [1] }; // draws nothing, as at the start
    this.newest.textContent = "";
  }
}
