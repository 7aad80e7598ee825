// Elements from values. Text is always text: nothing here takes markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** An HTML element; keys that begin with "on" are listeners, "class", "data-*" and "aria-*" are attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  return fill(element, children);
}

/** An SVG element. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  return fill(element, children);
}

/** Put new children in the place of the old. */
export function put(element, ...children) {
  element.replaceChildren();
  return fill(element, children);
}

/** Say something to a screen reader; loudly when it must not wait. */
export function announce(text, loudly = false) {
  const place = document.getElementById(loudly ? "announce" : "whisper");
  place.textContent = "";
  // A frame later, so that the same words twice are said twice.
  requestAnimationFrame(() => { place.textContent = text; });
}

/** Whether a key press belongs to a field that is being typed in. */
export function typing(event) {
  const at = event.target;
  return event.ctrlKey || event.metaKey || event.altKey ||
    (at instanceof HTMLElement && (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName)));
}
