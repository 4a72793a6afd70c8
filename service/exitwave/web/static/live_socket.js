/** The page's one websocket: events as text, live pictures as binary, acknowledgements back. */

import { decodeFrame } from "./frame_codec.js";

const SILENCE_MS = 12_000; // the server ticks every 5 s
const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 5_000;

/**
 * Dispatches `open`, `lost` (detail: code of the close), `message` (detail: parsed text) and
 * `frame` (detail: {header, data}). Reconnects by itself and subscribes again.
 */
export class LiveSocket extends EventTarget {
  /** @type {?WebSocket} */
  #socket = null;
  /** @type {{job: string, planes: string[]}[]} */
  #subscription = [];
  #retryMs = FIRST_RETRY_MS;
  #watchdog = 0;
  #closed = false;

  connect() {
    this.#closed = false;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#retryMs = FIRST_RETRY_MS;
      this.#restartWatchdog();
      this.#send({ subscribe: this.#subscription });
      this.#dispatch("open");
    });
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", ({ code }) => {
      if (this.#socket === socket) this.#handleLoss(code);
    });
  }

  /** Give up the connection for good (until `connect`). */
  close() {
    this.#closed = true;
    clearTimeout(this.#watchdog);
    this.#socket?.close();
  }

  /**
   * Replace what is watched.
   * @param {{job: string, planes: string[]}[]} subscription
   */
  subscribe(subscription) {
    this.#subscription = subscription;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send({ subscribe: subscription });
  }

  /** @param {string|ArrayBuffer} data */
  #receive(data) {
    this.#restartWatchdog();
    if (typeof data === "string") {
      this.#dispatch("message", JSON.parse(data));
      return;
    }
    const frame = decodeFrame(data);
    // Drawn before it is acknowledged: a page that cannot keep up gets fewer pictures.
    this.#dispatch("frame", frame);
    this.#send({ ack: frame.header.seq });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #restartWatchdog() {
    clearTimeout(this.#watchdog);
    // A dead network does not close sockets: silence is a loss, too.
    this.#watchdog = setTimeout(() => this.#handleLoss(0), SILENCE_MS);
  }

  /** @param {number} code of the close; 0: no message came */
  #handleLoss(code) {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#dispatch("lost", { code });
    if (this.#closed) return;
    setTimeout(() => this.#closed || this.connect(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }

  /** @param {string} type @param {unknown} [detail] */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
