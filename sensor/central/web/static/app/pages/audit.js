// The audit: who did what.

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { localTime, utcTime } from "../words.js";

export class AuditPage {
  constructor(root) {
    this.form = h("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); this.#load(); } },
      ["actor", "action", "subject"].map((name) => h("label", {}, { actor: "Who", action: "What", subject: "Of what" }[name], h("input", { name, maxlength: 200 }))),
      h("div", { class: "row end" }, h("button", { type: "submit", class: "main" }, "Search")));
    this.told = h("p", { class: "faint", role: "status" });
    this.rows = h("tbody", {});
    put(root, h("div", { class: "wide-page" }, h("h1", {}, "Audit"), this.form, this.told, h("div", { class: "scroll" }, h("table", { class: "record" },
      h("thead", {}, h("tr", {}, ["Time", "Who", "What", "Of what", "Details", "Hash"].map((each) => h("th", {}, each)))), this.rows))));
    this.#load();
  }

  async #load() {
    const query = new URLSearchParams([...new FormData(this.form)].filter(([, value]) => value));
    try {
      const { entries } = await get(`/api/audit?${query}`);
      this.told.textContent = `${entries.length} entries, newest first; each one carries the hash of the one before it.`;
      put(this.rows, entries.map((each) => h("tr", {}, h("td", { title: utcTime(each.at_ns) }, localTime(each.at_ns)), h("td", {}, each.actor), h("td", {}, each.action),
        h("td", {}, each.subject), h("td", {}, Object.entries(each.detail).filter(([, value]) => value !== null).map(([key, value]) => `${key}: ${value}`).join("; ")), h("td", {}, h("code", { title: each.hash }, each.hash.slice(0, 12))))));
    } catch (error) {
      this.told.textContent = error.message;
    }
  }

  update() { /* looked up when asked */ }
  key() { return false; }
  close() { /* nothing is held */ }
}
