/** The one websocket of the page: events as text, pictures as binary, acks back. */

import { decodeFrame } from "./frame.js";

const SILENCE_MS = 12_000; // the server ticks every 5 s
const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 5_000;

/**
 * Dispatches `open`, `lost`, `message` (detail: parsed text) and `frame`
 * (detail: {header, data}). Reconnects by itself and subscribes again.
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
      this.#heard();
      this.#send({ subscribe: this.#subscription });
      this.#tell("open");
    });
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", ({ code }) => {
      if (this.#socket === socket) this.#lost(code);
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
    this.#heard();
    if (typeof data === "string") {
      this.#tell("message", JSON.parse(data));
      return;
    }
    const frame = decodeFrame(data);
    // Painted before it is acked: a page that cannot keep up gets fewer pictures.
    this.#tell("frame", frame);
    this.#send({ ack: frame.header.seq });
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #heard() {
    clearTimeout(this.#watchdog);
    // A dead network does not close sockets: silence is a loss too.
    this.#watchdog = setTimeout(() => this.#lost(0), SILENCE_MS);
  }

  /** @param {number} code of the close; 0: nothing was heard */
  #lost(code) {
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#tell("lost", { code });
    if (this.#closed) return;
    setTimeout(() => this.#closed || this.connect(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
  }

  /** @param {string} type @param {unknown} [detail] */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
