// What the map stands on: the site's own streets, tiles or archive if it has any, and a metric grid. Nothing is ever
// loaded from elsewhere.

import { h } from "./dom.js";
import { takeStreets } from "./streets.js";

const L = window.L;
const METRES_PER_DEGREE = 111320;
const STEPS_M = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];

/** A canvas over the whole map, drawn anew when the map has moved. */
export const CanvasLayer = L.Layer.extend({
  initialize(draw, options) {
    L.setOptions(this, options);
    this.draw = draw;
  },
  onAdd(map) {
    this.canvas = L.DomUtil.create("canvas", "canvas-layer", map.getPane(this.options.pane));
    this.canvas.setAttribute("aria-hidden", "true");
    map.on("moveend zoomend viewreset resize", this.redraw, this);
    this.redraw();
  },
  onRemove(map) {
    map.off("moveend zoomend viewreset resize", this.redraw, this);
    this.canvas.remove();
  },
  redraw() {
    const map = this._map;
    if (!map) return;
    const size = map.getSize(), ratio = window.devicePixelRatio || 1;
    L.DomUtil.setPosition(this.canvas, map.containerPointToLayerPoint([0, 0]));
    this.canvas.width = size.x * ratio;
    this.canvas.height = size.y * ratio;
    this.canvas.style.width = `${size.x}px`;
    this.canvas.style.height = `${size.y}px`;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    this.draw(pen, map, size);
  },
});

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

/** How many metres a hundred pixels are here, and the round step nearest to it. */
export function stepMetres(map, pixels = 110) {
  const size = map.getSize();
  const wide = map.distance(map.containerPointToLatLng([0, size.y / 2]), map.containerPointToLatLng([pixels, size.y / 2]));
  return STEPS_M.find((step) => step >= wide * 0.7) ?? STEPS_M.at(-1);
}

export function stepWords(metres) { return metres >= 1000 ? `${metres / 1000} km` : `${metres} m`; }

/** A grid of squares of round metres, fixed to the ground. */
export function gridLayer() {
  return new CanvasLayer((pen, map, size) => {
    const bounds = map.getBounds(), step = stepMetres(map);
    const latStep = step / METRES_PER_DEGREE;
    // The width of a square is taken at a latitude that does not change while one moves about a town.
    const lonStep = latStep / Math.max(0.05, Math.cos((Math.round(bounds.getCenter().lat) * Math.PI) / 180));
    pen.strokeStyle = colour("--grid");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let lat = Math.ceil(bounds.getSouth() / latStep) * latStep; lat < bounds.getNorth(); lat += latStep) {
      const y = Math.round(map.latLngToContainerPoint([lat, bounds.getWest()]).y) + 0.5;
      pen.moveTo(0, y);
      pen.lineTo(size.x, y);
    }
    for (let lon = Math.ceil(bounds.getWest() / lonStep) * lonStep; lon < bounds.getEast(); lon += lonStep) {
      const x = Math.round(map.latLngToContainerPoint([bounds.getSouth(), lon]).x) + 0.5;
      pen.moveTo(x, 0);
      pen.lineTo(x, size.y);
    }
    pen.stroke();
  }, { pane: "grid" });
}

/** Where a shot would be heard by enough sensors: the lighter, the surer. */
export function coverageLayer(model) {
  return new CanvasLayer((pen, map) => {
    for (const site of model.coverage?.sites ?? []) {
      const southWest = map.latLngToContainerPoint(site.south_west), northEast = map.latLngToContainerPoint(site.north_east);
      const wide = (northEast.x - southWest.x) / site.columns, high = (southWest.y - northEast.y) / site.rows;
      pen.fillStyle = colour("--covered");
      site.percent.forEach((percent, index) => {
        if (percent < 10) return;
        const column = index % site.columns, row = Math.floor(index / site.columns);
        pen.globalAlpha = (percent / 100) * 0.2;
        // Edges on whole pixels: neighbours neither overlap nor leave a gap.
        const left = Math.round(southWest.x + column * wide), right = Math.round(southWest.x + (column + 1) * wide);
        const top = Math.round(southWest.y - (row + 1) * high), bottom = Math.round(southWest.y - row * high);
        pen.fillRect(left, top, right - left, bottom - top);
      });
      pen.globalAlpha = 0.55;
      pen.strokeStyle = colour("--covered");
      pen.lineWidth = 1;
      pen.setLineDash([5, 4]);
      pen.beginPath();
      outline(pen, site, southWest, wide, high);
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 1;
    }
  }, { pane: "coverage" });
}

/** Trace the edge between covered and not: the sides of cells at which one half is crossed. */
function outline(pen, site, corner, wide, high) {
  const inside = (column, row) => column >= 0 && row >= 0 && column < site.columns && row < site.rows &&
    site.percent[row * site.columns + column] >= 50;
  for (let row = 0; row < site.rows; row += 1) {
    for (let column = 0; column < site.columns; column += 1) {
      if (!inside(column, row)) continue;
      const left = corner.x + column * wide, right = left + wide, bottom = corner.y - row * high, top = bottom - high;
      if (!inside(column - 1, row)) { pen.moveTo(left, top); pen.lineTo(left, bottom); }
      if (!inside(column + 1, row)) { pen.moveTo(right, top); pen.lineTo(right, bottom); }
      if (!inside(column, row - 1)) { pen.moveTo(left, bottom); pen.lineTo(right, bottom); }
      if (!inside(column, row + 1)) { pen.moveTo(left, top); pen.lineTo(right, top); }
    }
  }
}

const STYLES = {
  water: () => ({ color: colour("--water"), fillColor: colour("--water"), fillOpacity: 1, weight: 1 }),
  park: () => ({ color: colour("--park"), fillColor: colour("--park"), fillOpacity: 1, weight: 0 }),
  building: () => ({ color: colour("--building"), fillColor: colour("--building"), fillOpacity: 1, weight: 0.5 }),
  major: () => ({ color: colour("--major"), weight: 4 }),
  street: () => ({ color: colour("--street"), weight: 2 }),
  rail: () => ({ color: colour("--street"), weight: 1.5, dashArray: "6 4" }),
};

async function streetsLayer() {
  const answer = await fetch("/ground/streets.geojson", { credentials: "same-origin" });
  if (!answer.ok) return null;
  const collection = await answer.json();
  takeStreets(collection);
  const renderer = L.canvas({ pane: "ground", padding: 0.3 });
  return L.geoJSON(collection, {
    pane: "ground", renderer, interactive: false,
    style: (feature) => (STYLES[feature.properties?.kind] ?? STYLES.street)(),
    pointToLayer: (feature, place) => L.marker(place, {
      pane: "labels", interactive: false, keyboard: false,
      icon: L.divIcon({ className: "place-name", iconSize: null, html: h("span", {}, feature.properties?.name ?? "") }),
    }),
  });
}

/** A part of the ground that cannot be drawn is told of; the others are drawn. */
function tell(error) {
  console.warn("a part of the map's ground is missing:", error.message);
  return null;
}

/** The site's own ground, as far as it has any. */
export async function groundLayers(settings) {
  const layers = [];
  if (settings.tiles) {
    layers.push(L.tileLayer("/ground/tiles/{z}/{x}/{y}.png", { pane: "ground", maxNativeZoom: 18, maxZoom: 21 }));
  }
  if (settings.pmtiles) layers.push(await import("./archive.js").then((archive) => archive.archiveLayer()).catch(tell));
  if (settings.streets) layers.push(await streetsLayer().catch(tell));
  return layers.filter(Boolean);
}

/** A bar of round length in the corner. */
export function scaleBar(map) {
  const bar = h("span", { class: "scale-bar" }), words = h("span", {});
  const update = () => {
    const step = stepMetres(map), size = map.getSize();
    const wide = map.distance(map.containerPointToLatLng([0, size.y / 2]), map.containerPointToLatLng([100, size.y / 2]));
    if (!(wide > 0)) return;
    bar.style.width = `${Math.round((step / wide) * 100)}px`;
    words.textContent = stepWords(step);
  };
  map.on("zoomend moveend resize", update);
  update();
  return h("div", { class: "scale" }, bar, words);
}
