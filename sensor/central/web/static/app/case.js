// One incident with everything: what a dispatcher reads out, what a reviewer decides on, what an auditor checks.

import { at, post } from "./api.js";
import { actionBar, askDecision, askOutcome, confirmation } from "./decide.js";
import { announce, h, put } from "./dom.js";
import { explain, history } from "./explain.js";
import { chips, stateWords } from "./list.js";
import { streetsCame, streetWords } from "./streets.js";
import { symbol } from "./symbols.js";
import { ago, CLASSES, coordinates, localTime, OUTCOMES, percent, rounds, spoken, utcTime, where } from "./words.js";

export class Case {
  #model;
  #session;
  #incident = null;
  #whole = null;
  #asked = 0;
  #busy = false;

  constructor(element, { model, session, onClose = null, withLink = true }) {
    this.element = element;
    this.#model = model;
    this.#session = session;
    this.onClose = onClose;
    this.withLink = withLink;
    this.facts = h("div", { class: "facts" });
    this.problem = h("p", { class: "alarm", role: "alert" });
    this.actions = h("div", { class: "actions", role: "group", "aria-label": "Decide" });
    this.said = h("div", {});
    this.sound = h("div", {});
    this.card = h("div", {});
    this.versions = h("div", {});
    streetsCame.then(() => { if (this.#incident) this.#facts(); });
    put(element, this.facts, this.actions, this.problem, this.said, this.sound, this.card, this.versions);
  }

  get id() { return this.#incident?.incident_id ?? null; }
  #may = (name) => this.#session.permissions.includes(name);

  /** Show an incident, or its newest version if it is shown already. */
  show(incident) {
    const other = incident.incident_id !== this.#incident?.incident_id;
    const newer = other || incident.version !== this.#incident?.version;
    this.#incident = incident;
    if (other) {
      this.#whole = null;
      this.problem.textContent = "";
      put(this.sound);
      put(this.versions);
    }
    this.#facts();
    this.#actions();
    this.#said();
    if (newer) {
      put(this.card, explain(incident));
      this.#load();
    }
  }

  async #load() {
    const asked = ++this.#asked, id = this.id;
    try {
      const whole = await this.#model.whole(id);
      if (asked !== this.#asked || id !== this.id) return;
      this.#whole = whole;
      put(this.versions, history(whole), deliveries(whole));
      this.#evidence(whole.evidence);
    } catch (error) {
      if (asked === this.#asked) this.problem.textContent = error.message;
    }
  }

  #facts() {
    const incident = this.#incident, [kind, words] = stateWords(incident);
    put(this.facts,
      incident.exercise ? h("p", { class: "exercise-words" }, "EXERCISE – not to be acted on") : null,
      h("div", { class: "case-head" }, symbol(incident.class, { size: 44, retracted: incident.state === "retracted" }),
        h("div", {}, h("h2", { tabindex: "-1" }, CLASSES[incident.class] ?? incident.class), h("p", {}, h("span", { class: `mark ${kind}` }, words), chips(incident))),
        this.onClose ? h("button", { type: "button", class: "close", "aria-label": "Close", onclick: this.onClose }, "×") : null),
      h("dl", { class: "grid" },
        pair("Since", [h("span", { class: "big", "data-since": incident.utc_ns }, ago(incident.utc_ns))]),
        pair("Rounds", [h("span", { class: "big" }, incident.rounds.length || "–"), incident.rounds_lo !== incident.rounds_hi ? h("span", { class: "faint" }, ` ${incident.rounds_lo} to ${incident.rounds_hi}`) : null]),
        pair("Gunfire", [h("span", { class: "big" }, percent(incident.p_gunshot)), h("span", { class: "faint" }, " likely")]),
        pair("Place", this.#place(), "wide"),
        pair("First discharge", [localTime(incident.utc_ns, { millis: true }), h("br"), h("span", { class: "faint" }, utcTime(incident.utc_ns))], "wide"),
        pair("Heard by", [`${incident.nodes.length} sensor${incident.nodes.length === 1 ? "" : "s"}`, incident.redacted ? null : h("span", { class: "faint" }, ` ${incident.nodes.join(", ")}`)], "wide")),
      this.withLink && !incident.exercise ? h("p", { class: "faint" }, h("a", { href: `/incident/${encodeURIComponent(incident.incident_id)}` }, "This incident alone"), ` · ${incident.incident_id} version ${incident.version}`) : null);
  }

  #place() {
    const incident = this.#incident, street = incident.position && streetWords(incident.position);
    if (!incident.position) return h("b", {}, where(incident));
    return [street ? [h("b", { class: "street" }, street), h("br")] : null, h("b", {}, coordinates(incident.position)), h("br"), where(incident), ` at 95 %, ${incident.confidence} confidence`];
  }

  #actions() {
    const me = this.#session.name;
    actionBar(this.actions, {
      incident: this.#incident, may: this.#may, act: (name) => this.act(name),
      seenByMe: this.#incident.desk?.acknowledged.some((each) => each.by === me) ?? false,
    });
  }

  #said() {
    const desk = this.#incident.desk;
    const lines = [];
    if (desk?.decision) lines.push(`${desk.decision.by}: ${desk.decision.label.replaceAll("_", " ")}${desk.decision.reason ? ` – ${desk.decision.reason}` : ""}`);
    for (const each of desk?.dispositions ?? []) lines.push(`${each.by} (${each.source}): ${each.label}${each.reason ? ` – ${each.reason}` : ""}`);
    put(this.said, lines.length ? h("section", {}, h("h3", {}, "What people said"), h("ul", {}, lines.map((line) => h("li", {}, line)))) : null);
  }

  #evidence(evidence) {
    const players = evidence.events.map((event) => h("div", { class: "row" },
      h("button", { type: "button", onclick: (press) => this.#play(press.currentTarget, event) }, h("kbd", {}, "P"), "Play the sound"),
      h("span", { class: "faint" }, "each hearing is audited")));
    put(this.sound, h("section", {}, h("h3", {}, "Sound"), evidence.events.length ? players : h("p", { class: "faint" }, evidence.words)));
  }

  #play(button, event) {
    button.replaceWith(h("audio", { controls: true, autoplay: true, src: at(this.id, `/evidence/${encodeURIComponent(event)}`) }));
  }

  /** Do what a button or a key asks for. */
  async act(name) {
    const button = this.actions.querySelector(`[data-act="${name}"]`);
    if (name === "play") { this.sound.querySelector("button")?.click(); return; }
    if (!button || button.disabled || this.#busy) return;
    this.#busy = true;
    this.problem.textContent = "";
    const incident = this.#incident;
    try {
      if (name === "acknowledge") this.#heard(await post(at(incident.incident_id, "/acknowledge")), incident);
      else if (name === "disposition") {
        const found = await askOutcome(OUTCOMES);
        if (found) this.#heard(await post(at(incident.incident_id, "/disposition"), found), incident);
      } else await this.#decide(name, incident);
    } catch (error) {
      this.problem.textContent = error.message;
      announce(error.message, true);
      if (error.status === 409) await this.#model.load();
    } finally {
      this.#busy = false;
    }
  }

  async #decide(name, incident) {
    const decision = name === "confirm" ? confirmation(incident) : await askDecision(name, incident);
    if (!decision) return;
    const answer = await post(at(incident.incident_id, "/review"), { ...decision, expected_version: incident.version });
    this.#model.take(answer.incident);
    this.#heard(answer, incident);
    announce(`${{ confirm: "Confirmed", reclassify: "Reclassified", retract: "Retracted", restore: "Taken back" }[name]}: ${spoken(answer.incident)}`);
  }

  #heard(answer, incident) { this.#model.takeDesk({ incident_id: incident.incident_id, desk: answer.desk }); }
}

function pair(name, value, kind = "") { return h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value)); }

function deliveries(whole) {
  if (!whole.deliveries.length) return null;
  return h("section", {}, h("h3", {}, "Who was told"), h("ul", {}, whole.deliveries.map((each) =>
    h("li", {}, `${each.channel}: version ${each.version} ${each.state}${each.reason ? ` (${each.reason})` : ""}`))));
}
