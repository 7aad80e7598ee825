// A shape for each class, so that nothing rests on colour alone. Colours after Okabe and Ito (2008), told apart by all
// common kinds of colour blindness; the fill of a class is set in base.css.

import { h, s } from "./dom.js";
import { CLASSES } from "./words.js";

const SHAPES = {
  gunshot: () => [s("path", { d: "M16 3 29 16 16 29 3 16Z" })],
  probable_gunshot: () => [
    s("path", { d: "M16 3 29 16 16 29 3 16Z", class: "hollow" }),
    s("path", { d: "M16 3 16 29 3 16Z" }),
  ],
  fireworks: () => [
    s("path", { d: "M16 2 18.6 12 27 6 21 13.6 30 16 21 18.4 27 26 18.6 20 16 30 13.4 20 5 26 11 18.4 2 16 11 13.6 5 6 13.4 12Z" }),
  ],
  construction: () => [s("path", { d: "M5 5H27V27H5Z" })],
  backfire: () => [s("path", { d: "M16 4 30 28H2Z" })],
  other: () => [s("circle", { cx: 16, cy: 16, r: 12 })],
  unknown: () => [
    s("circle", { cx: 16, cy: 16, r: 12, class: "hollow" }),
    s("text", { x: 16, y: 22, "text-anchor": "middle" }, "?"),
  ],
};

/** The symbol of a class; crossed out when the incident was retracted. */
export function symbol(name, { size = 26, retracted = false, title = true } = {}) {
  const shape = (SHAPES[name] ?? SHAPES.unknown)();
  return s("svg", {
    viewBox: "0 0 32 32", width: size, height: size, class: `symbol class-${name in SHAPES ? name : "unknown"}`,
    role: title ? "img" : null, "aria-label": title ? CLASSES[name] ?? name : null, "aria-hidden": title ? null : "true",
  }, shape, retracted ? s("path", { d: "M4 28 28 4", class: "strike" }) : null);
}

/** A sensor's state as a shape: filled, hollow, crossed, barred. */
export function sensorSymbol(state, size = 14) {
  const marks = {
    alive: [s("circle", { cx: 8, cy: 8, r: 5 })],
    silent: [s("circle", { cx: 8, cy: 8, r: 5, class: "hollow" }), s("path", { d: "M3 13 13 3", class: "strike" })],
    stopped: [s("path", { d: "M4 4H12V12H4Z", class: "hollow" })],
    quarantined: [s("path", { d: "M8 1.5 15 14H1Z", class: "hollow" }), s("path", { d: "M8 6V10", class: "strike" })],
  };
  return s("svg", { viewBox: "0 0 16 16", width: size, height: size, class: `sensor sensor-${state}`, "aria-hidden": "true" },
    marks[state] ?? marks.silent);
}

/** What the symbols mean. */
export function legend() {
  return h("ul", { class: "legend" },
    Object.entries(CLASSES).map(([name, words]) => h("li", {}, symbol(name, { size: 16, title: false }), words)));
}
