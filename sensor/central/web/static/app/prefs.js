// What a person set on this screen; kept in this browser alone.

const DEFAULTS = { sound: false, keys: true, theme: "night", coverage: true, sensors: true, alternatives: true, grid: true };

export function pref(name) {
  try {
    const text = localStorage.getItem(`gunshot.${name}`);
    return text === null ? DEFAULTS[name] : JSON.parse(text);
  } catch {
    return DEFAULTS[name];
  }
}
export function setPref(name, value) {
  try { localStorage.setItem(`gunshot.${name}`, JSON.stringify(value)); } catch { /* this browser keeps nothing */ }
}
