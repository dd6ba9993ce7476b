"""Packages, recordings and histories made from specs/capture.md alone, whole or wrong on purpose, on a ledger with fixed keys.

What is wrong here is sealed like what is right: parts, manifest and receipt are those of the changed contents, so that
the one change is all that there is to find.
"""

import hashlib
import pathlib
import struct
import sys
import zlib

from wacz_reader import encode_record, pack

sys.dont_write_bytecode = True
VECTORS = pathlib.Path(__file__).resolve().parents[2] / "specs" / "vectors"
sys.path.insert(0, str(VECTORS))
from cunzheng_py import jsonp, merkle, world  # noqa: E402
from cunzheng_py.world import ALICE, BOB  # noqa: E402, F401

enc, pretty = jsonp.encode, jsonp.encode_readable
URL = "https://www.example.org/shop?id=7"
TOOL = "cunzheng/0.1.0 sha256:" + "ab" * 32
TIME_US = 1_790_000_000_000_000


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def lines(*objects):
    return "".join(enc(o) + "\n" for o in objects).encode()


class Scene:
    """A ledger of four members (f = 1, k = 3). Its clock goes on by 10 s with each deposit."""

    def __init__(self, origin="example.org/ledger"):
        self.ledger = world.Ledger(4, 1, 3, origin)
        self.now_s = world.T0 // 1000
        key = {"public_key": ALICE.public.hex(), "suite": ALICE.suite, "name": "示例科技有限公司"}
        self.ledger.append(enc(self.ledger.act_entry(enc(self.ledger.act("account_add", key)))))
        self.trust = pretty(self.ledger.trust()).encode()

    def times(self):
        """Of the four cosignatures: T2 of what they cover is the second + 1, T1 of what embeds them the third."""
        return [self.now_s + s for s in (2, 0, 1, 3)]

    def manifest(self, name, **fields):
        note = self.ledger.checkpoint(len(self.ledger.entries), self.times())
        return enc({"type": "cunzheng/manifest/v1", "name": name, "checkpoint": note[:-1].split("\n"), **fields})

    def deposit(self, evidence, kind, manifest=None, key=ALICE, cosigners=4):
        """The receipt, decoded."""
        named = {} if manifest is None else {"manifest": world.digests(manifest.encode())}
        records = [enc(self.ledger.record(evidence, key.account, kind, **named))]
        index = self.ledger.deposit(records, key)
        self.now_s += 10
        times = [t if i < cosigners else None for i, t in enumerate(self.times())]
        attested = self.ledger.attestation(index, len(self.ledger.entries), times)
        return self.ledger.receipt(records, 0, index, [attested], **({} if manifest is None else {"manifest": manifest}))

    def anchor(self, name, evidence, kind="recording", **deposit):
        """A segment's receipt, decoded; `name` as in its manifest."""
        return self.deposit(evidence, kind, self.manifest(name), **deposit)

    def package(self, attachments, receipt="inside", url=URL, wacz=None, changed=None):
        """The package, and its receipt's text; `receipt` inside, beside, pending (inside) or none; `changed` attributes."""
        inner = wacz or self.wacz(attachments)
        parts = list(_parts(inner))
        text = enc({"type": "cunzheng/parts/v1", "parts": parts}).encode()
        attrs = {"capture": "page", "url": url, "outcome": "complete", "tool": TOOL, "parts": str(len(parts)),
                 "parts_root": merkle.root([merkle.leaf_hash(enc(p).encode()) for p in parts]).hex()}
        if len(url) > 1024:
            attrs["url_sha256"] = sha256(attrs.pop("url").encode())
        attrs = {name: value for name, value in {**attrs, **(changed or {})}.items() if value is not None}
        manifest = self.manifest("NAME.wacz", media_type="application/wacz", attrs=attrs)
        members = {"README.txt": b"A package of evidence.\n", "capture.wacz": pack(inner), "parts.json": text,
                   "manifest.json": manifest.encode()}
        if receipt == "none":
            return pack(members), None
        cosigners = 2 if receipt == "pending" else 4
        paper = pretty(self.deposit(members["capture.wacz"], "capture", manifest, cosigners=cosigners)).encode()
        if receipt != "beside":
            members["receipt.json"] = paper
        return pack(members), paper

    def wacz(self, attachments):
        """Of the members of a WACZ, those that are parts; what readers of WACZ look at is a stub."""
        head = [("WARC-Type", "warcinfo"), ("Content-Length", "0")]
        evidence = {f"evidence/{name}": data for name, data in attachments.items()}
        steps = [("segment", f"{name.removesuffix('.jsonl')} sha256:{sha256(data)}") for name, data in sorted(attachments.items())
                 if name.startswith("recording-") and name.endswith(".jsonl")]
        return {"archive/data.warc.gz": encode_record(head, b""), "indexes/index.cdxj": b"", "pages/pages.jsonl": b"{}\n",
                "evidence/operations.jsonl": operations(*steps), **evidence, "datapackage.json": b"{}"}


def _parts(wacz):
    for number, (path, data) in enumerate(wacz.items()):
        common = {"path": path, "length": len(data), "digest": world.digests(data)}
        yield {**common, "salt": sha256(b"salt %d" % number)}
        if path.startswith("archive/"):
            yield {**common, "salt": sha256(b"salt of the record"), "offset": 0, "kind": "warcinfo"}


def operations(*steps):
    """An operation log with these (what, detail)."""
    rows = [{"what": what, "detail": detail, "monotonic_us": n, "time_unix_us": TIME_US + n}
            for n, (what, detail) in enumerate(steps)]
    return lines({"type": "cunzheng/operations/v1", "tool": TOOL}, *rows)


def picture(n):
    """What stands for a JPEG picture."""
    return b"\xff\xd8 picture %d \xff\xd9" % n


def segment(number, previous, pictures, times=None):
    """A segment's .jsonl; `times` in microseconds after TIME_US."""
    head = {"type": "cunzheng/recording/v1", "segment": number, "previous": previous}
    times = times or range(len(pictures))
    return lines(head, *({"length": len(p), "sha256": sha256(p), "time_unix_us": TIME_US + t} for p, t in zip(pictures, times)))


def film(pictures, width=0, height=0):
    """The film of a segment: {slot: picture}, as one writes it to a file, going back to put lengths in."""
    out, index = bytearray(), bytearray()

    def number(*values):
        for value in values:
            out.extend(value.to_bytes(4, "little"))

    def begin(*words):
        """A chunk of words[0]; where its length is to stand."""
        out.extend(words[0].encode() + bytes(4) + "".join(words[1:]).encode())
        return len(out) - 4 * len(words)

    def end(at):
        out[at:at + 4] = (len(out) - at - 4).to_bytes(4, "little")
        if len(out) % 2:
            out.append(0)

    count, longest = max(pictures) + 1, max(map(len, pictures.values()))
    riff, headers, main = begin("RIFF", "AVI "), begin("LIST", "hdrl"), begin("avih")
    number(40_000, 0, 0, 0x10, count, 0, 1, longest, width, height, 0, 0, 0, 0)
    end(main)
    stream, head = begin("LIST", "strl"), begin("strh", "vids", "MJPG")
    number(0, 0, 0, 1, 25, 0, count, longest, 0xFFFFFFFF, 0, 0, width | height << 16)
    end(head)
    picture_format = begin("strf")
    number(40, width, height, 24 << 16 | 1, int.from_bytes(b"MJPG", "little"), 3 * width * height & 0xFFFFFFFF, 0, 0, 0, 0)
    for at in (picture_format, stream, headers):
        end(at)
    movi = begin("LIST", "movi")
    for slot in range(count):
        picture = pictures.get(slot, b"")
        index += b"00dc" + b"".join(n.to_bytes(4, "little") for n in (0x10 * (slot in pictures), len(out) - movi - 4, len(picture)))
        chunk = begin("00dc")
        out.extend(picture)
        end(chunk)
    end(movi)
    chunk = begin("idx1")
    out.extend(index)
    end(chunk)
    end(riff)
    return bytes(out)


def framed(width, height, before=b"", n=0, marker=b"\xff\xc2"):
    """A picture with a JPEG frame header, and segments before it."""
    return b"\xff\xd8" + before + struct.pack(">2sHBHHB", marker, 8, 8, height, width, 1) + b"%d" % n


def recording(*segments):
    """Attachments of a whole recording; each segment a list of pictures."""
    files, previous = {}, "00" * 32
    for number, pictures in enumerate(segments):
        name, text = f"recording-{number:03}", segment(number, previous, pictures)
        files[f"{name}.avi"], files[f"{name}.jsonl"], previous = film(dict(enumerate(pictures or [b""]))), text, sha256(text)
    return files


def chained(head, looks):
    """A history of these looks, numbered and chained anew."""
    out = [enc(head).encode()]
    for number, look in enumerate(looks):
        out.append(enc({**look, "number": number, "previous": sha256(out[-1])}).encode())
    return b"".join(line + b"\n" for line in out)


def png(rows, channels=3, kinds=(0,)):
    """Rows of bytes as a PNG, the filters `kinds` in turn."""
    packed, above = b"", bytes(len(rows[0]))
    for y, row in enumerate(rows):
        kind = kinds[y % len(kinds)]
        packed += bytes([kind]) + bytes((b - _guess(kind, row, above, x, channels)) & 255 for x, b in enumerate(row))
        above = row

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = struct.pack(">IIBBBBB", len(rows[0]) // channels, len(rows), 8, 2 if channels == 3 else 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")


def _guess(kind, row, above, x, channels):
    left, corner = (row[x - channels], above[x - channels]) if x >= channels else (0, 0)
    if kind == 4:
        p = left + above[x] - corner
        return min((abs(p - left), 0, left), (abs(p - above[x]), 1, above[x]), (abs(p - corner), 2, corner))[2]
    return (0, left, above[x], (left + above[x]) // 2)[kind]
