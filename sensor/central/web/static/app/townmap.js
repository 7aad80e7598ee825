// The map: incidents with their ellipses and second places, what was only heard, sensors, coverage.

import { h } from "./dom.js";
import { coverageLayer, gridLayer, groundLayers, scaleBar } from "./ground.js";
import { decided, seen } from "./model.js";
import { pref } from "./prefs.js";
import { ellipsePoints } from "./shapes.js";
import { sensorSymbol, symbol } from "./symbols.js";
import { ago, CLASSES, percent, spoken, where } from "./words.js";

const L = window.L;
const DASHES = { high: null, medium: "7 5", low: "2 6" };
const PANES = { ground: 200, grid: 210, coverage: 220, labels: 230, ellipses: 400, sensors: 450, incidents: 600 };

export class TownMap {
  #model;
  #onPick;
  #layers = {};
  #shown = new Map();
  #selected = null;
  #fitted = false;
  #ground = [];
  #removed = false;

  constructor(element, { model, settings, onPick }) {
    this.#model = model;
    this.#onPick = onPick;
    this.map = L.map(element, {
      zoomControl: false, attributionControl: false, zoomAnimation: false, fadeAnimation: false,
      markerZoomAnimation: false, inertia: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      zoomSnap: 0.5, minZoom: 3, maxZoom: 21, keyboard: true,
    }).setView([20, 0], 3);
    for (const [name, z] of Object.entries(PANES)) this.map.createPane(name).style.zIndex = String(z);
    for (const name of ["ellipses", "sensors", "incidents"]) this.#layers[name] = L.layerGroup().addTo(this.map);
    this.#layers.grid = gridLayer();
    this.#layers.coverage = coverageLayer(model);
    element.append(this.#corner(element, settings));
    this.toggle();
    groundLayers(settings).then((layers) => {
      if (this.#removed) return; // somebody left for another page while the ground was still coming
      this.#ground = layers;
      layers.forEach((layer) => layer.addTo(this.map));
    }).catch((error) => console.warn("the map's ground cannot be drawn:", error));
  }

  #corner(element, settings) {
    const button = (words, sign, step) => h("button", {
      type: "button", class: "zoom", "aria-label": words, onclick: () => this.map.setZoom(this.map.getZoom() + step),
    }, sign);
    const corner = h("div", { class: "map-corner" }, scaleBar(this.map),
      settings.attribution ? h("span", { class: "attribution" }, settings.attribution) : null,
      button("Zoom in", "+", 1), button("Zoom out", "−", -1),
      h("button", { type: "button", class: "zoom", "aria-label": "Show everything", onclick: () => this.fit(true) }, "⌂"));
    L.DomEvent.disableClickPropagation(corner);
    return corner;
  }

  /** Show or hide layers as the person set them. */
  toggle() {
    for (const name of ["grid", "coverage", "sensors"]) {
      const layer = this.#layers[name];
      if (pref(name) && !this.map.hasLayer(layer)) layer.addTo(this.map);
      if (!pref(name) && this.map.hasLayer(layer)) layer.remove();
    }
  }

  /** Draw these incidents. */
  show(incidents, selected = null) {
    this.#selected = selected;
    const wanted = new Map(incidents.map((each) => [each.incident_id, each]));
    for (const [id, item] of this.#shown) {
      if (!wanted.has(id)) { item.layers.forEach((layer) => layer.remove()); this.#shown.delete(id); }
    }
    for (const [id, incident] of wanted) {
      const key = `${incident.version}|${id === selected}|${seen(incident)}|${decided(incident)}|${pref("alternatives")}`;
      const known = this.#shown.get(id);
      if (known?.key === key) continue;
      known?.layers.forEach((layer) => layer.remove());
      this.#shown.set(id, { key, layers: this.#draw(incident, id === selected) });
    }
    if (!this.#fitted) this.fit();
  }

  #draw(incident, selected) {
    const retracted = incident.state === "retracted";
    const tone = retracted ? "tone-retracted" : `tone-${incident.class}`;
    const layers = [];
    const add = (layer, group) => { layers.push(layer.addTo(this.#layers[group])); return layer; };
    if (!incident.position) {
      const near = incident.card?.near;
      if (!near || typeof near.lat_deg !== "number") return layers;
      add(L.circle([near.lat_deg, near.lon_deg], {
        radius: near.radius_m ?? 500, pane: "ellipses", className: `near ${tone}${selected ? " chosen" : ""}`, dashArray: "1 8",
      }), "ellipses").on("click", () => this.#onPick?.(incident.incident_id));
      add(this.#marker(incident, [near.lat_deg, near.lon_deg], { selected, near: true }), "incidents");
      return layers;
    }
    const place = [incident.position.lat_deg, incident.position.lon_deg];
    if (incident.ellipse_95) {
      add(L.polygon(ellipsePoints(incident.position, incident.ellipse_95), {
        pane: "ellipses", smoothFactor: 0.2, className: `ellipse ${tone}${selected ? " chosen" : ""}`, dashArray: DASHES[incident.confidence],
      }), "ellipses").on("click", () => this.#onPick?.(incident.incident_id));
    }
    if (pref("alternatives") && !retracted) this.#alternatives(incident, place, tone, add);
    if (selected) this.#spot(incident, place, tone, add);
    add(this.#marker(incident, place, { selected }), "incidents");
    return layers;
  }

  /** The chosen incident's point, and the size of its ellipse in words below it. */
  #spot(incident, place, tone, add) {
    add(L.circleMarker(place, { radius: 3, pane: "ellipses", className: `spot ${tone}`, interactive: false }), "ellipses");
    if (!incident.ellipse_95) return;
    const south = Math.min(...ellipsePoints(incident.position, incident.ellipse_95).map((corner) => corner[0]));
    add(L.marker([south, place[1]], {
      pane: "incidents", keyboard: false, interactive: false,
      icon: L.divIcon({ className: "ellipse-words", iconSize: null, html: h("span", {}, `95 %: ${where(incident)}`) }),
    }), "incidents");
  }

  #alternatives(incident, place, tone, add) {
    for (const other of incident.alternatives ?? []) {
      const there = [other.position.lat_deg, other.position.lon_deg];
      add(L.polyline([place, there], { pane: "ellipses", className: `mirror ${tone}`, dashArray: "2 7", interactive: false }), "ellipses");
      add(L.polygon(ellipsePoints(other.position, other.ellipse_95), {
        pane: "ellipses", smoothFactor: 0.2, className: `ellipse mirror ${tone}`, dashArray: "2 6",
      }), "ellipses").on("click", () => this.#onPick?.(incident.incident_id));
      add(L.marker(there, {
        pane: "incidents", keyboard: false, interactive: false,
        icon: L.divIcon({ className: "mirror-mark", iconSize: null, html: h("span", {}, `or here, ${percent(other.odds)}`) }),
      }), "incidents");
    }
  }

  #marker(incident, place, { selected, near = false }) {
    const fresh = !seen(incident);
    const best = incident.rounds.length;
    const face = h("div", { class: `pin${selected ? " chosen" : ""}${fresh ? " fresh" : ""}${near ? " near" : ""}${incident.exercise ? " exercise" : ""}` },
      symbol(incident.class, { size: selected ? 34 : 28, retracted: incident.state === "retracted", title: false }),
      best > 1 && !near ? h("span", { class: "count" }, best) : null,
      near ? h("span", { class: "near-words" }, "heard, not located") : null);
    const marker = L.marker(place, {
      pane: "incidents", keyboard: true, alt: spoken(incident), riseOnHover: true, zIndexOffset: selected ? 1000 : fresh ? 500 : 0,
      icon: L.divIcon({ className: "pin-holder", iconSize: [0, 0], html: face }),
    });
    marker.on("click", () => this.#onPick?.(incident.incident_id));
    marker.bindTooltip(() => h("div", {}, h("b", {}, `${incident.exercise ? "EXERCISE: " : ""}${CLASSES[incident.class]}`), h("br"),
      `${ago(incident.utc_ns)} ago, ${where(incident)}`), { direction: "top", offset: [0, -18], opacity: 1 });
    marker.on("add", () => {
      const element = marker.getElement();
      element?.setAttribute("aria-label", spoken(incident));
    });
    return marker;
  }

  /** Draw the sensors, where this role may see them, and the coverage. */
  sensors() {
    const group = this.#layers.sensors;
    group.clearLayers();
    for (const node of this.#model.nodes.values()) {
      if (!node.position) continue;
      const place = [node.position.lat_deg, node.position.lon_deg];
      const marker = L.marker(place, {
        pane: "sensors", keyboard: false,
        icon: L.divIcon({ className: "sensor-holder", iconSize: [0, 0], html: sensorSymbol(node.state) }),
      });
      marker.bindTooltip(() => sensorWords(node), { direction: "top", offset: [0, -8], opacity: 1 });
      let circle = null;
      marker.on("mouseover", () => {
        if (node.radius_m) circle = L.circle(place, { radius: node.radius_m, pane: "ellipses", className: "reach", interactive: false }).addTo(group);
      });
      marker.on("mouseout", () => circle?.remove());
      marker.addTo(group);
    }
    this.#layers.coverage.redraw();
    if (!this.#fitted) this.fit();
  }

  /** Bring everything into view; once by itself, later only when asked. */
  fit(asked = false) {
    const places = [];
    for (const site of this.#model.coverage?.sites ?? []) places.push(shrunk(site, 0.22), shrunk(site, 0.78));
    for (const node of this.#model.nodes.values()) if (node.position) places.push([node.position.lat_deg, node.position.lon_deg]);
    for (const { incident_id: id } of asked ? this.#model.list() : this.#model.list().slice(0, 50)) this.#placeOf(id, places);
    if (!places.length) return;
    this.#fitted = true;
    this.map.fitBounds(L.latLngBounds(places).pad(0.08), { animate: false, maxZoom: 17 });
  }

  #placeOf(id, places) {
    const incident = this.#model.incidents.get(id);
    const place = incident?.position ?? incident?.card?.near;
    if (place && typeof place.lat_deg === "number") places.push([place.lat_deg, place.lon_deg]);
  }

  /** Bring one incident, with its second places, into view. */
  go(incident) {
    const places = [];
    if (incident.position) {
      const ellipse = incident.ellipse_95 ?? { semi_major_m: 30, semi_minor_m: 30, azimuth_deg: 0 };
      places.push(...ellipsePoints(incident.position, { ...ellipse, semi_major_m: ellipse.semi_major_m * 5, semi_minor_m: ellipse.semi_major_m * 5 }, 8));
      for (const other of incident.alternatives ?? []) places.push([other.position.lat_deg, other.position.lon_deg]);
    } else if (incident.card?.near && typeof incident.card.near.lat_deg === "number") {
      const near = incident.card.near;
      places.push(...ellipsePoints(near, { semi_major_m: (near.radius_m ?? 500) * 1.3, semi_minor_m: (near.radius_m ?? 500) * 1.3, azimuth_deg: 0 }, 8));
    }
    if (places.length) {
      this.#fitted = true;
      this.map.fitBounds(L.latLngBounds(places).pad(0.15), { animate: false, maxZoom: 18.5 });
    }
  }

  /** West, south, east and north of what is in view. */
  box() {
    const bounds = this.map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()].map((each) => each.toFixed(6)).join(",");
  }

  get selected() { return this.#selected; }
  /** The page's colours have changed: take up those that are drawn and not styled. */
  repaint() {
    for (const layer of this.#ground) layer.resetStyle?.();
    this.#layers.grid.redraw();
    this.#layers.coverage.redraw();
  }
  resize() { this.map.invalidateSize({ animate: false }); }
  remove() {
    this.#removed = true;
    this.map.remove();
  }
}

function shrunk(site, share) {
  return [0, 1].map((axis) => site.south_west[axis] + (site.north_east[axis] - site.south_west[axis]) * share);
}

function sensorWords(node) {
  const noise = node.noise_db_spl === null ? "level not calibrated" : `noise ${node.noise_db_spl.toFixed(0)} dB`;
  const clock = node.clock_sigma_ns === null ? "clock unknown" : `clock ${node.clock_source} ± ${(node.clock_sigma_ns / 1e6).toFixed(1)} ms`;
  const states = { alive: "listening", silent: "SILENT", stopped: "stopped", quarantined: "QUARANTINED" };
  return h("div", { class: "sensor-words" }, h("b", {}, `${node.site}/${node.node}`), ` ${states[node.state] ?? node.state}`, h("br"),
    `heard of ${ago(node.utc_ns)} ago; ${noise}; ${clock}`, h("br"),
    node.radius_m ? `hears a pistol to about ${node.radius_m} m` : "takes no part",
    node.quarantine_reason ? [h("br"), node.quarantine_reason] : null,
    (node.problems ?? []).map((problem) => [h("br"), problem]));
}
