/**
 * Colours of codes: one look-up per pixel. PNG files colour alike (`coloured` in
 * files/colours.py).
 */

/**
 * Table from code to a little-endian RGBA word. Code 0 is transparent.
 * @param {string[]} palette 256 colours as #rrggbb
 * @returns {Uint32Array} 65536 words
 */
export function lookupTable(palette) {
  const levels = palette.map((colour) => {
    const rgb = parseInt(colour.slice(1), 16);
    const swapped = ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >>> 16);
    return (0xff000000 | swapped) >>> 0;
  });
  const table = new Uint32Array(65536);
  for (let code = 1; code < 65536; code += 1) table[code] = levels[(code - 1) >> 8];
  return table;
}

/**
 * @param {Uint16Array} codes
 * @param {Uint32Array} table
 * @returns {Uint32Array} RGBA words
 */
export function colourCodes(codes, table) {
  const words = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i += 1) words[i] = table[codes[i]];
  return words;
}
