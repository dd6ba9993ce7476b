"""Recordings (specs/capture.md, "Recording"): segments of pictures, step 7, and their own receipts, step 9."""

import re
from dataclasses import dataclass

from . import crypto, film, formats, receipt, reports
from .jsonp import Bad, hex32, integer, type_is

PICTURES_MAX = 36_000
BYTES_MAX, SEGMENT_BYTES_MAX = 512 << 20, 64 << 20  # of pictures
SEGMENT_US = 10_000_000
PREFIX = "evidence/recording-"
MEMBER = re.compile(rf"{PREFIX}([0-9]{{3}})\.(avi|jsonl|receipt\.json)")  # three digits: 1,000 segments
PICTURE = [("time_unix_us", integer()), ("length", integer(1)), ("sha256", hex32)]


@dataclass
class Segment:
    name: str  # of its .jsonl, as an attachment
    lines: bytes
    pictures: int


def _head(number):
    return [("type", type_is("cunzheng/recording/v1")), ("segment", integer(number, number)), ("previous", hex32)]


def _by_suffix(wacz):
    """{"avi": {number: bytes}, …} of everything that is named like a part of a recording."""
    found = {"avi": {}, "jsonl": {}, "receipt.json": {}}
    for name, data in wacz.items():
        if not name.startswith(PREFIX):
            continue
        match = MEMBER.fullmatch(name)
        if not match:
            raise Bad("invalid_value", f"{name}: no part of a recording")
        found[match[2]][int(match[1])] = data
    return found


def _check_pictures(name, pictures, data):
    """Every picture stands in its slot, with its length and digest; the film is the one that follows from them."""
    times = [picture["time_unix_us"] for picture in pictures]
    if times != sorted(times) or times[-1] - times[0] >= SEGMENT_US:
        raise Bad("invalid_value", f"{name}: times that are not those of one segment")
    lengths = [picture["length"] for picture in pictures]
    if sum(lengths) > SEGMENT_BYTES_MAX:
        raise Bad("too_large", f"{name}: pictures")
    found = []
    for number, (at, picture) in enumerate(zip(film.places(times, lengths), pictures)):
        found.append(data[at : at + picture["length"]])
        if len(found[-1]) != picture["length"] or crypto.sha256(found[-1]).hex() != picture["sha256"]:
            raise Bad("digest_mismatch", f"{name}: picture {number}")
    if film.made(times, found) != data:
        raise Bad("invalid_value", f"{name}: is not the film of its pictures")
    return sum(lengths)


def segments(wacz):
    """Step 7, of {member: bytes}. The segments in their order; none when there is no recording."""
    found = _by_suffix(wacz)
    out, previous, count_left = [], bytes(32).hex(), PICTURES_MAX
    numbers = sorted(found["jsonl"])
    if numbers != list(range(len(numbers))) or numbers != sorted(found["avi"]):
        raise Bad("invalid_value", f"segments {numbers}, films of {sorted(found['avi'])}")
    bytes_left = BYTES_MAX
    for number in numbers:
        name, data = f"recording-{number:03}.jsonl", found["jsonl"][number]
        head, pictures = reports.decode_lines(data, _head(number), PICTURE, count_left)
        if not pictures:
            raise Bad("invalid_value", f"{name}: no picture, so no segment")
        if head["previous"] != previous:
            raise Bad("digest_mismatch", f"{name}: previous")
        bytes_left -= _check_pictures(name, pictures, found["avi"][number])
        if bytes_left < 0:
            raise Bad("too_large", "recording")
        out.append(Segment(name, data, len(pictures)))
        previous, count_left = crypto.sha256(data).hex(), count_left - len(pictures)
    return out


def check_log(steps, recorded):
    """Step 8: the operation log has each segment as it ended."""
    named = [step.get("detail") for step in steps if step["what"] == "segment"]
    if named != [f"{s.name.removesuffix('.jsonl')} sha256:{crypto.sha256(s.lines).hex()}" for s in recorded]:
        raise Bad("manifest_mismatch", "operations.jsonl: names other segments than there are")


def anchors(wacz, recorded, package_receipt, trust_text):
    """Step 9: number and report of each segment's own receipt. `package_receipt` decoded, None when there is none."""
    out = []
    for number, text in sorted(_by_suffix(wacz)["receipt.json"].items()):
        if number >= len(recorded):
            raise Bad("invalid_value", f"recording-{number:03}.receipt.json: of no segment")
        segment = recorded[number]
        _check_papers(segment, receipt.decode_written(text), package_receipt)
        report = receipt.verify(text, segment.lines, trust_text)
        if report.verdict == "not_valid":
            raise Bad(report.error, f"the receipt of {segment.name}: {report.detail}")
        out.append((number, report))
    return out


def _check_papers(segment, anchor, package_receipt):
    record = formats.decode_record(anchor["record"])
    if record["kind"] != "recording":
        raise Bad("manifest_mismatch", f"{segment.name}: its record is of kind {record['kind']}")
    if "manifest" not in anchor or formats.decode_manifest(anchor["manifest"])["name"] != segment.name:
        raise Bad("manifest_mismatch", f"{segment.name}: its receipt's manifest names something else")
    if package_receipt is None:
        return
    package_record = formats.decode_record(package_receipt["record"])
    for field in ("ledger", "account"):
        if record[field] != package_record[field]:
            raise Bad(f"wrong_{field}", f"the receipt of {segment.name}")
