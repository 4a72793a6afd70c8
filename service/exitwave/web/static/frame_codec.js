/** Decoding of live pictures: `u32 header length | JSON header | pad to 8 | payload`. */

/**
 * @typedef {object} FrameHeader
 * @property {string} job
 * @property {number} attempt
 * @property {number} epoch
 * @property {number} seq       number on this connection; acknowledged once shown
 * @property {number} version
 * @property {string} plane
 * @property {number[]} shape
 * @property {"u2"|"f4"} dtype
 * @property {number} lo        value of code 1
 * @property {number} hi        value of code 65535
 * @property {string} unit
 * @property {boolean} cyclic
 * @property {number} pixel_size_m
 * @property {number[]} origin_m  (y, x) of the outer corner of pixel (0, 0)
 * @property {?number} n_frames
 * @property {string} note
 */

const ARRAYS = { u2: Uint16Array, f4: Float32Array };

/**
 * @param {ArrayBuffer} buffer
 * @returns {{header: FrameHeader, data: Uint16Array|Float32Array}}
 */
export function decodeFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  /** @type {FrameHeader} */
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = Math.ceil((4 + length) / 8) * 8;
  const count = header.shape.reduce((product, side) => product * side, 1);
  return { header, data: new ARRAYS[header.dtype](buffer, start, count) };
}

/**
 * Value of a code; NaN where not visited.
 * @param {FrameHeader} header
 * @param {number} code
 */
export function valueOf(header, code) {
  return code === 0 ? NaN : header.lo + ((code - 1) / 65534) * (header.hi - header.lo);
}
