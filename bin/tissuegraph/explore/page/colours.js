
'use strict';
// From the codes of a column to the colour of every spot.
const OTHERS_ALPHA = 40;     // of spots that are not of the category pointed at
const UNSELECTED_ALPHA = 70; // of spots outside the selection

function rgb(hex) {
  const digits = hex.replace('#', '');
  return [0, 2, 4].map((start) => parseInt(digits.slice(start, start + 2), 16));
}

// Place of a value on the palette, 0 to 1.
function share(column, value) {
  const [low, high] = column.shown;
  const part = column.logarithmic
    ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
    : (value - low) / (high - low);
  return Math.min(1, Math.max(0, part));
}

// Colour of every code, three bytes each, the missing one's last.
function colourTable(column) {
  const missing = missingCode(column);
  const table = new Uint8Array(3 * (missing + 1));
  const unlabelled = rgb(slice.unlabelled);
  if (column.kind === 'labels') {
    for (let code = 0; code < missing; code++) {
      table.set(code < column.colours.length ? rgb(column.colours[code]) : unlabelled, 3 * code);
    }
  } else {
    const palette = slice.palettes[column.palette].match(/.{6}/g).map(rgb);
    for (let code = 0; code < missing; code++) {
      table.set(palette[Math.round(255 * share(column, valueOf(column, code)))], 3 * code);
    }
  }
  table.set(unlabelled, 3 * missing);
  return table;
}

// RGBA of every spot (4 N), written into `into`. view: codes, table, hidden (Set of codes), pointedAt (a code or
// null), selected (N) with n_selected of them.
function paint(view, into) {
  const { codes, table, hidden, pointedAt, selected } = view;
  const anySelected = view.n_selected > 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    let alpha = 255;
    if (hidden.has(code)) { alpha = 0; }
    else if (pointedAt !== null && pointedAt !== code) { alpha = OTHERS_ALPHA; }
    else if (pointedAt === null && anySelected && !selected[i]) { alpha = UNSELECTED_ALPHA; }
    into[4 * i] = table[3 * code];
    into[4 * i + 1] = table[3 * code + 1];
    into[4 * i + 2] = table[3 * code + 2];
    into[4 * i + 3] = alpha;
  }
  return into;
}
