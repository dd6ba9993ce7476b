"""WACZ read, checked and forged without any code of the project's: zipfile, gzip, hashlib and a WARC parser of its own."""

import base64
import hashlib
import io
import json
import zipfile
import zlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

ARCHIVE, INDEX, PAGES = "archive/data.warc.gz", "indexes/index.cdxj", "pages/pages.jsonl"
PACKAGE, DIGEST = "datapackage.json", "datapackage-digest.json"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def members(path):
    """Name -> bytes, in the archive's order."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        return {name: archive.read(name) for name in archive.namelist()}


def records(archive):
    """(offset, length, headers, block) of each gzip member of a WARC file, which must hold one record each."""
    offset = 0
    while offset < len(archive):
        unpack = zlib.decompressobj(wbits=31)
        text = unpack.decompress(archive[offset:]) + unpack.flush()
        assert unpack.eof
        length = len(archive) - offset - len(unpack.unused_data)
        head, _, rest = text.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "WARC/1.1", lines[0]
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        size = int(dict(headers)["Content-Length"])
        assert rest[size:] == b"\r\n\r\n"
        yield offset, length, headers, rest[:size]
        offset += length


def encode_record(headers, block):
    head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    pack = zlib.compressobj(wbits=31)
    member = pack.compress(head.encode() + b"\r\n" + block + b"\r\n\r\n") + pack.flush()
    return member[:9] + b"\xff" + member[10:]  # system: unknown


def check(path):
    """Asserts that every digest, offset and signature is right; returns how many records and index lines there were."""
    parts = members(path)
    package = json.loads(parts[PACKAGE])
    assert package["profile"] == "data-package" and package["wacz_version"] == "1.1.1"
    listed = {r["path"]: r for r in package["resources"]}
    assert list(listed) == [name for name in parts if name not in (PACKAGE, DIGEST)]
    for name, resource in listed.items():
        assert resource["hash"] == sha256(parts[name]), name
        assert resource["bytes"] == len(parts[name]), name

    digest = json.loads(parts[DIGEST])
    signed = digest["signedData"]
    assert digest["path"] == PACKAGE
    assert digest["hash"] == signed["hash"] == sha256(parts[PACKAGE])
    assert signed["created"] == package["created"]
    key = serialization.load_der_public_key(base64.b64decode(signed["publicKey"]))
    assert key.curve.name == "secp384r1"
    raw = base64.b64decode(signed["signature"])
    signature = utils.encode_dss_signature(int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big"))
    key.verify(signature, signed["hash"].encode(), ec.ECDSA(hashes.SHA256()))
    try:
        key.verify(signature, b"something else", ec.ECDSA(hashes.SHA256()))
        raise AssertionError("any signature verifies")
    except InvalidSignature:
        pass

    by_offset, identifiers = {}, set()
    for offset, length, headers, block in records(parts[ARCHIVE]):
        named = dict(headers)
        assert named["WARC-Record-ID"] not in identifiers
        identifiers.add(named["WARC-Record-ID"])
        assert named["WARC-Block-Digest"] == sha256(block)
        if named["WARC-Type"] in ("request", "response"):
            assert named["WARC-Payload-Digest"] == sha256(block.partition(b"\r\n\r\n")[2])
        by_offset[offset] = (length, named, block)
    for _, named, _ in by_offset.values():
        assert named.get("WARC-Concurrent-To", named["WARC-Record-ID"]) in identifiers

    lines = parts[INDEX].decode().splitlines()
    assert lines == sorted(lines, key=str.encode)
    for line in lines:
        key, time, fields = line.split(" ", 2)
        entry = json.loads(fields)
        length, named, block = by_offset[entry["offset"]]
        assert entry["length"] == length and entry["filename"] == "data.warc.gz"
        assert entry["url"] == named["WARC-Target-URI"]
        assert entry["digest"] == named["WARC-Payload-Digest"]
        assert entry["recordDigest"] == sha256(parts[ARCHIVE][entry["offset"]:entry["offset"] + length])
        assert entry["status"] == int(block.split(b" ", 2)[1])
        assert "".join(c for c in named["WARC-Date"] if c.isdigit())[:17] == time
    indexed = sorted(json.loads(line.split(" ", 2)[2])["offset"] for line in lines)
    assert indexed == [o for o, (_, named, _) in by_offset.items() if named["WARC-Type"] == "response"]

    header, *pages = [json.loads(line) for line in parts[PAGES].decode().splitlines()]
    assert header["format"] == "json-pages-1.0" and pages
    return len(by_offset), len(lines)


def seal(parts):
    """datapackage.json and its signature made anew, by a key of our own, in the form that the project writes."""
    package = json.loads(parts[PACKAGE])
    package["resources"] = [{"name": name.rsplit("/", 1)[-1], "path": name, "hash": sha256(data), "bytes": len(data),
                             **({"type": "file"} if name.startswith("evidence/") else {})}
                            for name, data in parts.items() if name not in (PACKAGE, DIGEST)]

    def compact(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    parts[PACKAGE] = compact(package)
    key = ec.generate_private_key(ec.SECP384R1())
    text = sha256(parts[PACKAGE])
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    public = key.public_key().public_bytes(serialization.Encoding.DER,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)
    parts[DIGEST] = compact({"path": PACKAGE, "hash": text, "signedData": {
        "hash": text, "created": package["created"], "software": package["software"], "version": "0.1.0",
        "signature": base64.b64encode(r.to_bytes(48, "big") + s.to_bytes(48, "big")).decode(),
        "publicKey": base64.b64encode(public).decode()}})
    return parts


def pack(parts):
    """A ZIP archive of the shape that specs/capture.md fixes."""
    out, directory = io.BytesIO(), b""
    for name, data in parts.items():
        facts = (b"\x14\0\0\x08\0\0\0\0\x21\0" + zlib.crc32(data).to_bytes(4, "little") +
                 2 * len(data).to_bytes(4, "little") + len(name).to_bytes(2, "little") + b"\0\0")
        directory += (b"PK\x01\x02\x14\0" + facts + bytes(10) + out.tell().to_bytes(4, "little") + name.encode())
        out.write(b"PK\x03\x04" + facts + name.encode() + data)
    count = len(parts).to_bytes(2, "little")
    return out.getvalue() + directory + (b"PK\x05\x06" + bytes(4) + count + count + len(directory).to_bytes(4, "little") +
                                         out.tell().to_bytes(4, "little") + b"\0\0")
