/** Where a picture and its visited part lie, in µm. */

/** @typedef {import("./frame_codec.js").FrameHeader} FrameHeader */
/** @typedef {{x0: number, x1: number, y0: number, y1: number}} Edges µm */

export const UM = 1e6;

/** Edges of the whole array. @param {FrameHeader} header @returns {Edges} */
export function wholeEdges(header) {
  const [height, width] = header.shape;
  return edges(header, 0, height, 0, width);
}

/**
 * Edges of what was visited; of the whole array where nothing was.
 * @param {FrameHeader} header @param {Uint16Array} codes @returns {Edges}
 */
export function visitedEdges(header, codes) {
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
  return bottom < 0 ? wholeEdges(header) : edges(header, top, bottom + 1, left, right + 1);
}

/**
 * From pixels to µm.
 * @param {FrameHeader} header
 * @param {number} top @param {number} bottom @param {number} left @param {number} right
 */
function edges({ origin_m: [y, x], pixel_size_m: pixel }, top, bottom, left, right) {
  return {
    y0: (y + top * pixel) * UM, y1: (y + bottom * pixel) * UM,
    x0: (x + left * pixel) * UM, x1: (x + right * pixel) * UM,
  };
}
