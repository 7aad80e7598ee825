// Incidents as a list of buttons, newest first.

import { h, put } from "./dom.js";
import { decided, seen } from "./model.js";
import { symbol } from "./symbols.js";
import { ago, CLASSES, localTime, percent, rounds, spoken, STATES, tagWords, where } from "./words.js";

/** What a person should know of an incident's state, in a word or two. */
export function stateWords(incident) {
  if (incident.state === "retracted") return ["retracted", `retracted by ${incident.author}`];
  const decision = incident.desk?.decision;
  if (decided(incident)) return ["decided", `reviewed by ${decision?.by ?? incident.author}`];
  const seenBy = (incident.desk?.acknowledged ?? []).map((each) => each.by);
  if (seenBy.length) return ["seen", `seen by ${seenBy.join(", ")}`];
  return ["fresh", incident.state === "open" ? "new, coming in" : "new"];
}

/** Small words with an outline: tags, exercise, second place. */
export function chips(incident) {
  return [
    incident.exercise ? h("span", { class: "chip exercise" }, "EXERCISE") : null,
    (incident.tags ?? []).map((tag) => h("span", { class: "chip" }, tagWords(tag.name))),
    incident.alternatives?.length ? h("span", { class: "chip warn" }, "two places fit") : null,
    incident.related_to?.length ? h("span", { class: "chip" }, "related") : null,
  ];
}

function row(incident, selected, onPick) {
  const [kind, words] = stateWords(incident);
  return h("li", {}, h("button", {
    type: "button", class: `item ${kind}${incident.exercise ? " exercise" : ""}`, "data-id": incident.incident_id,
    "aria-current": incident.incident_id === selected ? "true" : null, "aria-label": `${spoken(incident)}; ${words}`,
    onclick: () => onPick(incident.incident_id),
  },
  symbol(incident.class, { size: 30, retracted: incident.state === "retracted", title: false }),
  h("span", { class: "item-words" },
    h("span", { class: "item-head" }, h("b", {}, CLASSES[incident.class] ?? incident.class),
      h("span", { class: "since", "data-since": incident.utc_ns }, ago(incident.utc_ns))),
    h("span", { class: "item-line" }, rounds(incident), " · ", where(incident)),
    h("span", { class: "item-line faint" }, localTime(incident.utc_ns, { dated: false }), " · p ", percent(incident.p_gunshot), " · ",
      `${incident.confidence} confidence`),
    h("span", { class: "item-line" }, h("span", { class: `mark ${kind}` }, words), chips(incident)))));
}

/** Fill a list; keeps the focus on the incident that had it. */
export function showList(element, incidents, { selected, onPick, empty }) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  put(element, incidents.length ? incidents.map((each) => row(each, selected, onPick)) : h("li", { class: "empty" }, empty));
  if (focused) element.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Keep all "time since" words true. */
export function tick() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const words = ago(Number(element.dataset.since));
    if (element.textContent !== words) element.textContent = words;
  }
}

/** The incident before or after the chosen one in a list. */
export function neighbour(incidents, selected, step) {
  if (!incidents.length) return null;
  const index = incidents.findIndex((each) => each.incident_id === selected);
  if (index < 0) return incidents[step > 0 ? 0 : incidents.length - 1].incident_id;
  return incidents[Math.min(incidents.length - 1, Math.max(0, index + step))].incident_id;
}

export { STATES, seen };
