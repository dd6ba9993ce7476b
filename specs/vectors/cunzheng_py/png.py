"""PNG pictures of 8-bit RGB or RGBA, not interlaced, row by row; and whether one is others, stacked (capture.md, step 7)."""

import itertools
import re
import struct
import zlib

from .jsonp import Bad

STITCHED = "evidence/screenshot.png"
TILE = re.compile(r"evidence/screenshot-([0-9]{3,})\.png")


def _need(true, what):
    if not true:
        raise Bad("invalid_value", f"PNG: {what}")


def _chunks(data):
    _need(data.startswith(b"\x89PNG\r\n\x1a\n"), "signature")
    at = 8
    while at < len(data):
        _need(len(data) - at >= 12, "a chunk is cut short")
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        crc = data[at + 8 + length : at + 12 + length]
        _need(crc == zlib.crc32(kind + body).to_bytes(4, "big"), "CRC-32")
        yield kind, body
        at += 12 + length


def _add(a, b):
    """Byte by byte, modulo 256, many at once: seven bits are added, the eighth is put right."""
    low, high = (int.from_bytes(byte * len(a), "big") for byte in (b"\x7f", b"\x80"))
    x, y = int.from_bytes(a, "big"), int.from_bytes(b, "big")
    return (((x & low) + (y & low)) ^ ((x ^ y) & high)).to_bytes(len(a), "big")


def _unfilter(kind, row, above, channels):
    if kind == 0:
        return row
    if kind in (2, 4) and not any(row):
        return above  # Paeth's guess, too, is the byte above for as long as the row repeats that one
    if kind == 2:
        return _add(row, above)
    out = bytearray(row)
    if kind == 1:
        for c in range(channels):
            out[c::channels] = bytes(v & 255 for v in itertools.accumulate(row[c::channels]))
        return bytes(out)
    _need(kind in (3, 4), "filter")
    for x, byte in enumerate(row):
        left, corner = (out[x - channels], above[x - channels]) if x >= channels else (0, 0)
        up = above[x]
        if kind == 3:
            guess = (left + up) >> 1
        else:
            a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = left if a <= b and a <= c else up if b <= c else corner
        out[x] = (byte + guess) & 255
    return bytes(out)


def _opaque(row):
    """RGB of a row of RGBA that hides nothing; any other as it is."""
    if row[3::4].count(255) * 4 != len(row):
        return row
    out = bytearray(len(row) // 4 * 3)
    for c in range(3):
        out[c::3] = row[c::4]
    return bytes(out)


def decode(data):
    """Width, height and an iterator over the rows."""
    header, packed = None, []
    for kind, body in _chunks(data):
        if kind == b"IHDR":
            _need(len(body) == 13, "header")
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed.append(body)
    _need(header and header[2:] in ((8, 2, 0, 0, 0), (8, 6, 0, 0, 0)), "not 8-bit RGB or RGBA, or interlaced")
    width, height, channels = header[0], header[1], 3 if header[3] == 2 else 4
    stride = width * channels
    try:
        raw = zlib.decompressobj().decompress(b"".join(packed), height * (stride + 1) + 1)
    except zlib.error as error:
        raise Bad("invalid_value", f"PNG: {error}") from None
    _need(width and height and len(raw) == height * (stride + 1), "length of the pixels")

    def rows():
        above = bytes(stride)
        for at in range(0, len(raw), stride + 1):
            above = _unfilter(raw[at], raw[at + 1 : at + 1 + stride], above, channels)
            yield _opaque(above) if channels == 4 else above

    return width, height, rows()


def check_screenshot(wacz):
    """Step 7: the stitched screenshot, where there is one, is its tiles, from the top."""
    if STITCHED not in wacz:
        return
    tiles = {int(match[1]): data for name, data in wacz.items() if (match := TILE.fullmatch(name))}
    _need(tiles and sorted(tiles) == list(range(len(tiles))), f"tiles {sorted(tiles)}")
    width, height, rows = decode(wacz[STITCHED])
    pictures = [decode(tiles[number]) for number in range(len(tiles))]
    _need(all(tile[0] == width for tile in pictures) and sum(tile[1] for tile in pictures) == height, "size of the tiles")
    stacked = itertools.chain.from_iterable(tile[2] for tile in pictures)
    for y, (row, of_tile) in enumerate(zip(rows, stacked)):
        if row != of_tile:
            raise Bad("digest_mismatch", f"{STITCHED}: row {y} is not its tile's")
