// One incident alone: where a link from CAD or a message leads.

import { at, get } from "../api.js";
import { Case } from "../case.js";
import { h, put } from "../dom.js";
import { TownMap } from "../townmap.js";

export class IncidentPage {
  constructor(root, shell, id) {
    this.model = shell.model;
    this.id = id;
    const field = h("div", { class: "town", role: "region", "aria-label": "Map" });
    this.panel = h("article", { class: "case" });
    this.problem = h("p", { class: "calm" });
    this.work = h("div", { class: "desk-work" }, this.panel, h("div", { class: "field" }, field));
    put(root, h("div", { class: "incident-page" }, this.problem, this.work));
    this.case = new Case(this.panel, { model: this.model, session: shell.session, withLink: false });
    this.town = new TownMap(field, { model: this.model, settings: shell.session.map, onPick: null });
    this.#load();
  }

  async #load() {
    if (!this.model.incidents.has(this.id)) {
      try {
        const whole = await get(at(this.id));
        this.model.take({ ...whole.incident, desk: whole.desk });
      } catch (error) {
        this.problem.textContent = error.message;
        this.work.hidden = true;
        return;
      }
    }
    this.update();
    this.town.sensors();
    this.town.go(this.model.incidents.get(this.id));
  }

  update() {
    const incident = this.model.incidents.get(this.id);
    if (!incident) return;
    this.case.show(incident);
    this.town.resize();
    this.town.show([incident], this.id);
  }

  key(name) {
    const act = { a: "acknowledge", c: "confirm", r: "reclassify", x: "retract", u: "restore", d: "disposition", p: "play" }[name];
    if (act) this.case.act(act);
    return Boolean(act);
  }

  close() { this.town.remove(); }
}
