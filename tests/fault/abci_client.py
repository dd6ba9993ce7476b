"""A client of a node's ABCI socket, and the checks of specs/snapshot.md by the independent implementation."""

import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "specs/vectors"))
from cunzheng_py import crypto, formats, merkle  # noqa: E402

CHUNK = 8 << 20


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """One protobuf field: an integer, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """number → values, in order."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            length = number()
            value, at = data[at:at + length], at + length
        found.setdefault(tag >> 3, []).append(value)
    return found


def read_frame(stream):
    """One frame with its length; nothing at the end of the stream."""
    frame, length, shift = b"", 0, 0
    while True:
        byte = stream.read(1)
        if not byte:
            return b""
        frame += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            break
    body = stream.read(length)
    return frame + body if len(body) == length else b""


def request_kind(frame):
    """The number of the request that a frame holds."""
    at = next(i for i, byte in enumerate(frame) if not byte & 0x80) + 1
    number = shift = 0
    while True:
        byte = frame[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return number >> 3


class Abci:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rb")

    def ask(self, request, body, response):
        frame = field(request, body)
        self.socket.sendall(varint(len(frame)) + frame)
        reply = read_frame(self.stream)
        answer = fields(reply[next(i for i, byte in enumerate(reply) if not byte & 0x80) + 1:])
        assert list(answer) == [response], answer
        return fields(answer[response][0])

    def snapshots(self):
        return [fields(each) for each in self.ask(12, b"", 13).get(1, [])]

    def chunk(self, height, number):
        return self.ask(14, field(1, height) + field(2, 1) + field(3, number), 15)[1][0]

    def close(self):
        self.stream.close()
        self.socket.close()


def take(data, width):
    length = int.from_bytes(data[:width], "big")
    assert len(data) >= width + length, "ends too early"
    return data[width:width + length], data[width + length:]


def covering(first, end):
    widths = []
    while first < end:
        width = 1 << (end - first).bit_length() - 1
        while first % width:
            width >>= 1
        widths.append(width)
        first += width
    return widths


def check_snapshot(abci, offer):
    """Steps 1, 3 to 5, 7 and 8 of specs/snapshot.md; the metadata, and what all its chunks are."""
    text = offer[5][0]
    assert crypto.sha256(text) == offer[4][0], "hash"
    metadata = json.loads(text)
    assert json.dumps(metadata, separators=(",", ":"), sort_keys=True).encode() == text
    assert metadata["chunks"] == offer[3][0] and metadata["engine_height"] == offer[1][0] and offer[2][0] == 1
    chunks = [abci.chunk(offer[1][0], number) for number in range(metadata["chunks"])]
    pieces = len(metadata["state_chunks"])
    state = b"".join(chunks[:pieces])
    assert len(state) == metadata["state_bytes"] and pieces == -(-len(state) // CHUNK)
    assert [crypto.sha256(chunk).hex() for chunk in chunks[:pieces]] == metadata["state_chunks"]

    pairs, last = [], b""
    while state:
        key, state = take(state, 1)
        value, state = take(state, 4)
        assert key > last
        pairs.append((key, value))
        last = key
    one = dict(pairs)
    head = json.loads(one[b"h"])
    accounts = [json.loads(value) for key, value in pairs if key[:1] == b"a"]
    governance = json.loads(one[b"g"]) if b"g" in one else None
    state_hash = formats.state_hash(json.loads(one[b"p"]), json.loads(one[b"m"]), accounts, governance)
    assert head["size"] == metadata["size"] and head["app_hash"] == metadata["app_hash"]
    assert formats.app_hash(head["size"], bytes.fromhex(head["root"]), state_hash).hex() == metadata["app_hash"]

    runs = [(int.from_bytes(key[1:], "big"), value) for key, value in pairs if key[:1] == b"k"]
    assert len(runs) == metadata["chunks"] - pieces and runs[0][0] == 0
    leaves, times = [], []
    for number, (first, nodes) in enumerate(runs):
        end = runs[number + 1][0] if number + 1 < len(runs) else metadata["size"]
        rest, here, size = chunks[pieces + number], [], len(chunks[pieces + number])
        assert number + 1 == len(runs) or size >= CHUNK
        while rest:
            entry, rest = take(rest, 4)
            records, rest = take(rest, 4)
            here.append(merkle.leaf_hash(entry))
            parsed = json.loads(entry)
            times.append(parsed.get("time_unix_ms", parsed.get("created_unix_ms")))
            header = json.loads(parsed["header"]) if "header" in parsed else {}
            if header.get("mode") == "plain":
                ids = [merkle.leaf_hash(line) for line in records.split(b"\n")[:-1]]
                assert len(ids) == header["count"] and merkle.root(ids).hex() == header["root"], "records"
            else:
                assert not records
        assert len(here) == end - first
        made, at = b"", 0
        for width in covering(first, end):
            made += merkle.root(here[at:at + width])
            at += width
        assert made == nodes, "nodes"
        leaves += here
    assert merkle.root(leaves).hex() == head["root"], "root"
    assert times == sorted(times) and times[-1] == head["time_unix_ms"] and len(set(times)) - 1 == head["height"]
    return text, [crypto.sha256(chunk).hex() for chunk in chunks]
