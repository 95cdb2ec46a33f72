
'use strict';
// The legend of the column shown: names, counts and ticks of categories, or the palette of numbers.

function made(tag, text, kind) {
  const node = document.createElement(tag);
  if (text) { node.textContent = text; }
  if (kind) { node.className = kind; }
  return node;
}

// view: column, codes, hidden, pointedAt; changed(): what is hidden or pointed at has changed.
function drawLegend(box, view, changed) {
  box.replaceChildren();
  if (view.column.kind === 'numbers') { drawPalette(box, view); } else { drawCategories(box, view, changed); }
}

function drawCategories(box, view, changed) {
  const { column, codes, hidden } = view, missing = missingCode(column);
  const counts = new Uint32Array(missing + 1);
  for (const code of codes) { counts[code]++; }
  const entries = column.categories.map((name, code) => ({ name, code, colour: column.colours[code] }));
  if (counts[missing]) { entries.push({ name: 'unlabelled', code: missing, colour: slice.unlabelled }); }
  const list = made('ul'), ticks = [];
  list.setAttribute('aria-label', 'Categories: ticked ones are shown');
  const point = (code) => { view.pointedAt = code; changed(); };
  for (const { name, code, colour } of entries) {
    const item = made('li'), label = made('label'), tick = made('input'), swatch = made('span', '', 'swatch');
    tick.type = 'checkbox';
    tick.checked = !hidden.has(code);
    swatch.style.backgroundColor = colour;
    label.append(tick, swatch, made('span', name, 'name'), made('span', number(counts[code]), 'count'));
    item.append(label);
    tick.addEventListener('change', () => {
      if (tick.checked) { hidden.delete(code); } else { hidden.add(code); }
      changed();
    });
    item.addEventListener('pointerenter', (event) => { if (event.pointerType === 'mouse') { point(code); } });
    item.addEventListener('pointerleave', () => { if (view.pointedAt !== null) { point(null); } });
    tick.addEventListener('focus', () => { if (tick.matches(':focus-visible')) { point(code); } });
    tick.addEventListener('blur', () => { if (view.pointedAt !== null) { point(null); } });
    ticks.push({ tick, code });
    list.append(item);
  }
  const row = made('p', '', 'row');
  for (const [text, shown] of [['Show all', true], ['Hide all', false]]) {
    const button = made('button', text);
    button.type = 'button';
    button.addEventListener('click', () => {
      for (const { tick, code } of ticks) {
        tick.checked = shown;
        if (shown) { hidden.delete(code); } else { hidden.add(code); }
      }
      changed();
    });
    row.append(button);
  }
  box.append(list, row);
}

function drawPalette(box, view) {
  const { column } = view, [low, high] = column.shown;
  const bar = made('div', '', 'palette'), palette = slice.palettes[column.palette], stops = [];
  for (let place = 0; place < 256; place += 15) { stops.push(`#${palette.slice(6 * place, 6 * place + 6)}`); }
  bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(', ')})`;
  bar.setAttribute('role', 'img');
  bar.setAttribute('aria-label', `From ${told(low)}, dark, to ${told(high)}, light`);
  const ends = made('div', '', 'ends');
  const middle = column.logarithmic ? Math.sqrt(low * high) : (low + high) / 2;
  ends.append(
    made('span', (column.low < low ? '≤ ' : '') + told(low)),
    made('span', told(middle)),
    made('span', (column.high > high ? '≥ ' : '') + told(high)),
  );
  box.append(bar, ends);
  const missing = missingCode(column);
  const unknown = view.codes.reduce((count, code) => count + (code === missing), 0);
  if (unknown) { box.append(made('p', `${number(unknown)} spots without a value are grey.`)); }
}
