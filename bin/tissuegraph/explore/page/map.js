
'use strict';
// The tissue in a WebGL canvas: image below, spots above, and where one looks. One unit of the map is a thousandth of
// the longer side, so that 32-bit numbers are exact enough however large the slide.
class TissueMap {
  constructor(box, pixels, onHover, onMove) {
    this.box = box;
    this.onMove = onMove;
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (let i = 0; i < pixels.length; i++) {
      low[i % 2] = Math.min(low[i % 2], pixels[i]);
      high[i % 2] = Math.max(high[i % 2], pixels[i]);
    }
    this.unit = (Math.max(high[0] - low[0], high[1] - low[1]) || slice.spot_px) / 1000; // full-resolution pixels
    this.origin = low;
    this.extent = [0, 1].map((k) => (high[k] - low[k] + slice.spot_px) / this.unit);
    this.middle = [0, 1].map((k) => (high[k] - low[k]) / 2 / this.unit);
    this.points = new Float32Array(pixels.length);
    for (let i = 0; i < pixels.length; i++) { this.points[i] = (pixels[i] - low[i % 2]) / this.unit; }
    this.look = { size: 1, spots: 1, picture: 1 };
    this.colours = new Uint8Array(4 * slice.n_spots);
    this.rings = null;
    this.view = this.wholeSlice();
    this.deck = new deck.Deck({
      parent: box,
      views: new deck.OrthographicView({ id: 'tissue', flipY: true, controller: { keyboard: false, inertia: false } }),
      viewState: this.view,
      onViewStateChange: ({ viewState }) => this.moveTo(viewState),
      onHover,
      pickingRadius: 2,
      onError: (error) => trouble(`The map cannot be drawn: ${error.message}`),
      layers: [],
    });
  }

  // Pixels on the page of the map's width and height.
  get room() { return [this.box.clientWidth || 1, this.box.clientHeight || 1]; }

  wholeSlice() {
    const fits = this.room.map((pixels, k) => pixels / (this.extent[k] * 1.06));
    return { target: [...this.middle, 0], zoom: Math.log2(Math.min(...fits)), minZoom: -6, maxZoom: 10 };
  }

  moveTo(view) {
    this.view = { ...view, zoom: Math.min(10, Math.max(-6, Array.isArray(view.zoom) ? view.zoom[0] : view.zoom)) };
    this.deck.setProps({ viewState: this.view });
    this.onMove(this);
  }

  zoomBy(steps) { this.moveTo({ ...this.view, zoom: this.view.zoom + steps }); }

  // Move by shares of what is seen.
  panBy(right, down) {
    const [x, y] = this.view.target, reach = this.room.map((pixels) => pixels / 2 ** this.view.zoom);
    this.moveTo({ ...this.view, target: [x + right * reach[0], y + down * reach[1], 0] });
  }

  // The place on the map under a pixel of the box.
  placeOf(x, y) {
    const scale = 2 ** this.view.zoom, [width, height] = this.room;
    return [this.view.target[0] + (x - width / 2) / scale, this.view.target[1] + (y - height / 2) / scale];
  }

  // Full-resolution pixels under one pixel of the box.
  get pixelsPerPixel() { return this.unit / 2 ** this.view.zoom; }

  // Colours (4 N) have changed; ringed: indices of spots to draw a ring around.
  recolour(ringed) {
    this.colours = this.colours.slice(); // a new array, which tells deck.gl to send it again
    this.rings = ringed.length ? ringed : null;
    this.draw();
  }

  draw() {
    const radius = (this.look.size * slice.spot_px) / this.unit / 2;
    const layers = [];
    if (slice.picture) {
      const [left, top, right, lower] = slice.picture.edges.map((edge, k) => (edge - this.origin[k % 2]) / this.unit);
      layers.push(new deck.BitmapLayer({
        id: 'picture', image: this.picture, bounds: [left, lower, right, top], opacity: this.look.picture,
        visible: this.look.picture > 0 && Boolean(this.picture),
      }));
    }
    const common = { radiusUnits: 'common', radiusMinPixels: 0.6, getRadius: radius };
    layers.push(new deck.ScatterplotLayer({
      id: 'spots', pickable: true, opacity: this.look.spots, ...common,
      data: { length: slice.n_spots, attributes: {
        getPosition: { value: this.points, size: 2 },
        getFillColor: { value: this.colours, size: 4 },
      } },
    }));
    if (this.rings) {
      const ringed = this.rings, places = new Float32Array(2 * ringed.length);
      for (let k = 0; k < ringed.length; k++) {
        places[2 * k] = this.points[2 * ringed[k]];
        places[2 * k + 1] = this.points[2 * ringed[k] + 1];
      }
      layers.push(new deck.ScatterplotLayer({
        id: 'rings', filled: false, stroked: true, lineWidthUnits: 'pixels', getLineWidth: 1.2,
        getLineColor: [0, 0, 0, 230], ...common,
        data: { length: ringed.length, attributes: { getPosition: { value: places, size: 2 } } },
      }));
    }
    this.deck.setProps({ layers });
  }

  // Show the picture once the browser has read it.
  async loadPicture() {
    if (!slice.picture) { return; }
    const image = new Image();
    image.src = slice.picture.uri;
    await image.decode();
    this.picture = image;
    this.draw();
  }
}
