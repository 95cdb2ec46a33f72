
'use strict';
// The slice as its page holds it. Codes of spots are gzip in base64, unpacked when they are first needed.
const slice = JSON.parse(document.getElementById('data').textContent);
const element = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString('en-GB');

async function unpacked(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) { bytes[i] = letters.charCodeAt(i); }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

// Codes (N,) of a column; the largest one means missing.
async function codesOf(column) {
  const buffer = await unpacked(column.codes);
  return column.width === 1 ? new Uint8Array(buffer) : new Uint16Array(buffer);
}

const missingCode = (column) => (column.width === 1 ? 255 : 65535);

// Value of a code of a column of numbers; the largest code has none.
function valueOf(column, code) {
  return column.low + (code / (missingCode(column) - 1)) * (column.high - column.low);
}

// Positions (2 N) in full-resolution pixels, y downwards.
async function positions() {
  const axes = await Promise.all([slice.x, slice.y].map(async (axis) => ({
    codes: new Uint16Array(await unpacked(axis.codes)), low: axis.low, step: (axis.high - axis.low) / 65534,
  })));
  const found = new Float64Array(2 * slice.n_spots);
  axes.forEach((axis, place) => {
    for (let i = 0; i < slice.n_spots; i++) { found[2 * i + place] = axis.low + axis.codes[i] * axis.step; }
  });
  return found;
}

async function barcodes() {
  return JSON.parse(new TextDecoder().decode(await unpacked(slice.barcodes)));
}

// A number as people write it: whole ones in full, others with three digits.
function told(value) {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) { return number(Math.round(value)); }
  return String(Number(value.toPrecision(3)));
}
