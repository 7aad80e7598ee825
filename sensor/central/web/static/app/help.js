// The keys, and where to turn them off.

import { h } from "./dom.js";
import { pref, setPref } from "./prefs.js";

const KEYS = [
  ["J / K", "next / previous incident"], ["A", "I see it"], ["C", "confirm"], ["R", "reclassify, with a reason"], ["X", "retract, with a reason"],
  ["U", "undo: take back the last decision"], ["D", "what was found at the place"], ["P", "play the sound, where there is any"], ["Esc", "close"],
  ["1 … 5", "map, desk, history, practice, audit"], ["?", "this list"],
];

export function showHelp() {
  const close = () => { dialog.close(); dialog.remove(); };
  const dialog = h("dialog", { class: "decide", "aria-labelledby": "help-title" }, h("h2", { id: "help-title" }, "Keys"),
    h("dl", { class: "keys" }, KEYS.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)])),
    h("label", {}, h("input", { type: "checkbox", checked: pref("keys"), onchange: (event) => setPref("keys", event.target.checked) }), "Single keys work (turn them off for speech input)"),
    h("div", { class: "row end" }, h("button", { type: "button", class: "main", onclick: close }, "Close")));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  document.body.append(dialog);
  dialog.showModal();
}
