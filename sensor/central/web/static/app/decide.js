// Deciding about an incident: buttons, keys, and a reason for whatever takes something back.

import { h, put } from "./dom.js";
import { symbol } from "./symbols.js";
import { CLASSES } from "./words.js";

const REASONS = {
  reclassify: ["fireworks seen or reported", "regular beat: construction", "vehicle backfire", "heard on the clip", "officer's report", "waveform and intervals"],
  retract: ["no impulse on the clip", "same sound already reported", "test or training nearby", "sensor fault", "thunder", "officer found another cause"],
  restore: ["pressed by mistake", "new information", "supervisor's decision"],
};
const TITLES = { reclassify: "Reclassify", retract: "Retract", restore: "Take back the last decision" };

/** As what an incident is confirmed; null where that must be said first. */
export function confirmedAs(incident) {
  if (incident.class === "unknown") return null;
  return incident.class === "probable_gunshot" ? "gunshot" : incident.class;
}

/** What a confirmation sends: the class as this person sees it. */
export function confirmation(incident) {
  return { action: "confirm", class: confirmedAs(incident), reason: "" };
}

/** Ask for class and reason; resolves to the decision, or null when the person thought better of it. */
export function askDecision(action, incident) {
  return new Promise((resolve) => {
    let chosen = null;
    const reason = h("textarea", { id: "reason", rows: 2, maxlength: 500, required: true, "aria-describedby": "reason-hint" });
    const problem = h("p", { class: "alarm", role: "alert" });
    const classes = action === "reclassify" ? classPicker(incident, (name) => { chosen = name; reason.focus(); }) : null;
    const quick = (REASONS[action] ?? []).map((words, index) => h("button", {
      type: "button", class: "quick", onclick: () => { reason.value = words; reason.focus(); },
    }, h("kbd", {}, `Alt+${index + 1}`), words));
    const finish = (value) => { dialog.close(); dialog.remove(); resolve(value); };
    const send = () => {
      if (action === "reclassify" && !chosen) { problem.textContent = "Choose what it is."; return; }
      if (reason.value.trim().length < 3) { problem.textContent = "A reason is needed: it stays in the record."; reason.focus(); return; }
      finish({ action, class: chosen ?? undefined, reason: reason.value.trim() });
    };
    const dialog = h("dialog", { class: "decide", "aria-labelledby": "decide-title" },
      h("form", { method: "dialog", novalidate: true, onsubmit: (event) => { event.preventDefault(); send(); } },
        h("h2", { id: "decide-title" }, incident.exercise ? "EXERCISE: " : "", TITLES[action]), classes,
        h("label", { for: "reason" }, "Reason"), reason,
        h("p", { id: "reason-hint", class: "faint" }, "It becomes part of the record, with your name. ", h("kbd", {}, "Ctrl+Enter"), " sends, ", h("kbd", {}, "Esc"), " leaves all as it was."),
        h("div", { class: "quicks" }, quick), problem,
        h("div", { class: "row end" }, h("button", { type: "button", onclick: () => finish(null) }, "Cancel"),
          h("button", { type: "submit", class: "main" }, TITLES[action]))));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
    dialog.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
      if (event.altKey && /^[1-9]$/.test(event.key)) { event.preventDefault(); quick[Number(event.key) - 1]?.click(); }
    });
    document.body.append(dialog);
    dialog.showModal();
    (classes?.querySelector("input") ?? reason).focus();
  });
}

/** The classes as radio buttons, chosen by arrow keys or by number. */
function classPicker(incident, onChoose) {
  const names = Object.keys(CLASSES);
  const group = h("fieldset", { class: "classes" }, h("legend", {}, "What it is"), names.map((name, index) => h("label", {},
    h("input", { type: "radio", name: "class", value: name, disabled: name === incident.class, onchange: () => onChoose(name) }),
    symbol(name, { size: 20, title: false }), CLASSES[name], h("kbd", {}, index + 1))));
  group.addEventListener("keydown", (event) => {
    const name = names[Number(event.key) - 1];
    const input = name && group.querySelector(`input[value="${name}"]`);
    if (input && !input.disabled) { event.preventDefault(); input.checked = true; onChoose(name); }
  });
  return group;
}

/** The bar of buttons under an incident. ``act`` gets the name of what was pressed. */
export function actionBar(element, { incident, may, act, seenByMe }) {
  const button = (name, key, words, extra = {}) => h("button", { type: "button", "data-act": name, onclick: () => act(name), ...extra }, h("kbd", {}, key), words);
  const done = Boolean(incident.desk?.decision) || incident.state === "reviewed" || incident.state === "retracted";
  put(element,
    may("acknowledge") ? button("acknowledge", "A", seenByMe ? "Seen" : "I see it", { disabled: seenByMe }) : null,
    may("review") && !done ? [confirmedAs(incident) ? button("confirm", "C", `Confirm ${CLASSES[confirmedAs(incident)].toLowerCase()}`, { class: "main" }) : null, button("reclassify", "R", "Reclassify"), button("retract", "X", "Retract")] : null,
    may("review") && done ? [button("reclassify", "R", "Reclassify", { disabled: incident.state === "retracted" }), button("restore", "U", "Undo")] : null,
    may("disposition") ? button("disposition", "D", "What was found") : null);
}

/** What an officer found at the place. */
export function askOutcome(outcomes) {
  return new Promise((resolve) => {
    const note = h("textarea", { id: "note", rows: 2, maxlength: 500 });
    const finish = (value) => { dialog.close(); dialog.remove(); resolve(value); };
    const dialog = h("dialog", { class: "decide", "aria-labelledby": "outcome-title" }, h("h2", { id: "outcome-title" }, "What was found"),
      h("label", { for: "note" }, "Note (optional)"), note,
      h("div", { class: "quicks" }, Object.entries(outcomes).map(([name, words]) => h("button", {
        type: "button", class: "quick", onclick: () => finish({ outcome: name, note: note.value.trim() }),
      }, words))),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => finish(null) }, "Cancel")));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector(".quick").focus();
  });
}
