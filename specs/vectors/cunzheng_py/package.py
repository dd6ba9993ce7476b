"""Packages and disclosures (specs/capture.md): the container, manifest, parts and receipt, from bytes alone.

Steps 1 to 3 and 7 to 10; steps 4 to 6, what makes a WACZ of the WACZ, are left to readers of those.
"""

import gzip
import re
import struct
import zlib
from dataclasses import dataclass

from . import crypto, formats, jsonp, merkle, png, receipt, recording, reports
from .jsonp import OPTIONAL, Bad, array, hex32, integer, one_of, shape, text, type_is

DIGESTS = shape(("sha256", hex32), ("sm3", hex32))
PART = [
    ("path", text(1, 512)),
    ("offset", integer(0, 0xFFFFFFFE), OPTIONAL),
    ("length", integer(0, 0xFFFFFFFE)),
    ("digest", DIGESTS),
    ("salt", hex32),
    ("url", text(1, 4096), OPTIONAL),
    ("kind", text(1, 32), OPTIONAL),
]
PARTS = [("type", type_is("cunzheng/parts/v1")), ("parts", array(1, 200_000, shape(*PART)))]
SHOWN = shape(("index", integer(0, 199_999)), ("part", shape(*PART)), ("path", array(0, 18, hex32)))
DISCLOSURE = [("type", type_is("cunzheng/disclosure/v1")), ("parts", array(1, 10_000, SHOWN))]
ATTRS = [
    ("capture", one_of("page", "session", "recording")),
    ("url", text(1, 1024), OPTIONAL),
    ("url_sha256", hex32, OPTIONAL),
    ("parts", text(pattern="[1-9][0-9]{0,5}")),
    ("parts_root", hex32),
    ("outcome", one_of("complete", "incomplete", "partial")),
    ("tool", text(1, 256)),
    ("trust_sha256", hex32, OPTIONAL),
]
PACKAGE_MEMBERS = ["README.txt", "capture.wacz", "parts.json", "manifest.json", "receipt.json", "trust.json"]
PACKAGE_OPTIONAL = ["receipt.json", "trust.json"]
DISCLOSURE_MEMBERS = ["README.txt", "disclosure.json", "manifest.json", "receipt.json", "trust.json"]
DISCLOSURE_OPTIONAL = ["trust.json"]
COMPONENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._@+=-]{1,255}"
NAME = re.compile(f"{COMPONENT}(?:/{COMPONENT})*")


def build_zip(members):
    """The one byte form: [(name, bytes)] to an archive."""
    out, central = b"", b""
    for name, data in members:
        common = struct.pack("<HHHHHIIIHH", 20, 0x0800, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name), 0)
        central += b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name.encode()
        out += b"PK\x03\x04" + common + name.encode() + data
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(out), 0)
    return out + central + b"PK\x05\x06" + end


def _split_zip(data):
    members, at = [], 0
    while data[at : at + 4] == b"PK\x03\x04":
        length, name_length = struct.unpack_from("<I", data, at + 22)[0], struct.unpack_from("<H", data, at + 26)[0]
        name = data[at + 30 : at + 30 + name_length].decode("ascii")
        begin = at + 30 + name_length
        members.append((name, data[begin : begin + length]))
        at = begin + length
    return members


def read_zip(data):
    """[(name, bytes)] of an archive that is exactly what build_zip makes of them."""
    try:
        members = _split_zip(data)
        same = build_zip(members) == data
    except (struct.error, UnicodeDecodeError):
        same = False
    if not same:
        raise Bad("invalid_value", "not in the one form of a container")
    names = [name.lower() for name, _ in members]
    folders = {name[:at] for name in names for at, c in enumerate(name) if c == "/"}
    if len(set(names)) != len(names) or folders & set(names):
        raise Bad("invalid_value", "two members of one name, or one that is another's folder")
    if not all(len(name) <= 512 and NAME.fullmatch(name) for name, _ in members):
        raise Bad("invalid_value", "a member's name")
    return members


def _digests(data):
    return {"sha256": crypto.sha256(data).hex(), "sm3": crypto.sm3(data).hex()}


def _leaf(part):
    return merkle.leaf_hash(jsonp.encode(part).encode())


def _papers(members, receipt_text):
    """Manifest and receipt, each the other's: attributes, the receipt's text and the receipt, None when there is none."""
    manifest_text = members["manifest.json"]
    manifest = formats.decode_manifest(manifest_text)
    receipt_text, decoded = receipt_text or members.get("receipt.json"), None
    if receipt_text:
        decoded = receipt.decode_receipt(receipt_text)
        if decoded.get("manifest", "").encode() != manifest_text:
            raise Bad("manifest_mismatch")
        if "receipt.json" in members:
            receipt.decode_written(members["receipt.json"])
    attrs = jsonp.check(manifest.get("attrs", {}), ATTRS)
    if ("url" in attrs) == ("url_sha256" in attrs):
        raise Bad("invalid_value", "manifest.json: either url or url_sha256")
    if ("trust.json" in members) != ("trust_sha256" in attrs):
        raise Bad("missing_field", "trust.json")
    if "trust.json" in members and crypto.sha256(members["trust.json"]).hex() != attrs["trust_sha256"]:
        raise Bad("digest_mismatch", "trust.json")
    return attrs, receipt_text, decoded


def _order(names, expected, optional, more=False):
    left = [n for n in expected if n in names]
    if names[: len(left)] != left or (names[len(left) :] and not more):
        raise Bad("unknown_field", f"members {names}")
    if missing := set(expected) - set(left) - set(optional):
        raise Bad("missing_field", f"members {missing}")


def _member_parts(name, data):
    """A member as a part, and after an archive its records."""
    yield {"path": name}, data
    if not name.startswith("archive/"):
        return
    at = 0
    while at < len(data):
        stream = zlib.decompressobj(wbits=31)
        record = stream.decompress(data[at:])
        length = len(data) - at - len(stream.unused_data)
        head = record.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
        fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in head)}
        part = {"path": name, "offset": at, "kind": fields["warc-type"]}
        if "warc-target-uri" in fields:
            part["url"] = fields["warc-target-uri"]
        yield part, data[at : at + length]
        at += length


def _wacz_parts(wacz):
    for name, member in wacz:
        try:
            yield from _member_parts(name, member)
        except (zlib.error, KeyError, ValueError) as error:
            raise Bad("invalid_value", f"{name}: {error}") from None


def _parts(text, wacz, attrs):
    """Step 3."""
    parts = jsonp.check(jsonp.decode(text, 64 << 20), PARTS)["parts"]
    if len(parts) != int(attrs["parts"]) or merkle.root([_leaf(p) for p in parts]).hex() != attrs["parts_root"]:
        raise Bad("root_mismatch", "parts.json")
    found = list(_wacz_parts(wacz))
    if len(found) != len(parts):
        raise Bad("digest_mismatch", "number of parts")
    for (where, part_bytes), part in zip(found, parts):
        stated = {k: v for k, v in part.items() if k not in ("salt", "digest", "length")}
        if stated != where or part["length"] != len(part_bytes) or part["digest"] != _digests(part_bytes):
            raise Bad("digest_mismatch", str(where))


def _reports(members, attrs, segments):
    """Step 8, of the reports that are there."""
    if completeness := members.get("evidence/completeness.json"):
        if attrs["outcome"] == "complete" and not reports.is_complete(reports.decode_completeness(completeness)):
            raise Bad("invalid_value", "completeness.json: a complete capture has no gaps")
    if cleanliness := members.get("evidence/cleanliness.json"):
        reports.decode_cleanliness(cleanliness)
    if operations := members.get("evidence/operations.jsonl"):
        head, steps = reports.decode_operations(operations)
        if head["tool"] != attrs["tool"]:
            raise Bad("invalid_value", "operations.jsonl: tool")
        recording.check_log(steps, segments)


@dataclass
class Report(receipt.Report):
    recording: dict = None  # of a package whose recording passed steps 7 and 9


def _recording(segments, anchors):
    if not segments:
        return None
    rows = [
        {"segment": number, "verdict": r.verdict, "t1_unix_s": r.t1_unix_s, "t2_unix_s": r.t2_unix_s} for number, r in anchors
    ]
    return {"segments": len(segments), "pictures": sum(s.pictures for s in segments), "anchors": rows}


def verify_package(data, trust_text, receipt_text=None):
    try:
        listed = read_zip(data)
        _order([n for n, _ in listed], PACKAGE_MEMBERS, PACKAGE_OPTIONAL)
        members = dict(listed)
        attrs, receipt_text, decoded = _papers(members, receipt_text)
        wacz = read_zip(members["capture.wacz"])
        _parts(members["parts.json"], wacz, attrs)
        wacz = dict(wacz)
        png.check_screenshot(wacz)
        segments = recording.segments(wacz)
        _reports(wacz, attrs, segments)
        recorded = _recording(segments, recording.anchors(wacz, segments, decoded, trust_text))
    except Bad as bad:
        return Report("not_valid", bad.code, detail=str(bad))
    if not receipt_text:
        return Report("pending", "not_found", recording=recorded)
    return Report(**vars(receipt.verify(receipt_text, members["capture.wacz"], trust_text)), recording=recorded)


def verify_disclosure(data, trust_text):
    try:
        listed = read_zip(data)
        _order([n for n, _ in listed], DISCLOSURE_MEMBERS, DISCLOSURE_OPTIONAL, more=True)
        members = dict(listed)
        attrs, receipt_text, _ = _papers(members, None)
        shown = jsonp.check(jsonp.decode(members["disclosure.json"], 32 << 20), DISCLOSURE)["parts"]
        names = [name for name, _ in listed if name.startswith("parts/")]
        if len(names) != len(shown) or any(a["index"] >= b["index"] for a, b in zip(shown, shown[1:])):
            raise Bad("invalid_value", "parts")
        for name, item in zip(names, shown):
            part, part_bytes = item["part"], members[name]
            where = part["path"] + (f"@{part['offset']}.warc.gz" if "offset" in part else "")
            if name != "parts/" + where:
                raise Bad("invalid_value", name)
            if part["length"] != len(part_bytes) or part["digest"] != _digests(part_bytes):
                raise Bad("digest_mismatch", name)
            path = [bytes.fromhex(h) for h in item["path"]]
            root = bytes.fromhex(attrs["parts_root"])
            merkle.verify_inclusion(_leaf(part), item["index"], int(attrs["parts"]), path, root)
            if "offset" in part:
                head = gzip.decompress(part_bytes).split(b"\r\n\r\n", 1)[0].decode()
                if "url" in part and f"\r\nWARC-Target-URI: {part['url']}" not in head:
                    raise Bad("digest_mismatch", name)
    except Bad as bad:
        return receipt.Report("not_valid", bad.code, detail=str(bad))
    return receipt.verify(receipt_text, None, trust_text)
