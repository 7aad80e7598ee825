// Practice: the desk with cases whose truth is known, marked everywhere and scored.

import { get, post } from "../api.js";
import { actionBar, askDecision, confirmation } from "../decide.js";
import { announce, h, put } from "../dom.js";
import { explain } from "../explain.js";
import { chips } from "../list.js";
import { symbol } from "../symbols.js";
import { TownMap } from "../townmap.js";
import { ago, CLASSES, coordinates, localTime, percent, rounds, spoken, where } from "../words.js";

export class PracticePage {
  #state = { running: false };
  #waiting = null;
  #closed = false;

  constructor(root, shell) {
    this.shell = shell;
    this.model = shell.model;
    this.stage = h("div", {});
    put(root, h("div", { class: "practice-page" }, h("p", { class: "exercise-words" }, "PRACTICE – nothing here is real, and no officer is told of it"), this.stage));
    this.#home();
  }

  async #home() {
    try {
      const told = await get("/api/practice");
      if (told.state.running) { this.#begin(told.state); return; }
      put(this.stage, h("h1", {}, "Practice"), h("p", {}, "Incidents with a known truth appear as they do at the desk. Say that you see them, decide, and learn at once what they were. Times and decisions are scored."),
        h("ul", { class: "drills" }, told.drills.map((drill) => h("li", {}, h("h2", {}, drill.title), h("p", {}, `${drill.words} ${drill.cases} cases.`),
          h("button", { type: "button", class: "main", onclick: () => this.#do(async () => this.#begin(await post("/api/practice/start", { drill: drill.id }))) }, "Start")))),
        h("h2", {}, "Scores"), scores(told.scores, this.shell.session));
    } catch (error) {
      put(this.stage, h("p", { class: "alarm" }, error.message));
    }
  }

  #begin(state) {
    this.#state = state;
    const field = h("div", { class: "town", role: "region", "aria-label": "Map" });
    this.progress = h("h2", {});
    this.panel = h("article", { class: "case exercise" });
    this.problem = h("p", { class: "alarm", role: "alert" });
    put(this.stage, h("div", { class: "row" }, this.progress, h("button", { type: "button", onclick: () => this.#do(async () => { await post("/api/practice/stop"); this.#home(); }) }, "Give up")), this.problem,
      h("div", { class: "desk-work" }, this.panel, h("div", { class: "field" }, field)));
    this.town?.remove();
    this.town = new TownMap(field, { model: this.model, settings: this.shell.session.map, onPick: null });
    this.town.sensors();
    this.#show(state);
  }

  #show(state) {
    this.#state = state;
    this.progress.textContent = `${state.title}: case ${state.number} of ${state.of}`;
    const incident = state.incident;
    if (!incident) { this.#wait(); return; }
    const actions = h("div", { class: "actions", role: "group", "aria-label": "Decide" });
    actionBar(actions, { incident, may: (name) => ["acknowledge", "review"].includes(name), act: (name) => this.#act(name), seenByMe: state.acknowledged });
    put(this.panel, h("p", { class: "exercise-words" }, "EXERCISE – not to be acted on"),
      h("div", { class: "case-head" }, symbol(incident.class, { size: 44 }), h("div", {}, h("h2", {}, CLASSES[incident.class]), h("p", {}, chips(incident)))),
      h("p", {}, h("span", { class: "big", "data-since": incident.utc_ns }, ago(incident.utc_ns)), " ago · ", rounds(incident), " · ", percent(incident.p_gunshot), ` · ${incident.confidence} confidence · ${incident.nodes.length} sensors`),
      h("p", {}, incident.position ? `${coordinates(incident.position)}, ${where(incident)}` : where(incident), ` · ${localTime(incident.utc_ns)}`), actions, explain(incident));
    this.town.resize();
    this.town.show([incident], incident.incident_id);
    this.town.go(incident);
  }

  /** A pause of a few seconds, as in life: nobody knows when the next one comes. */
  #wait() {
    put(this.panel, h("p", { class: "calm" }, "Quiet. The next one will come…"));
    this.town.show([]);
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.#do(async () => {
      if (this.#closed) return;
      const state = await post("/api/practice/next");
      this.shell.ring(state.incident);
      announce(`New: ${spoken(state.incident)}`, true);
      this.#show(state);
    }), 1500 + Math.random() * 4000);
  }

  async #act(name) {
    if (name === "acknowledge") { await this.#do(async () => this.#show(await post("/api/practice/acknowledge"))); return; }
    const incident = this.#state.incident;
    const decision = name === "confirm" ? confirmation(incident) : await askDecision(name, incident);
    if (decision) await this.#do(async () => this.#judged(await post("/api/practice/decide", decision)));
  }

  #judged({ answer, cap, result }) {
    this.#state = { ...this.#state, incident: null };
    announce(`${answer.right ? "Right" : "Not right"}. It was ${answer.truth}.`, true);
    put(this.panel, h("p", { class: "exercise-words" }, "EXERCISE – not to be acted on"), h("h2", { class: answer.right ? "good" : "alarm" }, answer.right ? "✓ Right" : "✗ Not right"),
      h("p", {}, "It was: ", h("b", {}, answer.truth), "."), answer.lesson ? h("p", {}, answer.lesson) : null,
      h("p", { class: "faint" }, `Seen after ${answer.acknowledged_s === null ? "– (you never said so)" : `${answer.acknowledged_s.toFixed(1)} s`}, decided after ${answer.decided_s.toFixed(1)} s.`),
      result ? [h("h3", {}, "The whole drill"), summary(result)] : null,
      h("button", { type: "button", class: "main", "data-act": "onward", onclick: () => this.#onward(result) }, h("kbd", {}, "Enter"), result ? "To the scores" : "Next"),
      h("details", {}, h("summary", {}, "What CAD would have received"), h("pre", { tabindex: 0 }, cap)));
    this.panel.querySelector('[data-act="onward"]').focus();
  }

  #onward(result) {
    if (result) { this.town.remove(); this.town = null; this.#home(); } else this.#do(async () => this.#show((await get("/api/practice")).state));
  }

  async #do(work) {
    try {
      if (this.problem) this.problem.textContent = "";
      await work();
    } catch (error) {
      if (this.problem?.isConnected) this.problem.textContent = error.message;
      else put(this.stage, h("p", { class: "alarm" }, error.message));
    }
  }

  update() { /* real incidents do not disturb an exercise; the head line still counts them */ }
  key(name) {
    const act = { a: "acknowledge", c: "confirm", r: "reclassify", x: "retract" }[name];
    const button = act && this.stage.querySelector(`[data-act="${act}"]`);
    if (button && !button.disabled) button.click();
    return Boolean(button);
  }
  close() { this.#closed = true; clearTimeout(this.#waiting); this.town?.remove(); }
}

function seconds(value) { return value === null || value === undefined ? "–" : `${value.toFixed(1)} s`; }

function summary(result) {
  return h("p", {}, h("b", {}, `${result.right} of ${result.cases} right`), `; gunfire missed ${result.missed_gunfire}, false alarms ${result.false_alarms}; ` +
    `median to see ${seconds(result.acknowledge_median_s)}, to decide ${seconds(result.decide_median_s)}.`);
}

function scores(list, session) {
  if (!list.length) return h("p", { class: "faint" }, "None yet.");
  return h("div", { class: "scroll" }, h("table", { class: "record" }, h("thead", {}, h("tr", {}, ["When", "Who", "Drill", "Right", "Missed", "False alarms", "Seen after", "Decided after"].map((each) => h("th", {}, each)))),
    h("tbody", {}, list.map((each) => h("tr", { class: each.trainee === session.name ? "mine" : null }, h("td", {}, localTime(each.at_ns)), h("td", {}, each.trainee), h("td", {}, each.drill),
      h("td", {}, `${each.right} of ${each.cases}`), h("td", {}, each.missed_gunfire), h("td", {}, each.false_alarms), h("td", {}, seconds(each.acknowledge_median_s)), h("td", {}, seconds(each.decide_median_s)))))));
}
