
'use strict';
// Spots inside a line drawn by hand.

// Indices of the points (2 N) inside a polygon [[x, y], ...]: those from which a ray crosses its sides an odd number
// of times.
function inside(points, polygon) {
  const xs = polygon.map((corner) => corner[0]), ys = polygon.map((corner) => corner[1]);
  const box = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found = [];
  for (let i = 0; i < points.length / 2; i++) {
    const x = points[2 * i], y = points[2 * i + 1];
    if (x < box[0] || x > box[1] || y < box[2] || y > box[3]) { continue; }
    let odd = false;
    for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
      const [ax, ay] = polygon[a], [bx, by] = polygon[b];
      if ((ay > y) !== (by > y) && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) { odd = !odd; }
    }
    if (odd) { found.push(i); }
  }
  return found;
}

// Let the user draw on `sheet` (an SVG over the map) while it is on; done(corners in pixels, joins) gets the line.
function lasso(sheet, done) {
  const line = sheet.querySelector('polygon');
  let corners = null;
  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const show = () => line.setAttribute('points', (corners || []).map((corner) => corner.join(',')).join(' '));
  sheet.addEventListener('pointerdown', (event) => {
    sheet.setPointerCapture(event.pointerId);
    corners = [place(event)];
    event.preventDefault();
  });
  sheet.addEventListener('pointermove', (event) => {
    if (!corners) { return; }
    const next = place(event), last = corners[corners.length - 1];
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) >= 3) { corners.push(next); show(); }
  });
  const finish = (event) => {
    if (!corners) { return; }
    const drawn = corners;
    corners = null;
    show();
    if (event.type === 'pointerup' && drawn.length > 2) { done(drawn, event.shiftKey); }
  };
  sheet.addEventListener('pointerup', finish);
  sheet.addEventListener('pointercancel', finish);
}

// A field of a CSV, in quotes where it needs them.
function field(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function saveAs(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
