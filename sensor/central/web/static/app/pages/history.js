// History: the record by time, class, state, words and place; and out of the house as a table or GeoJSON.

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { stateWords } from "../list.js";
import { symbol } from "../symbols.js";
import { CLASSES, localTime, now, percent, rounds, STATES, tagWords, utcTime, where } from "../words.js";

export class HistoryPage {
  constructor(root, shell) {
    this.shell = shell;
    const day = new Date(now() - 7 * 86400e3).toISOString().slice(0, 16);
    const option = ([value, words]) => h("option", { value }, words);
    this.form = h("form", { class: "filters", onsubmit: (event) => { event.preventDefault(); this.#load(); } },
      h("label", {}, "From (UTC)", h("input", { type: "datetime-local", name: "since", value: day })),
      h("label", {}, "To (UTC)", h("input", { type: "datetime-local", name: "until" })),
      h("label", {}, "Class", h("select", { name: "class" }, option(["", "any"]), Object.entries(CLASSES).map(option))),
      h("label", {}, "State", h("select", { name: "state" }, option(["", "any"]), Object.entries(STATES).map(option))),
      h("label", {}, "Reviewed", h("select", { name: "reviewed" }, [["", "either"], ["yes", "yes"], ["no", "no"]].map(option))),
      h("label", {}, "Words", h("input", { type: "search", name: "text", maxlength: 200, placeholder: "id, reason, author, tag" })),
      h("label", { class: "wide" }, "Area (west,south,east,north)", h("span", { class: "row" }, h("input", { name: "bbox", maxlength: 100, placeholder: "anywhere" }),
        h("button", { type: "button", disabled: !shell.lastBox, onclick: () => { this.form.elements.bbox.value = shell.lastBoxText; } }, "What the map showed"))),
      h("div", { class: "row end wide" }, h("button", { type: "submit", class: "main" }, "Search"),
        shell.session.permissions.includes("export") ? [this.#export("csv", "CSV"), this.#export("geojson", "GeoJSON")] : null));
    this.told = h("p", { class: "faint", role: "status" });
    this.rows = h("tbody", {});
    put(root, h("div", { class: "wide-page" }, h("h1", {}, "History"), this.form, this.told, h("div", { class: "scroll" }, h("table", { class: "record" },
      h("thead", {}, h("tr", {}, ["", "Time", "Class", "Rounds", "Where", "p", "Confidence", "State", "Tags", "Reason"].map((each) => h("th", {}, each)))), this.rows))));
    this.#load();
  }

  #query() {
    const query = new URLSearchParams();
    for (const [key, value] of new FormData(this.form)) {
      if (value) query.set(key, key === "since" || key === "until" ? `${value}Z` : value);
    }
    return query;
  }

  #export(form, words) {
    return h("button", { type: "button", onclick: () => { location.assign(`/api/incidents.${form}?${this.#query()}`); } }, `Export ${words}`);
  }

  async #load() {
    try {
      const found = await get(`/api/incidents?${this.#query()}`);
      this.told.textContent = `${found.incidents.length} incident${found.incidents.length === 1 ? "" : "s"}${found.cut ? "; there are more, narrow the search or export" : ""}.`;
      put(this.rows, found.incidents.map((each) => this.#row(each)));
    } catch (error) {
      this.told.textContent = error.message;
    }
  }

  #row(incident) {
    const [kind, words] = stateWords(incident);
    const link = `/incident/${encodeURIComponent(incident.incident_id)}`;
    return h("tr", { class: kind }, h("td", {}, symbol(incident.class, { size: 20, retracted: incident.state === "retracted", title: false })),
      h("td", {}, h("a", { href: link, title: utcTime(incident.utc_ns) }, localTime(incident.utc_ns))), h("td", {}, CLASSES[incident.class]),
      h("td", {}, rounds(incident)), h("td", {}, where(incident)), h("td", { class: "num" }, percent(incident.p_gunshot)), h("td", {}, incident.confidence),
      h("td", {}, h("span", { class: `mark ${kind}` }, words)), h("td", {}, incident.tags.map((tag) => tagWords(tag.name)).join(", ")), h("td", {}, incident.reason));
  }

  update() { /* the record is looked up when asked */ }
  key() { return false; }
  close() { /* nothing is held */ }
}
