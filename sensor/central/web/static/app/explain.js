// The explain card: what an incident rests on, so that anybody can check it.

import { h, s } from "./dom.js";
import { metresBetween } from "./shapes.js";
import { CLASSES, coordinates, localTime, percent, rounds, STATES, tagWords, utcTime } from "./words.js";

const BELIEVED = 0.5;

function number(value, digits = 1) {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "–";
}

/** A bar about zero with a whisker of one sigma; what is ignored is hollow. */
function bar(value, sigma, reach, believed) {
  const wide = 160, mid = wide / 2, scale = (mid - 6) / reach;
  const clip = (x) => Math.max(2, Math.min(wide - 2, x));
  const end = clip(mid + value * scale);
  return s("svg", { viewBox: `0 0 ${wide} 18`, width: wide, height: 18, class: `bar${believed ? "" : " ignored"}`, "aria-hidden": "true" },
    s("path", { d: `M${mid} 1V17`, class: "axis" }),
    s("rect", { x: Math.min(mid, end), y: 5, width: Math.max(1.5, Math.abs(end - mid)), height: 8, rx: 1.5 }),
    sigma > 0 ? s("path", { d: `M${clip(end - sigma * scale)} 9H${clip(end + sigma * scale)}`, class: "whisker" }) : null);
}

function bars(value, reach) {
  const wide = 160, long = Math.max(1.5, Math.min(1, reach > 0 ? value / reach : 0) * (wide - 4));
  return s("svg", { viewBox: `0 0 ${wide} 18`, width: wide, height: 18, class: "bar", "aria-hidden": "true" },
    s("rect", { x: 0, y: 5, width: long, height: 8, rx: 1.5 }));
}

/** One line per arrival, from the card where it has them, else from the residuals alone. */
function arrivals(incident) {
  const listed = incident.card?.arrivals;
  if (Array.isArray(listed) && listed.length) return listed;
  return Object.entries(incident.residuals_ms ?? {}).map(([node, residual]) => ({ node, round: 0, residual_ms: residual }));
}

function residuals(incident) {
  const lines = arrivals(incident).filter((each) => typeof each.residual_ms === "number");
  if (!lines.length) return null;
  const believed = (each) => (each.weight ?? 1) >= BELIEVED;
  // The scale is set by what is believed: an echo half a second late must not flatten all the rest.
  const reach = Math.max(5, ...lines.filter(believed).map((each) => Math.abs(each.residual_ms) + (each.sigma_ms ?? 0)));
  const many = new Set(lines.map((each) => each.round)).size > 1;
  const ignored = lines.filter((each) => !believed(each)).length;
  return h("section", {}, h("h3", {}, "When each sensor heard it"),
    h("p", { class: "faint" }, `Observed less computed, for the place shown; late is to the right; full scale ±${number(reach, 0)} ms. ` +
      `1 ms is 34 cm of sound.${ignored ? ` ${ignored} of ${lines.length} are not believed (hollow).` : ""}`),
    h("div", { class: "scroll" }, h("table", { class: "figures" },
      h("thead", {}, h("tr", {}, h("th", {}, "Sensor"), many ? h("th", {}, "Round") : null, h("th", {}, "Residual"),
        h("th", { class: "num" }, "ms"), h("th", { class: "num" }, "± ms"), h("th", { class: "num" }, "weight"))),
      h("tbody", {}, lines.map((each) => [h("tr", { class: believed(each) ? null : "ignored" },
        h("th", { scope: "row" }, each.node), many ? h("td", {}, (each.round ?? 0) + 1) : null,
        h("td", {}, bar(each.residual_ms, each.sigma_ms ?? 0, reach, believed(each))),
        h("td", { class: "num" }, number(each.residual_ms)), h("td", { class: "num" }, number(each.sigma_ms)),
        h("td", { class: "num" }, number(each.weight, 2))),
      each.why ? h("tr", { class: "ignored why" }, h("td", { colspan: 6 }, each.why)) : null])))));
}

function leaveOneOut(incident) {
  const lines = incident.card?.leave_one_out;
  if (!Array.isArray(lines) || !lines.length) return null;
  const reach = Math.max(1, ...lines.map((each) => each.shift_m ?? 0));
  return h("section", {}, h("h3", {}, "If one sensor had not been there"),
    h("p", { class: "faint" }, "How far the place would move. One long bar means that it rests on that sensor alone."),
    h("div", { class: "scroll" }, h("table", { class: "figures" }, h("tbody", {}, lines.map((each) => h("tr", {},
      h("th", { scope: "row" }, each.node), h("td", {}, bars(each.shift_m ?? 0, reach)),
      h("td", { class: "num" }, typeof each.shift_m === "number" ? `${number(each.shift_m)} m` : "no place without it")))))));
}

function factors(incident) {
  const lines = incident.card?.class_factors;
  if (!Array.isArray(lines) || !lines.length) return null;
  const effect = (each) => each.effect ?? each.weight ?? each.log_odds;
  const reach = Math.max(0.5, ...lines.map((each) => Math.abs(effect(each) ?? 0)));
  return h("section", {}, h("h3", {}, "Why it is taken for what it is"),
    h("p", { class: "faint" }, "To the right speaks for gunfire, to the left against it (log odds)."),
    h("div", { class: "scroll" }, h("table", { class: "figures" }, h("tbody", {}, lines.map((each) => h("tr", {},
      h("th", { scope: "row" }, tagWords(each.name ?? "")),
      h("td", {}, typeof effect(each) === "number" ? bar(effect(each), 0, reach, true) : null),
      h("td", { class: "num" }, number(effect(each), 2)),
      h("td", {}, each.words ?? (each.value === undefined ? "" : String(each.value)))))))));
}

function air(incident) {
  const told = incident.card?.air;
  if (!told || typeof told !== "object") return null;
  const lines = Object.entries(told).filter(([, value]) => value !== null && typeof value !== "object");
  return h("section", {}, h("h3", {}, "Air"), h("p", {}, lines.map(([key, value]) =>
    h("span", { class: "pair" }, `${key.replace(/_(c|m_s)$/, "").replaceAll("_", " ")} `,
      h("b", {}, typeof value === "number" ? number(value) : value, key.endsWith("_c") ? " °C" : key.endsWith("m_s") ? " m/s" : "")))));
}

function silent(incident) {
  const told = incident.card?.silent;
  if (!Array.isArray(told) || !told.length) return null;
  const words = told.map((each) => typeof each === "string" ? each : `${each.node ?? "sensor"}${typeof each.distance_m === "number" ? ` (${number(each.distance_m, 0)} m)` : ""}${each.why ? `: ${each.why}` : ""}`);
  return h("section", {}, h("h3", {}, "Sensors that should have heard it and did not"), h("p", {}, words.join(", ")));
}

function tags(incident) {
  if (!incident.tags?.length) return null;
  return h("section", {}, h("h3", {}, "Tags and what they rest on"), h("ul", {}, incident.tags.map((tag) =>
    h("li", {}, h("b", {}, tagWords(tag.name)), " ", plain(tag.evidence)))));
}

function plain(value) {
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value).map(([key, each]) => `${key.replaceAll("_", " ")} ${typeof each === "number" ? +each.toPrecision(4) : typeof each === "object" ? JSON.stringify(each) : each}`).join(", ");
}

function words(incident) {
  const told = incident.card?.words;
  return Array.isArray(told) && told.length ? h("ul", { class: "sentences" }, told.map((each) => h("li", {}, each))) : null;
}

/** What a version changed. */
function changes(version, before) {
  if (!before) return ["first"];
  const told = [];
  if (version.class !== before.class) told.push(`${CLASSES[before.class]} → ${CLASSES[version.class]}`);
  if (version.state !== before.state) told.push(`${STATES[before.state]} → ${STATES[version.state]}`);
  if (rounds(version) !== rounds(before)) told.push(`${rounds(before)} → ${rounds(version)}`);
  if (version.position && !before.position) told.push("now located");
  if (!version.position && before.position) told.push("no longer located");
  if (version.position && before.position) {
    const moved = metresBetween(before.position, version.position);
    if (moved >= 0.5) told.push(`moved ${number(moved, moved < 10 ? 1 : 0)} m`);
  }
  if (Math.abs(version.p_gunshot - before.p_gunshot) >= 0.005) told.push(`p ${percent(before.p_gunshot)} → ${percent(version.p_gunshot)}`);
  if (version.nodes.length !== before.nodes.length) told.push(`${before.nodes.length} → ${version.nodes.length} sensors`);
  return told.length ? told : ["no figure changed"];
}

/** Every version with its author, its reason and its hash. */
export function history(whole) {
  const versions = whole.versions;
  return h("section", { class: "versions" }, h("h3", {}, "Versions"),
    h("p", { class: whole.chain.holds ? "faint" : "alarm" }, whole.chain.holds ? `The record holds: ${whole.chain.words}.` : `THE RECORD DOES NOT HOLD: ${whole.chain.words}`,
      versions.at(-1).redacted ? " The hashes are of the full record, with the sensors that your role does not see." : ""),
    h("ol", { reversed: true }, versions.map((version, index) => [version, versions[index - 1]]).reverse().map(([version, before]) =>
      h("li", { value: version.version }, h("div", {}, h("b", {}, `${version.version}. ${version.author}`), " · ",
        h("time", { title: utcTime(version.created_ns) }, localTime(version.created_ns)), " · ", changes(version, before).join("; ")),
      h("div", {}, version.reason), h("code", { title: version.hash ?? "" }, (version.hash ?? "no hash").slice(0, 16), version.signature ? " signed" : "")))));
}

/** The whole card. */
export function explain(incident) {
  const other = (incident.alternatives ?? []).map((each) => h("li", {}, `${coordinates(each.position)}, odds ${percent(each.odds)}`));
  return h("div", { class: "explain" }, words(incident),
    other.length ? h("section", {}, h("h3", {}, "Other places that the same arrivals allow"), h("ul", {}, other)) : null,
    residuals(incident), leaveOneOut(incident), factors(incident), tags(incident), silent(incident), air(incident));
}
