// Raster tiles out of one PMTiles file (version 3), read by ranges from our own server.

const L = window.L;
const ADDRESS = "/ground/map.pmtiles";
const HEADER_BYTES = 127, GZIP = 2, DIRECTORIES_KEPT = 64;
const MEDIA = { 2: "image/png", 3: "image/jpeg", 4: "image/webp", 5: "image/avif" };

async function bytes(offset, length) {
  const answer = await fetch(ADDRESS, { credentials: "same-origin", headers: { range: `bytes=${offset}-${offset + length - 1}` } });
  if (answer.status !== 206) throw new Error(`the map's archive cannot be read by ranges (the server answered ${answer.status})`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function unpacked(data, compression) {
  if (compression !== GZIP) return data;
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function readHeader() {
  const view = new DataView((await bytes(0, HEADER_BYTES)).buffer);
  const word = (at) => Number(view.getBigUint64(at, true));
  const name = String.fromCharCode(...new Uint8Array(view.buffer, 0, 7));
  if (name !== "PMTiles" || view.getUint8(7) !== 3) throw new Error("the map's archive is no PMTiles file of version 3");
  const media = MEDIA[view.getUint8(99)];
  if (!media) throw new Error("the map's archive holds no raster tiles; vector tiles are not drawn");
  return {
    root: [word(8), word(16)], leaves: word(40), tiles: word(56), packing: view.getUint8(97), media,
    zoomLeast: view.getUint8(100), zoomMost: view.getUint8(101),
  };
}

/** Entries of a directory: numbers as 7-bit groups, column by column. */
function readDirectory(data) {
  let at = 0;
  const number = () => {
    let value = 0, scale = 1, part;
    do { part = data[at]; at += 1; value += (part & 127) * scale; scale *= 128; } while (part & 128);
    return value;
  };
  const count = number(), column = () => Array.from({ length: count }, number);
  const steps = column(), runs = column(), lengths = column(), offsets = column();
  const entries = [];
  for (let index = 0, id = 0; index < count; index += 1) {
    id += steps[index];
    const before = entries[index - 1];
    // 0 says: directly behind the one before.
    const offset = offsets[index] === 0 && before ? before.offset + before.length : offsets[index] - 1;
    entries.push({ id, run: runs[index], length: lengths[index], offset });
  }
  return entries;
}

/** The last entry that begins at or before a number. */
function entryFor(entries, id) {
  let low = 0, high = entries.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (entries[middle].id <= id) low = middle + 1;
    else high = middle - 1;
  }
  return entries[high] ?? null;
}

/** A tile's number: all tiles of lower zooms, then its place along the Hilbert curve. */
export function tileNumber(zoom, column, row) {
  let x = column, y = row, along = 0;
  for (let side = 2 ** (zoom - 1); side >= 1; side /= 2) {
    const right = x >= side ? 1 : 0, down = y >= side ? 1 : 0;
    along += side * side * ((3 * right) ^ down);
    x -= right * side;
    y -= down * side;
    if (!down) {
      if (right) { x = side - 1 - x; y = side - 1 - y; }
      [x, y] = [y, x];
    }
  }
  return (4 ** zoom - 1) / 3 + along;
}

class Archive {
  #header;
  #directories = new Map();

  constructor(header) { this.#header = header; }

  #directory(offset, length) {
    const known = this.#directories.get(offset);
    if (known) return known;
    if (this.#directories.size >= DIRECTORIES_KEPT) this.#directories.delete(this.#directories.keys().next().value);
    const found = bytes(offset, length).then((data) => unpacked(data, this.#header.packing)).then(readDirectory);
    this.#directories.set(offset, found);
    found.catch(() => this.#directories.delete(offset));
    return found;
  }

  /** A tile as a picture; null where the archive has none. */
  async picture(zoom, column, row) {
    const id = tileNumber(zoom, column, row), header = this.#header;
    let place = header.root;
    for (let depth = 0; depth < 4; depth += 1) {
      const entry = entryFor(await this.#directory(...place), id);
      if (!entry) return null;
      if (entry.run > 0) {
        if (id >= entry.id + entry.run) return null;
        return createImageBitmap(new Blob([await bytes(header.tiles + entry.offset, entry.length)], { type: header.media }));
      }
      place = [header.leaves + entry.offset, entry.length];
    }
    return null;
  }
}

const ArchiveLayer = L.GridLayer.extend({
  initialize(archive, options) {
    L.setOptions(this, options);
    this.archive = archive;
  },
  createTile(place, done) {
    const canvas = L.DomUtil.create("canvas", "leaflet-tile"), size = this.getTileSize();
    canvas.width = size.x;
    canvas.height = size.y;
    this.archive.picture(place.z, place.x, place.y).then((picture) => {
      if (picture) canvas.getContext("2d").drawImage(picture, 0, 0, size.x, size.y);
      done(null, canvas);
    }, (error) => done(error, canvas));
    return canvas;
  },
});

export async function archiveLayer() {
  const header = await readHeader();
  return new ArchiveLayer(new Archive(header), {
    pane: "ground", minNativeZoom: header.zoomLeast, maxNativeZoom: header.zoomMost, minZoom: 0, maxZoom: 21,
    bounds: [[-85.06, -180], [85.06, 180]], noWrap: true,
  });
}
