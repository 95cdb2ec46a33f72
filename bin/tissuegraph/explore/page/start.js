
'use strict';
// What the page does: choose a colouring, look around, select spots, take their barcodes.
const view = {
  column: null, codes: null, table: null, hidden: new Set(), pointedAt: null,
  selected: new Uint8Array(slice.n_spots), n_selected: 0,
};
const columns = new Map(slice.columns.map((column) => [column.name, column]));
const genes = slice.columns.filter((column) => column.group === 'Genes');
const hiddenOf = new Map(); // column name -> codes hidden there
let map = null, names = null, asked = 0, waiting = false;

// Requests that the page's policy has refused: there are none.
document.documentElement.dataset.refused = '0';
document.addEventListener('securitypolicyviolation', () => {
  document.documentElement.dataset.refused = String(Number(document.documentElement.dataset.refused) + 1);
});

function trouble(text) {
  element('trouble').textContent = text;
  element('trouble').hidden = false;
}

function hasWebGL() {
  try { return Boolean(document.createElement('canvas').getContext('webgl2')); } catch { return false; }
}

// Colour the spots by a column; of two that are asked for at once the later one stays.
async function colourBy(name) {
  const column = columns.get(name), turn = ++asked;
  const codes = await codesOf(column);
  if (turn !== asked) { return; }
  hiddenOf.set(name, hiddenOf.get(name) || new Set());
  Object.assign(view, { column, codes, table: colourTable(column), hidden: hiddenOf.get(name), pointedAt: null });
  element('colour').value = name;
  element('note').textContent = column.note;
  element('gene-answer').textContent = '';
  drawLegend(element('legend'), view, repaint);
  repaint();
  element('status').textContent = `${number(slice.n_spots)} spots, coloured by ${column.title}`;
  try { history.replaceState(null, '', `#colour=${encodeURIComponent(column.group === 'Genes' ? column.title : name)}`); } catch { /* a page inside another */ }
}

// At most once per frame, whatever asks for it.
function repaint() {
  if (!map || waiting) { return; }
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    paint(view, map.colours);
    const ringed = [];
    for (let i = 0; i < slice.n_spots; i++) {
      if (view.selected[i] && !view.hidden.has(view.codes[i])) { ringed.push(i); }
    }
    map.recolour(ringed);
  });
}

function select(indices, joins) {
  if (!joins) { view.selected.fill(0); }
  for (const i of indices) { view.selected[i] = 1; }
  view.n_selected = view.selected.reduce((count, one) => count + one, 0);
  const some = view.n_selected > 0;
  element('chosen').textContent = some
    ? `${number(view.n_selected)} of ${number(slice.n_spots)} spots selected.` : 'No spot is selected.';
  element('clear').disabled = element('download').disabled = !some;
  repaint();
}

function shownSpots(indices) {
  return indices.filter((i) => !view.hidden.has(view.codes[i]));
}

async function download() {
  names = names || await barcodes();
  const label = field(element('name').value.trim() || 'selected');
  const lines = ['barcode,label'];
  names.forEach((barcode, i) => { if (view.selected[i]) { lines.push(`${field(barcode)},${label}`); } });
  const file = `${slice.sample}.${element('name').value.trim() || 'selected'}.csv`;
  saveAs(file.replace(/[^\p{L}\p{N}._-]+/gu, '_'), `${lines.join('\n')}\n`);
}

async function hover({ index, x, y }) {
  const tip = element('tip');
  if (index < 0 || !view.codes || view.hidden.has(view.codes[index])) { tip.hidden = true; return; }
  names = names || await barcodes();
  const code = view.codes[index], { column } = view;
  const value = code === missingCode(column) ? (column.kind === 'labels' ? 'unlabelled' : 'no value')
    : column.kind === 'labels' ? column.categories[code] : told(valueOf(column, code));
  tip.textContent = `${names[index]}\n${column.title}: ${value}`;
  tip.hidden = false;
  const [width, height] = map.room;
  tip.style.left = `${Math.max(0, Math.min(x + 12, width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(0, Math.min(y + 12, height - tip.offsetHeight - 4))}px`;
}

// A bar of a round length, at most a quarter of the map's width.
function drawScale() {
  if (!slice.um_per_px) { return; }
  const perPixel = slice.um_per_px * map.pixelsPerPixel, most = Math.min(map.room[0] / 4, 180) * perPixel;
  const ten = 10 ** Math.floor(Math.log10(most));
  const length = ten * [5, 2, 1].find((times) => times * ten <= most);
  const bar = element('scale').firstElementChild;
  bar.style.width = `${length / perPixel}px`;
  bar.textContent = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
  element('scale').hidden = false;
}

function setLasso(on) {
  element('draw').setAttribute('aria-pressed', String(on));
  element('lasso').classList.toggle('on', on);
}
const lassoIsOn = () => element('draw').getAttribute('aria-pressed') === 'true';

// The gene of that symbol or of that name in the h5ad, in capitals or not.
function geneOf(wanted) {
  const same = (text) => text.toLowerCase() === wanted.toLowerCase();
  return genes.find(({ name, title }) => same(title) || same(name.slice('gene:'.length)));
}

function findGene() {
  const wanted = element('gene').value.trim();
  if (!wanted) { return; }
  const found = geneOf(wanted);
  if (found) { colourBy(found.name); return; }
  element('gene-answer').textContent = `${wanted} is not among the ${number(genes.length)} genes of this page, those that set `
    + `the domains apart; the h5ad has ${number(slice.n_genes)}.`;
}

function fillChoices() {
  const groups = new Map();
  for (const { name, title, group } of slice.columns) {
    if (!groups.has(group)) {
      const heading = made('optgroup');
      heading.label = group;
      groups.set(group, heading);
      element('colour').append(heading);
    }
    const option = made('option', title);
    option.value = name;
    groups.get(group).append(option);
    if (group === 'Genes') {
      const hint = made('option');
      hint.value = title;
      element('genes').append(hint);
    }
  }
}

function listen() {
  element('colour').addEventListener('change', () => colourBy(element('colour').value));
  element('gene').addEventListener('change', findGene);
  element('clear').addEventListener('click', () => { select([], false); element('draw').focus(); });
  element('download').addEventListener('click', download);
  element('take-shown').addEventListener('click', () => select(shownSpots([...view.selected.keys()]), false));
  window.addEventListener('hashchange', () => { const name = named(); if (name !== view.column.name) { colourBy(name); } });
  if (!map) { return; }
  element('nearer').addEventListener('click', () => map.zoomBy(0.5));
  element('farther').addEventListener('click', () => map.zoomBy(-0.5));
  element('home').addEventListener('click', () => map.moveTo(map.wholeSlice()));
  element('draw').addEventListener('click', () => setLasso(!lassoIsOn()));
  for (const [id, scale] of [['size', 100], ['spots', 100], ['picture', 100]]) {
    element(id).addEventListener('input', () => { map.look[id] = Number(element(id).value) / scale; map.draw(); });
  }
  lasso(element('lasso'), (corners, joins) => {
    const polygon = corners.map(([x, y]) => map.placeOf(x, y));
    select(shownSpots(inside(map.points, polygon)), joins);
    setLasso(false);
  });
  element('map').addEventListener('pointerleave', () => { element('tip').hidden = true; });
  const keys = {
    '+': () => map.zoomBy(0.5), '=': () => map.zoomBy(0.5), '-': () => map.zoomBy(-0.5), 0: () => map.moveTo(map.wholeSlice()),
    ArrowLeft: () => map.panBy(-0.1, 0), ArrowRight: () => map.panBy(0.1, 0),
    ArrowUp: () => map.panBy(0, -0.1), ArrowDown: () => map.panBy(0, 0.1),
    l: () => setLasso(!lassoIsOn()), L: () => setLasso(!lassoIsOn()), Escape: () => setLasso(false),
  };
  element('map').addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) { return; }
    keys[event.key]();
    event.preventDefault();
  });
  new ResizeObserver(drawScale).observe(element('map'));
}

// The column or gene that the address asks for (#colour=NAME), else the first.
function named() {
  let wanted = '';
  try { wanted = decodeURIComponent((location.hash.match(/^#colour=(.+)$/) || [])[1] || ''); } catch { /* not encoded */ }
  const found = columns.get(wanted) || (wanted && geneOf(wanted)) || slice.columns[0];
  return found.name;
}

async function start() {
  element('about').textContent = [
    slice.platform, slice.inferred ? 'expression inferred from the image' : '', `${number(slice.n_genes)} genes`,
  ].filter(Boolean).join(' · ');
  element('picture-row').hidden = !slice.picture;
  fillChoices();
  if (hasWebGL()) {
    map = new TissueMap(element('map'), await positions(), hover, drawScale);
    drawScale();
    map.loadPicture();
  } else {
    trouble('This browser shows no WebGL 2, so there is no map here. Switch hardware acceleration on, or take another '
      + 'browser; the figures beside this page (PNG, SVG) show the same domains.');
    element('tools').hidden = true;
  }
  listen();
  await colourBy(named());
}

start().catch((error) => trouble(`The page could not be shown: ${error.message}`));
