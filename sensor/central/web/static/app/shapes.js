// Small geometry on the ground.

const METRES_PER_DEGREE = 111320;

/** Latitude and longitude, metres east and north of a place. */
export function offset(place, east, north) {
  return [
    place.lat_deg + north / METRES_PER_DEGREE,
    place.lon_deg + east / (METRES_PER_DEGREE * Math.cos((place.lat_deg * Math.PI) / 180)),
  ];
}

/** Corners of an error ellipse. */
export function ellipsePoints(place, ellipse, count = 64) {
  const turn = (ellipse.azimuth_deg * Math.PI) / 180;
  return Array.from({ length: count }, (_, index) => {
    const angle = (index / count) * 2 * Math.PI;
    const along = ellipse.semi_major_m * Math.cos(angle), across = ellipse.semi_minor_m * Math.sin(angle);
    return offset(place, along * Math.sin(turn) + across * Math.cos(turn), along * Math.cos(turn) - across * Math.sin(turn));
  });
}

/** Distance in metres between two places, a small distance apart. */
export function metresBetween(a, b) {
  const north = (b.lat_deg - a.lat_deg) * METRES_PER_DEGREE;
  const east = (b.lon_deg - a.lon_deg) * METRES_PER_DEGREE * Math.cos((a.lat_deg * Math.PI) / 180);
  return Math.hypot(north, east);
}
