/** The loss curve. */

export class LossPanel {
  /** @param {any} document BokehJS document with all figures */
  constructor(document) {
    /** @type {any} */
    this.element = window.document.getElementById("panel-loss");
    /** @type {any} */
    this.now = window.document.getElementById("loss-now");
    this.source = document.get_model_by_name("loss:source");
  }

  /**
   * @param {import("./frame.js").FrameHeader} header
   * @param {Float32Array} rows epoch and loss, alternating
   */
  show(header, rows) {
    if (rows.length === 0) return void this.clear();
    const epoch = [];
    const loss = [];
    for (let i = 0; i < rows.length; i += 2) {
      epoch.push(rows[i]);
      loss.push(rows[i + 1]);
    }
    this.source.data = { epoch, loss };
    this.element.dataset.epoch = String(header.epoch);
    this.now.textContent = loss[loss.length - 1].toPrecision(4);
    return undefined;
  }

  clear() {
    this.source.data = { epoch: [0], loss: [1] }; // draws nothing, as at the start
    this.element.dataset.epoch = "0";
    this.now.textContent = "";
  }
}
