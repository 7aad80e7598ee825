// Incidents in words: the same on map, desk, history and in what a screen reader says.

export const CLASSES = {
  gunshot: "Gunshot",
  probable_gunshot: "Probable gunshot",
  fireworks: "Fireworks",
  construction: "Construction",
  backfire: "Backfire",
  other: "Other impulse",
  unknown: "Unknown impulse",
};
export const STATES = {
  open: "coming in",
  located: "located",
  classified: "classified",
  reviewed: "reviewed",
  closed: "closed",
  retracted: "retracted",
};
export const OUTCOMES = {
  casings_found: "Casings found",
  victim_found: "Victim found",
  property_damage: "Property damage",
  witness: "Witness",
  nothing_found: "Nothing found",
  not_searched: "Not searched",
  not_a_shot: "Not a shot",
};
const TAGS = {
  full_auto: "full automatic",
  several_shooters: "several shooters",
  fireworks_mode: "fireworks mode",
};

let offsetMs = 0;

/** Set our clock by the server's. */
export function setClock(nowNs) { offsetMs = nowNs / 1e6 - Date.now(); }
/** The server's time, milliseconds since 1970. */
export function now() { return Date.now() + offsetMs; }

export function tagWords(name) { return TAGS[name] ?? String(name).replaceAll("_", " "); }

/** "0:42", "12 min", "3 h", "2 d": how long ago. */
export function ago(utcNs) {
  const seconds = Math.max(0, Math.floor((now() - utcNs / 1e6) / 1000));
  if (seconds < 600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function pad(value, digits = 2) { return String(value).padStart(digits, "0"); }

/** Local time of day; with the date when it is not today's, unless that is plain from the context. */
export function localTime(utcNs, { millis = false, dated = true } = {}) {
  const time = new Date(utcNs / 1e6);
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}` +
    (millis ? `.${pad(time.getMilliseconds(), 3)}` : "");
  return !dated || time.toDateString() === new Date(now()).toDateString() ? clock : `${dateOf(time)} ${clock}`;
}
function dateOf(time) { return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`; }

/** "2026-11-25 14:02:05.123 UTC" */
export function utcTime(utcNs) {
  return `${new Date(utcNs / 1e6).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

export function rounds(incident) {
  const best = incident.rounds.length, low = incident.rounds_lo, high = incident.rounds_hi;
  if (!high) return "rounds unknown";
  const word = best === 1 && high === 1 ? "round" : "rounds";
  return low === high ? `${best} ${word}` : `${best} ${word} (${low} to ${high})`;
}

export function where(incident) {
  if (!incident.position || !incident.ellipse_95) {
    return `heard, not located (${incident.nodes.length} sensor${incident.nodes.length === 1 ? "" : "s"})`;
  }
  const ellipse = incident.ellipse_95;
  return `within ${Math.max(1, Math.round(ellipse.semi_major_m))} × ${Math.max(1, Math.round(ellipse.semi_minor_m))} m`;
}

export function coordinates(position) {
  const north = position.lat_deg >= 0 ? "N" : "S", east = position.lon_deg >= 0 ? "E" : "W";
  return `${Math.abs(position.lat_deg).toFixed(5)}° ${north}, ${Math.abs(position.lon_deg).toFixed(5)}° ${east}`;
}

export function percent(value) {
  if (value > 0.99 && value < 1) return "> 99 %";
  if (value > 0 && value < 0.01) return "< 1 %";
  return `${Math.round(value * 100)} %`;
}

/** One sentence for a screen reader. */
export function spoken(incident) {
  const exercise = incident.exercise ? "Exercise. " : "";
  const state = incident.state === "retracted" ? "Retracted: " : "";
  return `${exercise}${state}${CLASSES[incident.class] ?? incident.class}, ${rounds(incident)}, ` +
    `${ago(incident.utc_ns)} ago, ${where(incident)}, confidence ${incident.confidence}`;
}
