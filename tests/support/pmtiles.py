"""A PMTiles archive (version 3) of a few raster tiles, after its specification."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Mapping

PNG = 2


def tile_number(zoom: int, column: int, row: int) -> int:
    """Tiles of lower zooms, then the place along the Hilbert curve: quadrant by quadrant from the outside."""
    before = (4**zoom - 1) // 3
    along, x, y = 0, column, row
    for level in range(zoom - 1, -1, -1):
        side = 1 << level
        right, down = x >> level & 1, y >> level & 1
        along += side * side * ((3 * right) ^ down)
        x, y = x & (side - 1), y & (side - 1)
        if down == 0:
            if right == 1:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
    return before + along


def one_colour_png(red: int, green: int, blue: int, size: int = 256) -> bytes:
    """A square of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, green, blue)) * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _numbers(values: Iterable[int]) -> bytes:
    """Whole numbers in groups of seven bits, the lowest first."""
    out = bytearray()
    for value in values:
        rest = value
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _directory(entries: list[tuple[int, int, int, int]]) -> bytes:
    """Entries of (number, run, length, offset) as they are stored."""
    numbers = [entry[0] for entry in entries]
    steps = [number - before for number, before in zip(numbers, [0, *numbers], strict=False)]
    runs, lengths, offsets = ([entry[column] for entry in entries] for column in (1, 2, 3))
    return gzip.compress(
        _numbers([len(entries), *steps, *runs, *lengths, *(offset + 1 for offset in offsets)])
    )


def archive(tiles: Mapping[tuple[int, int, int], bytes]) -> bytes:
    """An archive of ``(zoom, column, row) -> tile``: a root that names one leaf, which names the tiles."""
    ordered = sorted((tile_number(*place), data) for place, data in tiles.items())
    data, entries = b"", []
    for number, tile in ordered:
        entries.append((number, 1, len(tile), len(data)))
        data += tile
    leaf = _directory(entries)
    root = _directory([(ordered[0][0], 0, len(leaf), 0)])
    zooms = [zoom for zoom, _, _ in tiles]
    at = 127
    sections = []
    for part in (root, b"", leaf, data):  # root, metadata, leaves, tiles
        sections += [at, len(part)]
        at += len(part)
    count = len(tiles)
    kinds = bytes((1, 2, 1, PNG, min(zooms), max(zooms)))  # clustered, gzip, tiles as they are
    head = b"PMTiles\x03" + struct.pack("<11Q", *sections, count, count, count) + kinds
    return head.ljust(127, b"\0") + root + leaf + data
