// The map page: what happens now.

import { Case } from "../case.js";
import { h, put } from "../dom.js";
import { neighbour, showList } from "../list.js";
import { decided, seen } from "../model.js";
import { pref, setPref } from "../prefs.js";
import { legend, sensorSymbol } from "../symbols.js";
import { TownMap } from "../townmap.js";

const CHOICES = { waiting: "Waiting", day: "Last 24 h", gunfire: "Gunfire" };

export class MapPage {
  #choice = "day";
  #selected = null;

  constructor(root, shell) {
    this.shell = shell;
    this.model = shell.model;
    this.items = h("ul", { class: "items", "aria-label": "Incidents, newest first" });
    this.tabs = h("div", { class: "tabs", role: "group", "aria-label": "Which incidents" });
    const field = h("div", { class: "town", role: "region", "aria-label": "Map" });
    this.side = h("aside", { class: "case side", "aria-label": "Incident", hidden: true });
    this.status = h("div", { class: "status" });
    put(root, h("div", { class: "map-page" }, h("section", { class: "column" }, this.tabs, this.items, this.status), h("div", { class: "field" }, field, this.#switches()), this.side));
    this.case = new Case(this.side, { model: this.model, session: shell.session, onClose: () => this.pick(null) });
    this.town = new TownMap(field, { model: this.model, settings: shell.session.map, onPick: (id) => this.pick(id) });
    shell.lastBox = () => this.town.box();
    this.update("all");
  }

  #switches() {
    const box = (name, words) => h("label", {}, h("input", {
      type: "checkbox", checked: pref(name), onchange: (event) => { setPref(name, event.target.checked); this.town.toggle(); this.#draw(); },
    }), words);
    const may = (name) => this.shell.session.permissions.includes(name);
    const sensors = ["alive", "silent", "quarantined", "stopped"].map((state) => h("li", {}, sensorSymbol(state), { alive: "listening", silent: "silent", quarantined: "quarantined", stopped: "stopped" }[state]));
    return h("details", { class: "switches" }, h("summary", {}, "Map key"),
      h("div", {}, legend(), may("nodes") ? h("ul", { class: "legend" }, sensors) : null,
        h("p", { class: "faint" }, "Outline: ——— high, – – medium, · · · low confidence. The ellipse holds the place with 95 %."),
        may("coverage") ? box("coverage", "Coverage now") : null, may("nodes") ? box("sensors", "Sensors") : null,
        box("alternatives", "Second places"), box("grid", "Grid")));
  }

  #listed() {
    const all = this.model.list();
    if (this.#choice === "waiting") return all.filter((each) => !decided(each) && each.state !== "retracted");
    if (this.#choice === "gunfire") return all.filter((each) => ["gunshot", "probable_gunshot"].includes(each.class) && each.state !== "retracted");
    return all;
  }

  update(kind) {
    const all = this.model.list(), waiting = all.filter((each) => !seen(each)).length;
    put(this.tabs, Object.entries(CHOICES).map(([name, words]) => h("button", {
      type: "button", "aria-pressed": String(name === this.#choice), onclick: () => { this.#choice = name; this.update("incident"); },
    }, words, name === "waiting" && waiting ? h("span", { class: "badge" }, waiting) : null)));
    this.#draw();
    if (kind !== "incident") { this.town.sensors(); this.#status(); }
  }

  #draw() {
    const listed = this.#listed();
    showList(this.items, listed, { selected: this.#selected, onPick: (id) => this.pick(id), empty: "Nothing here. It is quiet." });
    const chosen = this.#selected && this.model.incidents.get(this.#selected);
    this.town.show(chosen && !listed.includes(chosen) ? [...listed, chosen] : listed, this.#selected);
    if (chosen) this.case.show(chosen);
  }

  #status() {
    const cover = this.model.coverage;
    if (!cover?.sites.length) { put(this.status, cover ? h("p", { class: "faint" }, "No sensor has told its place yet.") : null); return; }
    const silent = cover.nodes - cover.listening;
    put(this.status, h("h2", {}, "What the network hears now"), cover.sites.map((site) => h("div", { class: "cover" },
      h("span", {}, cover.sites.length > 1 ? `${site.site}: ` : "", h("b", {}, `${site.covered_km2.toFixed(2)} km²`), " covered"),
      site.share === null ? null : h("meter", { min: 0, max: 1, low: 0.6, high: 0.85, optimum: 1, value: site.share, "aria-label": "Coverage against a quiet night" }),
      h("span", { class: "faint" }, site.share === null ? "" : `${Math.round(site.share * 100)} % of a quiet night with every sensor`))),
    h("p", { class: silent ? "alarm" : "faint" }, silent ? `${silent} of ${cover.nodes} sensors do not take part.` : `All ${cover.nodes} sensors listen.`),
    cover.assumed ? h("p", { class: "faint" }, `${cover.assumed} not calibrated: ${cover.assumed_db_spl} dB assumed.`) : null);
  }

  pick(id, { move = true } = {}) {
    this.#selected = id;
    this.side.hidden = id === null;
    const incident = id && this.model.incidents.get(id);
    this.#draw();
    this.town.resize();
    if (incident) {
      if (move) this.town.go(incident);
      this.items.querySelector(`[data-id="${CSS.escape(id)}"]`)?.scrollIntoView({ block: "nearest" });
    }
  }

  key(name) {
    if (name === "j" || name === "k") {
      const next = neighbour(this.#listed(), this.#selected, name === "j" ? 1 : -1);
      if (next) { this.pick(next); this.items.querySelector(`[data-id="${CSS.escape(next)}"]`)?.focus(); }
      return true;
    }
    if (name === "escape" && this.#selected) { this.pick(null); return true; }
    const act = { a: "acknowledge", c: "confirm", r: "reclassify", x: "retract", u: "restore", d: "disposition", p: "play" }[name];
    if (act && this.#selected) { this.case.act(act); return true; }
    return false;
  }

  close() { this.town.remove(); }
}
