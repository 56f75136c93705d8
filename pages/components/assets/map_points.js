// The points of a map: read from the server's columns, drawn pixel by pixel. Plotly's WebGL needs eval, which our pages
// forbid, and its SVG is no match for 50,000 points; an image made of numbers is drawn in milliseconds without a GPU.

const EDGE = 28; // px around the map when all of it is shown

/** See core/maps.py `packed`. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const n = head.points;
  let at = 4 + length;
  const column = (Kind) => {
    const found = new Kind(buffer, at, n);
    at += found.byteLength;
    return found;
  };
  return { n, labels: head.labels, ids: column(Uint32Array), x: column(Uint16Array), y: column(Uint16Array),
    label: column(Uint16Array), split: column(Uint8Array), doubt: column(Uint8Array), kinds: head.kinds, found: column(Uint8Array) };
}

/** Where points stand on a canvas of `width` x `height` px: zoomed and moved by the person. */
export class View {
  constructor() {
    this.zoom = 1;
    this.left = this.top = 0; // px by which the map was moved
    this.width = this.height = 1;
  }

  get scale() {
    return (this.zoom * (Math.min(this.width, this.height) - 2 * EDGE)) / 65535;
  }

  x = (value) => this.width / 2 + this.left + (value - 32767.5) * this.scale;
  y = (value) => this.height / 2 + this.top + (value - 32767.5) * this.scale;

  /** Zooms so that what is under (x, y) stays there. */
  zoomAt(x, y, factor) {
    const zoom = Math.min(60, Math.max(0.8, this.zoom * factor)), by = zoom / this.zoom;
    this.left = x - this.width / 2 - (x - this.width / 2 - this.left) * by;
    this.top = y - this.height / 2 - (y - this.height / 2 - this.top) * by;
    this.zoom = zoom;
  }

  fit() {
    this.zoom = 1;
    this.left = this.top = 0;
  }
}

const number = (color, alpha = 255) => {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;
};

/** Rows of a disc: how far it reaches to either side in each row. */
const disc = (radius) => Array.from({ length: 2 * Math.ceil(radius) + 1 }, (_, row) => {
  const dy = row - Math.ceil(radius);
  return dy * dy > radius * radius ? -1 : Math.floor(Math.sqrt(radius * radius - dy * dy));
});

/** px of a point: a few can be large, of many none may hide the others. */
const radius = (n, zoom) => (n <= 60 ? 6.5 : Math.min(4.5, (n > 20000 ? 1.3 : n > 3000 ? 2 : 3.2) * Math.sqrt(Math.sqrt(zoom))));

/** Draws all points on a canvas. `colors(i)` gives a place in `palette`; selected ones are drawn last, and larger. */
export function paintPoints(canvas, view, points, palette, colors, selected, some) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(view.width * ratio), height = Math.round(view.height * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
  const small = radius(points.n, view.zoom) * ratio;
  const bright = palette.map((color) => number(color)), dim = palette.map((color) => number(color, 70));
  const scale = view.scale * ratio, left = (view.width / 2 + view.left) * ratio, top = (view.height / 2 + view.top) * ratio;
  const put = (i, rows, color) => {
    const cx = Math.round(left + (points.x[i] - 32767.5) * scale), cy = Math.round(top + (points.y[i] - 32767.5) * scale);
    const high = rows.length >> 1;
    if (cx < -high || cy < -high || cx >= width + high || cy >= height + high) return;
    for (let row = 0; row < rows.length; row++) {
      const y = cy + row - high, reach = rows[row];
      if (reach < 0 || y < 0 || y >= height) continue;
      pixels.fill(color, y * width + Math.max(0, cx - reach), y * width + Math.min(width, cx + reach + 1));
    }
  };
  const rows = disc(small), large = disc(small + 1.2 * ratio);
  for (let i = 0; i < points.n; i++) if (!some || !selected[i]) put(i, rows, some ? dim[colors(i)] : bright[colors(i)]);
  if (some) for (let i = 0; i < points.n; i++) if (selected[i]) put(i, large, bright[colors(i)]);
  pen.putImageData(image, 0, 0);
}

/** The point nearest to (x, y), at most `reach` px away; -1 where there is none. */
export function nearest(points, view, x, y, reach) {
  let best = -1, least = reach * reach;
  for (let i = 0; i < points.n; i++) {
    const dx = view.x(points.x[i]) - x, dy = view.y(points.y[i]) - y, apart = dx * dx + dy * dy;
    if (apart < least) [best, least] = [i, apart];
  }
  return best;
}

/** Marks the points inside a closed line of [x, y] px. */
export function within(points, view, line, mark) {
  const xs = line.map(([x]) => x), ys = line.map(([, y]) => y);
  const [low, high, upper, lower] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let i = 0; i < points.n; i++) {
    const x = view.x(points.x[i]), y = view.y(points.y[i]);
    if (x < low || x > high || y < upper || y > lower) continue;
    let inside = false;
    for (let a = 0, b = line.length - 1; a < line.length; b = a++) {
      if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
    }
    if (inside) mark(i);
  }
}
