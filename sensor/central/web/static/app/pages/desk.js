// The review desk: what waits for a person, and everything needed to decide, without a mouse.

import { Case } from "../case.js";
import { h, put } from "../dom.js";
import { neighbour, showList } from "../list.js";
import { decided } from "../model.js";
import { TownMap } from "../townmap.js";

export class DeskPage {
  #selected = null;
  #done = [];

  constructor(root, shell) {
    this.shell = shell;
    this.model = shell.model;
    this.count = h("h2", {});
    this.items = h("ul", { class: "items", "aria-label": "Waiting for review, newest first" });
    this.doneTitle = h("h2", {}, "Decided here");
    this.done = h("ul", { class: "items", "aria-label": "Decided here, so that it can be taken back" });
    const field = h("div", { class: "town", role: "region", "aria-label": "Map" });
    this.panel = h("article", { class: "case" });
    this.none = h("p", { class: "calm" }, "Nothing waits for review.");
    this.work = h("div", { class: "desk-work" }, this.panel, h("div", { class: "field" }, field));
    put(root, h("div", { class: "desk-page" }, h("section", { class: "column" }, this.count, this.items, this.doneTitle, this.done), h("div", {}, this.none, this.work)));
    this.case = new Case(this.panel, { model: this.model, session: shell.session });
    this.town = new TownMap(field, { model: this.model, settings: shell.session.map, onPick: (id) => this.pick(id) });
    this.update("all");
  }

  update(kind) {
    const queue = this.model.queue();
    const chosen = this.#selected && this.model.incidents.get(this.#selected);
    if (chosen && (decided(chosen) || chosen.state === "retracted") && !this.#done.includes(this.#selected)) {
      this.#done = [this.#selected, ...this.#done].slice(0, 20);
    }
    if (!chosen) this.#selected = queue[0]?.incident_id ?? null;
    this.#draw(queue, kind !== "incident");
  }

  #draw(queue, all) {
    const done = this.#done.map((id) => this.model.incidents.get(id)).filter((each) => each && (decided(each) || each.state === "retracted"));
    put(this.count, queue.length ? `${queue.length} waiting for review` : "Queue is empty");
    const pick = (id) => this.pick(id);
    showList(this.items, queue, { selected: this.#selected, onPick: pick, empty: "All incidents of the last 24 h are decided." });
    showList(this.done, done, { selected: this.#selected, onPick: pick, empty: "" });
    this.doneTitle.hidden = this.done.hidden = !done.length;
    const chosen = this.#selected && this.model.incidents.get(this.#selected);
    this.none.hidden = Boolean(chosen);
    this.work.hidden = !chosen;
    if (chosen) {
      const moved = this.case.id !== chosen.incident_id;
      this.case.show(chosen);
      this.town.resize();
      this.town.show([chosen, ...this.model.list().filter((each) => chosen.related_to.includes(each.incident_id))], chosen.incident_id);
      if (moved) this.town.go(chosen);
    }
    if (all) this.town.sensors();
  }

  pick(id) {
    this.#selected = id;
    this.#draw(this.model.queue(), false);
    document.querySelector(`.desk-page [data-id="${CSS.escape(id)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  key(name) {
    if (name === "j" || name === "k") {
      const next = neighbour(this.model.queue(), this.#selected, name === "j" ? 1 : -1);
      if (next) this.pick(next);
      return true;
    }
    const act = { a: "acknowledge", c: "confirm", r: "reclassify", x: "retract", u: "restore", d: "disposition", p: "play" }[name];
    if (act && this.#selected) { this.case.act(act); return true; }
    return false;
  }

  close() { this.town.remove(); }
}
