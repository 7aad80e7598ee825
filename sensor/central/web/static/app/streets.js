// The nearest street with a name, out of the site's own street file: what a dispatcher reads out first.

import { metresBetween } from "./shapes.js";

const FARTHEST_M = 150;
let streets = [], come;

/** Resolves once a street file has come. */
export const streetsCame = new Promise((resolve) => { come = resolve; });

/** Remember the named streets of a street file (GeoJSON). */
export function takeStreets(collection) {
  streets = (collection.features ?? []).filter((each) => each.properties?.name && each.geometry?.type === "LineString")
    .map((each) => ({ name: String(each.properties.name), corners: each.geometry.coordinates.map(([lon, lat]) => ({ lat_deg: lat, lon_deg: lon })) }));
  come();
}

/** The two nearest streets of different names, in words; null where none is near. */
export function streetWords(place) {
  const near = new Map();
  for (const street of streets) {
    const away = distance(place, street.corners);
    if (away <= FARTHEST_M && away < (near.get(street.name) ?? Infinity)) near.set(street.name, away);
  }
  const [first, second] = [...near].sort((a, b) => a[1] - b[1]);
  if (!first) return null;
  const on = `${first[0]}, ${Math.round(first[1])} m off`;
  return second ? `${on} · ${second[0]}, ${Math.round(second[1])} m off` : on;
}

function distance(place, corners) {
  let least = Infinity;
  for (let index = 1; index < corners.length; index += 1) least = Math.min(least, metresBetween(place, nearest(place, corners[index - 1], corners[index])));
  return least;
}

/** The point of a stretch that is nearest to a place. */
function nearest(place, from, to) {
  const narrow = Math.cos((place.lat_deg * Math.PI) / 180);
  const east = (to.lon_deg - from.lon_deg) * narrow, north = to.lat_deg - from.lat_deg;
  const along = (place.lon_deg - from.lon_deg) * narrow * east + (place.lat_deg - from.lat_deg) * north;
  const share = Math.max(0, Math.min(1, along / (east * east + north * north || 1)));
  return { lat_deg: from.lat_deg + share * (to.lat_deg - from.lat_deg), lon_deg: from.lon_deg + share * (to.lon_deg - from.lon_deg) };
}
