"""Films (specs/capture.md, "Film"): Motion JPEG in AVI, of one byte form."""

import struct

SLOT_US = 40_000


def slots(times):
    """The slot of each picture."""
    out = []
    for time in times:
        out.append(max((time - times[0]) // SLOT_US, out[-1] + 1 if out else 0))
    return out


def _reel(times, lengths):
    """Length of each slot's picture, 0 where there is none."""
    filled = dict(zip(slots(times), lengths))
    return [filled.get(slot, 0) for slot in range(max(filled) + 1)]


def places(times, lengths):
    """Where each picture begins in the film."""
    at = len(_riff(b"AVI ", _headers(0, 0, (0, 0)), _list(b"movi")))
    for slot, length in enumerate(_reel(times, lengths)):
        at += 8
        if length:
            yield at
        at += length + length % 2


def made(times, pictures):
    """The film of these pictures."""
    shown = dict(zip(slots(times), pictures))
    reel = [shown.get(slot, b"") for slot in range(max(shown) + 1)]
    chunks, index, at = [], [], 4
    for picture in reel:
        chunks.append(_chunk(b"00dc", picture))
        index.append(struct.pack("<4s3I", b"00dc", 16 if picture else 0, at, len(picture)))
        at += len(chunks[-1])
    headers = _headers(len(reel), max(map(len, pictures)), size(pictures[0]))
    return _riff(b"AVI ", headers, _list(b"movi", *chunks), _chunk(b"idx1", *index))


def size(jpeg):
    """Width and height by the frame header; (0, 0) when there is none where one should be."""
    if jpeg[:2] != b"\xff\xd8":
        return 0, 0
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        code, length, _, height, width = struct.unpack_from(">BHBHH", jpeg, at + 1)
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            return width, height
        if length < 2:
            break
        at += 2 + length
    return 0, 0


def _headers(count, longest, size):
    width, height = size
    main = struct.pack("<14I", SLOT_US, 0, 0, 16, count, 0, 1, longest, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sI2H8I4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, 25, 0, count, longest, 2**32 - 1, 0, 0, 0, width, height)
    picture = struct.pack("<3I2H4s5I", 40, width, height, 1, 24, b"MJPG", 3 * width * height % 2**32, 0, 0, 0, 0)
    return _list(b"hdrl", _chunk(b"avih", main), _list(b"strl", _chunk(b"strh", stream), _chunk(b"strf", picture)))


def _chunk(name, *data):
    data = b"".join(data)
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(name, *data):
    return _chunk(b"LIST", name, *data)


def _riff(*data):
    return _chunk(b"RIFF", *data)
