"""Signed notes, verifier keys and checkpoints (specs/checkpoint.md)."""

import base64
import binascii
import re
from dataclasses import dataclass

from . import crypto
from .jsonp import INT_MAX, Bad

LOG, COSIGN = 1, 4
DASH = "\u2014 "
NAME = re.compile(r"[^\s+\x00-\x1f\x7f-\x9f]+")  # \s: every Unicode space


def b64encode(data):
    return base64.b64encode(data).decode()


def b64decode(text, code):
    """Standard alphabet, padded, and only the text that encodes back to itself."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise Bad(code, "base64") from None
    if b64encode(data) != text:
        raise Bad(code, "base64")
    return data


@dataclass(frozen=True)
class NoteKey:
    name: str
    kind: int
    public: bytes

    @property
    def id(self):
        return crypto.sha256(self.name.encode(), b"\n", bytes([self.kind]), self.public)[:4]

    @property
    def vkey(self):
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public)}"


def is_name(text):
    return NAME.fullmatch(text) and len(text.encode()) <= 255


def parse_vkey(text):
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_name(parts[0]) or not re.fullmatch("[0-9a-f]{8}", parts[1]):
        raise Bad("key_invalid", "not name+id+key")
    data = b64decode(parts[2], "key_invalid")
    if len(data) != 33 or data[0] not in (LOG, COSIGN):
        raise Bad("key_invalid", "type or length")
    key = NoteKey(parts[0], data[0], data[1:])
    if key.id.hex() != parts[1]:
        raise Bad("key_invalid", "key id")
    return key


class Signer:
    def __init__(self, name, kind, seed):
        self.seed = seed
        self.key = NoteKey(name, kind, crypto.ed25519_public(seed))

    def line(self, body, time_unix_s=0):
        if self.key.kind == LOG:
            blob = crypto.ed25519_sign(self.seed, body.encode())
        else:
            signed = cosigned(body, time_unix_s)
            blob = time_unix_s.to_bytes(8, "big") + crypto.ed25519_sign(self.seed, signed)
        return f"{DASH}{self.key.name} {b64encode(self.key.id + blob)}\n"


def cosigned(body, time_unix_s):
    return f"cosignature/v1\ntime {time_unix_s}\n{body}".encode()


def body_of(origin, size, root):
    return f"{origin}\n{size}\n{b64encode(root)}\n"


@dataclass
class Note:
    body: str
    lines: list  # of (name, key id, signature)


def parse_note(text):
    if len(text.encode()) > 16384:
        raise Bad("note_malformed", "over 16,384 bytes")
    if any((ord(c) < 0x20 and c != "\n") for c in text):
        raise Bad("note_malformed", "control character")
    body, gap, signatures = text.rpartition("\n\n")
    if not gap or not body or not signatures.endswith("\n"):
        raise Bad("note_malformed", "no body, blank line and signature lines")
    rows = signatures[:-1].split("\n")
    if not 1 <= len(rows) <= 16:
        raise Bad("note_malformed", "not 1 to 16 signature lines")
    lines, seen = [], set()
    for row in rows:
        name, space, data = row.removeprefix(DASH).rpartition(" ")
        if not row.startswith(DASH) or not space or not is_name(name):
            raise Bad("note_malformed", "signature line")
        blob = b64decode(data, "note_malformed")
        if len(blob) < 5:
            raise Bad("note_malformed", "signature line too short")
        if (name, blob[:4]) in seen:
            raise Bad("note_malformed", "two lines of one key")
        seen.add((name, blob[:4]))
        lines.append((name, blob[:4], blob[4:]))
    return Note(body + "\n", lines)


@dataclass
class Checkpoint:
    origin: str
    size: int
    root: bytes
    note: Note


def parse_checkpoint(text):
    note = parse_note(text)
    rows = note.body[:-1].split("\n")
    if len(rows) != 3 or not rows[0] or not re.fullmatch("0|[1-9][0-9]{0,15}", rows[1]):
        raise Bad("note_malformed", "not origin, size, root")
    root = b64decode(rows[2], "note_malformed")
    if int(rows[1]) > INT_MAX or len(root) != 32:
        raise Bad("note_malformed", "size or root")
    return Checkpoint(rows[0], int(rows[1]), root, note)


def verify_line(key, body, signature):
    """The cosignature's time in seconds, or 0 for a log key."""
    if key.kind == LOG:
        if len(signature) != 64:
            raise Bad("signature_invalid", "length")
        crypto.ed25519_verify(key.public, body.encode(), signature)
        return 0
    time_unix_s = int.from_bytes(signature[:8], "big")
    if len(signature) != 72 or time_unix_s > INT_MAX:
        raise Bad("signature_invalid", "length or time")
    crypto.ed25519_verify(key.public, cosigned(body, time_unix_s), signature[8:])
    return time_unix_s
