#!/usr/bin/python3
"""Recordings by the independent implementation: segments, their own receipts, the stitched screenshot; every change of them.

Needs no browser and no program of the project: what is verified is made here, from specs/capture.md alone.
"""

import json
import pathlib
import random
import subprocess
import tempfile
import unittest
from unittest import mock

from peer_scene import BOB, Scene, VECTORS, film, framed, operations, picture, png, pretty, recording, segment, sha256
from cunzheng_py import package
from cunzheng_py import recording as peer

SEGMENTS = [[picture(0), picture(1), picture(2)], [picture(3)], [picture(4), picture(5)]]
COUNT = sum(map(len, SEGMENTS))


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


class RecordingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = Scene()
        cls.files = recording(*SEGMENTS)
        cls.anchors = {f"recording-{n:03}.receipt.json": pretty(cls.anchor(n)).encode() for n in (0, 2)}

    @classmethod
    def anchor(cls, number, scene=None, name=None, **how):
        name = name or f"recording-{number:03}.jsonl"
        return (scene or cls.scene).anchor(name, cls.files[f"recording-{number:03}.jsonl"], **how)

    def verify(self, files, trust=True, **how):
        data, receipt = self.scene.package(files, **{"changed": {"capture": "recording"}, **how})
        return package.verify_package(data, self.scene.trust if trust else None, receipt)

    def refused(self, code, files, what, **how):
        report = self.verify(files, **how)
        self.assertEqual((report.verdict, report.error), ("not_valid", code), f"{what}: {report.detail}")
        self.assertIsNone(report.recording, what)

    # Whole recordings

    def test_segments_and_the_times_of_their_anchors_are_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path, trust = pathlib.Path(folder, "a.evidence.zip"), pathlib.Path(folder, "trust.json")
            path.write_bytes(self.scene.package({**self.files, **self.anchors})[0])
            trust.write_bytes(self.scene.trust)
            done = subprocess.run([VECTORS / "generate.py", "--verify-package", path, "--trust", trust],
                                  capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = json.loads(done.stdout)
        rows = said["recording"].pop("anchors")
        self.assertEqual(said["recording"], {"segments": 3, "pictures": COUNT})
        self.assertEqual([(row["segment"], row["verdict"]) for row in rows], [(0, "valid"), (2, "valid")])
        for row in rows:
            self.assertEqual(row["t2_unix_s"] - row["t1_unix_s"], 10)  # what a deposit takes on the scene's clock
        self.assertLess(rows[0]["t2_unix_s"], rows[1]["t2_unix_s"])
        self.assertLess(rows[1]["t2_unix_s"], said["t2_unix_s"])

    def test_a_recording_needs_no_anchors_and_a_package_no_recording(self):
        report = self.verify(self.files)
        self.assertEqual((report.verdict, report.recording), ("valid", {"segments": 3, "pictures": COUNT, "anchors": []}))
        report = self.verify({})
        self.assertEqual((report.verdict, report.recording), ("valid", None))

    def test_an_anchor_that_waits_for_institutions_is_told_and_no_failure(self):
        waiting = pretty(self.anchor(1, cosigners=2)).encode()
        report = self.verify({**self.files, **self.anchors, "recording-001.receipt.json": waiting})
        self.assertEqual(report.verdict, "valid")
        rows = [(row["segment"], row["verdict"], row["t2_unix_s"] is None) for row in report.recording["anchors"]]
        self.assertEqual(rows, [(0, "valid", False), (1, "pending", True), (2, "valid", False)])

    def test_anchors_are_told_where_the_package_is_pending_or_nothing_is_pinned(self):
        for receipt in ("none", "pending"):
            report = self.verify({**self.files, **self.anchors}, receipt=receipt)
            self.assertEqual(report.verdict, "pending")
            self.assertEqual([row["verdict"] for row in report.recording["anchors"]], ["valid", "valid"])
        report = self.verify({**self.files, **self.anchors}, trust=False)
        self.assertEqual(report.verdict, "trust_not_established")
        rows = [(row["verdict"], row["t1_unix_s"], row["t2_unix_s"]) for row in report.recording["anchors"]]
        self.assertEqual(rows, [("trust_not_established", None, None)] * 2)

    def test_no_byte_of_a_package_is_free(self):
        data, _ = self.scene.package({**self.files, **self.anchors})
        members = package.read_zip(data)
        rng = random.Random(20_251_125)
        for name, content in members:
            # README.txt is fixed by the format and not by the specification; cosignatures can be taken from a receipt.
            for at in rng.sample(range(len(content)), 20) if name not in ("README.txt", "receipt.json") else ():
                altered = bytearray(content)
                altered[at] ^= 1 << rng.randrange(8)
                changed = package.build_zip([(n, bytes(altered) if n == name else b) for n, b in members])
                self.assertEqual(package.verify_package(changed, self.scene.trust).verdict, "not_valid", (name, at))
        for length in rng.sample(range(len(data)), 20):
            report = package.verify_package(data[:length], self.scene.trust)
            self.assertEqual((report.verdict, report.error), ("not_valid", "invalid_value"), length)

    def test_a_manifest_has_the_attributes_of_a_capture_and_no_others(self):
        cases = [
            ("missing_field", {"tool": None}), ("missing_field", {"parts_root": None}), ("unknown_field", {"more": "x"}),
            ("invalid_value", {"capture": "film"}), ("invalid_value", {"outcome": "done"}), ("invalid_value", {"parts": "07"}),
            ("invalid_value", {"url": None}), ("invalid_value", {"url_sha256": "ab" * 32}), ("root_mismatch", {"parts": "7"}),
            ("root_mismatch", {"parts_root": "ab" * 32}), ("missing_field", {"trust_sha256": "ab" * 32}),
        ]
        for code, attributes in cases:
            self.refused(code, {}, attributes, changed=attributes)

    # Segments

    def test_the_operation_log_has_each_segment_as_it_ended(self):
        right = [("segment", f"recording-{i:03} sha256:{sha256(self.files[f'recording-{i:03}.jsonl'])}") for i in range(len(SEGMENTS))]
        good = operations(("recording", "x"), *right, ("recorded", "x"))
        self.assertEqual(self.verify({**self.files, "operations.jsonl": good}).verdict, "valid")
        for steps in ([], right[:-1], right[1:], right[::-1], [*right, right[-1]], [*right[:-1], ("segment", "recording-002")]):
            self.refused("manifest_mismatch", {**self.files, "operations.jsonl": operations(*steps)}, steps)
        self.refused("manifest_mismatch", {"operations.jsonl": operations(*right)}, "segments that are not there")

    def test_a_byte_of_any_picture_is_found(self):
        for number, pictures in enumerate(SEGMENTS):
            name = f"recording-{number:03}.avi"
            for shown in pictures:
                for at in range(self.files[name].index(shown), self.files[name].index(shown) + len(shown), 7):
                    self.refused("digest_mismatch", {**self.files, name: flipped(self.files[name], at)}, (name, at))

    def test_no_other_byte_of_a_film_is_free(self):
        name = "recording-000.avi"
        good = self.files[name]
        pictures = {at for p in SEGMENTS[0] for at in range(good.index(p), good.index(p) + len(p))}
        for at in set(range(len(good))) - pictures:
            self.refused("invalid_value", {**self.files, name: flipped(good, at)}, (name, at))

    def shows(self, times, film_of, pictures=None):
        """Whether a segment with pictures of these times is a recording with that film."""
        pictures = pictures or [picture(n) for n in range(len(times))]
        files = {"recording-000.jsonl": segment(0, "00" * 32, pictures, times), "recording-000.avi": film_of(pictures)}
        return self.verify(files).error or "valid"

    def test_pictures_stand_in_the_slots_of_their_times(self):
        cases = [
            ([0], [0]), ([0, 39_999], [0, 1]), ([0, 40_000], [0, 1]), ([0, 80_000, 200_000], [0, 2, 5]), ([0, 0, 0, 0], [0, 1, 2, 3]),
            ([0, 119_999, 119_999, 119_999, 160_000], [0, 2, 3, 4, 5]), ([0, 9_999_999], [0, 249]), ([5, 40_004], [0, 1]),
        ]
        for times, slots in cases:
            self.assertEqual(self.shows(times, lambda p: film(dict(zip(slots, p)))), "valid", times)
            later = [*slots[:-1], slots[-1] + 1]
            if len(slots) > 1:
                self.assertEqual(self.shows(times, lambda p: film(dict(zip(later, p)))), "digest_mismatch", times)
        for times in ([0, 10_000_000], [1, 0], [0, 2**52]):
            self.assertEqual(self.shows(times, lambda p: film(dict(enumerate(p)))), "invalid_value", times)

    def test_a_film_is_as_large_as_its_first_pictures_frame_header_says(self):
        tables = b"\xff\xe0\x00\x04ab\xff\xc4\x00\x02\xff\xc8\x00\x05abc\xff\xcc\x00\x03a"
        cases = [
            (framed(800, 600), (800, 600)), (framed(65_535, 65_535), (65_535, 65_535)), (framed(7, 9, tables), (7, 9)),
            (framed(7, 9, b"\xff\xe0\x00\x01"), (0, 0)), (framed(7, 9, b"\0"), (0, 0)),
            (framed(7, 9, tables)[:-2], (7, 9)), (framed(7, 9, tables)[:-3], (0, 0)), (framed(7, 9)[1:], (0, 0)),
            (framed(7, 9, b"\xff\xe0\x7f\xff"), (0, 0)), (framed(7, 9, marker=b"\xfe\xc2"), (0, 0)),
        ]
        for code in range(0xBF, 0xD1):
            begins = 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC)
            cases.append((framed(7, 9, marker=bytes([0xFF, code])), (7, 9) if begins else (0, 0)))
        for first, size in cases:
            pictures = [first, framed(1, 2)]
            self.assertEqual(self.shows([0, 1], lambda p: film(dict(enumerate(p)), *size), pictures), "valid", first)
            self.assertEqual(self.shows([0, 1], lambda p: film(dict(enumerate(p)), 1, 2), pictures), "invalid_value", first)

    def test_a_picture_that_is_cut_added_or_moved_is_found(self):
        name, pictures = "recording-000.avi", SEGMENTS[0]

        def of(*shown):
            return film(dict(enumerate(shown)))
        cases = [
            ("cut short", "invalid_value", self.files[name][:-1]),
            ("the last one missing", "digest_mismatch", of(*pictures[:-1])),
            ("all missing", "digest_mismatch", b""),
            ("one more", "invalid_value", of(*pictures, picture(9))),
            ("a byte more", "invalid_value", self.files[name] + b"\0"),
            ("the first missing", "digest_mismatch", of(*pictures[1:])),
            ("two exchanged", "digest_mismatch", of(pictures[1], pictures[0], pictures[2])),
            ("another segment's", "digest_mismatch", self.files["recording-001.avi"]),
        ]
        for what, code, data in cases:
            self.refused(code, {**self.files, name: data}, what)

    def test_segments_that_are_missing_or_in_another_order_are_found(self):
        def without(*names):
            return {name: data for name, data in self.files.items() if name not in names}

        def renamed(*numbers):
            """The segments `numbers` as they are, under the names of 0, 1, …"""
            return {f"recording-{new:03}.{kind}": self.files[f"recording-{old:03}.{kind}"]
                    for new, old in enumerate(numbers) for kind in ("avi", "jsonl")}
        for number in (0, 1):
            name = f"recording-{number:03}"
            self.refused("invalid_value", without(f"{name}.avi", f"{name}.jsonl"), f"no {name}")
        for number in (0, 1, 2):
            for kind in ("avi", "jsonl"):
                self.refused("invalid_value", without(f"recording-{number:03}.{kind}"), (number, kind))
        for numbers in ((1, 0, 2), (0, 2, 1), (1, 2), (0, 2), (0, 0), (0, 1, 2, 2)):
            self.refused("invalid_value", renamed(*numbers), numbers)
        # The last ones can be left out of a recording: only what is deposited binds their number.
        self.assertEqual(self.verify(renamed(0, 1)).recording["segments"], 2)

    def test_a_segment_that_was_made_anew_breaks_the_chain(self):
        def remade(number, previous, pictures=None):
            pictures = pictures or SEGMENTS[number]
            return {**self.files, f"recording-{number:03}.jsonl": segment(number, previous, pictures),
                    f"recording-{number:03}.avi": film(dict(enumerate(pictures)))}
        zeros = "00" * 32
        self.refused("digest_mismatch", remade(0, sha256(b"")), "something before the first")
        self.refused("digest_mismatch", remade(1, zeros), "a second beginning")
        self.refused("digest_mismatch", remade(0, zeros, [picture(9)]), "other pictures in the first")
        # Number 1 left out, number 2 in its place with a number that fits.
        skipped = recording(SEGMENTS[0])
        skipped |= {"recording-001.jsonl": segment(1, sha256(self.files["recording-001.jsonl"]), SEGMENTS[2]),
                    "recording-001.avi": film(dict(enumerate(SEGMENTS[2])))}
        self.refused("digest_mismatch", skipped, "one left out")

    def test_a_segments_lines_have_one_form(self):
        name, text = "recording-002.jsonl", self.files["recording-002.jsonl"]
        cases = [
            ("another version", "unsupported_version", text.replace(b"recording/v1", b"recording/v2")),
            ("another number", "invalid_value", text.replace(b'"segment":2', b'"segment":3')),
            ("no line end", "invalid_value", text[:-1]),
            ("an empty line", "invalid_json", text + b"\n"),
            ("white space", "not_canonical", text.replace(b'"segment":2', b'"segment": 2')),
            ("a field more", "unknown_field", text.replace(b'"segment":2', b'"segment":2,"text":"x"')),
            ("a field less", "missing_field", text.replace(b'"segment":2,', b"")),
            ("a length that is none", "wrong_type", text.replace(b'"length":', b'"length":"1","lengti":', 1)),
            ("a length of 0", "invalid_value", text.replace(b'"length":15', b'"length":0', 1)),
            ("another digest", "digest_mismatch", text.replace(sha256(picture(4)).encode(), b"0" * 64)),
            ("nothing", "invalid_value", b""),
        ]
        for what, code, changed in cases:
            self.assertNotEqual(changed, text, what)
            self.refused(code, {**self.files, name: changed}, what)
        self.refused("invalid_value", recording([picture(0)], []), "a segment without pictures")

    def test_nothing_else_is_named_like_a_part_of_a_recording(self):
        for name in ("recording-3.jsonl", "recording-1000.avi", "recording-000.mjpeg", "recording-000.receipt.json.1",
                     "recording-", "recording-00a.jsonl"):
            self.refused("invalid_value", {**self.files, name: b"x"}, name)

    def test_limits_hold_for_the_whole_recording(self):
        size = sum(len(p) for pictures in SEGMENTS for p in pictures)
        largest = max(sum(map(len, pictures)) for pictures in SEGMENTS)
        for limit, value, code in (("PICTURES_MAX", COUNT, "invalid_value"), ("BYTES_MAX", size, "too_large"),
                                   ("SEGMENT_BYTES_MAX", largest, "too_large")):
            with mock.patch.object(peer, limit, value):
                self.assertEqual(self.verify(self.files).verdict, "valid")
            with mock.patch.object(peer, limit, value - 1):
                self.refused(code, self.files, limit)

    # Anchors

    def test_an_anchor_belongs_to_its_segment_alone(self):
        anchored = {**self.files, **self.anchors}
        first, last = "recording-000.receipt.json", "recording-002.receipt.json"
        self.refused("manifest_mismatch", {**anchored, first: anchored[last], last: anchored[first]}, "swapped")
        self.refused("manifest_mismatch", {**anchored, "recording-001.receipt.json": anchored[first]}, "copied")
        self.refused("invalid_value", {**anchored, "recording-003.receipt.json": anchored[last]}, "of no segment")
        self.refused("invalid_value", dict(self.anchors), "of no recording")
        # The same place in another recording: its evidence has the same length and other bytes, or another length.
        other = recording([picture(7), picture(8), picture(9)], [picture(3)], SEGMENTS[2])
        self.refused("digest_mismatch", {**other, **self.anchors}, "another recording's")
        other = recording([picture(7)], [picture(3)], SEGMENTS[2])
        self.refused("length_mismatch", {**other, **self.anchors}, "a shorter recording's")

    def test_the_last_segment_is_bound_by_its_anchor(self):
        text = self.files["recording-002.jsonl"]
        later = text.replace(b'"time_unix_us":1790000000000001', b'"time_unix_us":1790000000000002')
        self.assertNotEqual(later, text)
        changed = {**self.files, "recording-002.jsonl": later}
        self.assertEqual(self.verify(changed).verdict, "valid")
        self.refused("digest_mismatch", {**changed, **self.anchors}, "a time that was moved")

    def test_an_anchors_papers_are_those_of_a_segment(self):
        name = "recording-001.receipt.json"
        good = self.anchor(1)
        bare = self.scene.deposit(self.files["recording-001.jsonl"], "recording")
        stripped = {field: value for field, value in good.items() if field != "manifest"}
        elsewhere = Scene("other.example.org/ledger")
        cases = [
            ("of another kind", "manifest_mismatch", self.anchor(1, kind="file")),
            ("of another name", "manifest_mismatch", self.anchor(1, name="recording-002.jsonl")),
            ("without a manifest", "manifest_mismatch", bare),
            ("with its manifest taken out", "manifest_mismatch", stripped),
            ("by another account", "wrong_account", self.anchor(1, key=BOB)),
            ("of another ledger", "wrong_ledger", self.anchor(1, scene=elsewhere)),
        ]
        for what, code, receipt in cases:
            self.refused(code, {**self.files, name: pretty(receipt).encode()}, what)
        # Without a receipt of the package there is no account to compare; the pinned ledger remains.
        bob = {**self.files, name: pretty(self.anchor(1, key=BOB)).encode()}
        self.assertEqual(self.verify(bob, receipt="none").recording["anchors"][0]["verdict"], "valid")
        foreign = {**self.files, name: pretty(self.anchor(1, scene=elsewhere)).encode()}
        self.refused("wrong_ledger", foreign, "of another ledger, no receipt", receipt="none")

    def test_an_anchor_is_verified_like_any_receipt(self):
        name, good = "recording-001.receipt.json", self.anchor(1)
        text = pretty(good).encode()
        attested = good["attestations"][0]
        flipped = attested["inclusion"][0].translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
        body, gap, signatures = attested["checkpoint"].partition("\n\n")
        forged = [*signatures.split("\n")[:1], signatures.split("\n")[1][:-6] + "AAAAA=", *signatures.split("\n")[2:]]
        cases = [
            ("another form", "not_canonical", text + b"\n"),
            ("canonical form", "not_canonical", json.dumps(good, separators=(",", ":"), sort_keys=True).encode()),
            ("no JSON", "invalid_json", b"x"),
            ("a batch index", "index_out_of_range", {**good, "batch": {"index": 1, "path": []}}),
            ("an entry that is not there", "root_mismatch", {**good, "attestations": [
                {**attested, "inclusion": [flipped, *attested["inclusion"][1:]]}]}),
            ("a forged cosignature", "signature_invalid", {**good, "attestations": [
                {**attested, "checkpoint": body + gap + "\n".join(forged)}]}),
        ]
        for what, code, receipt in cases:
            receipt = receipt if isinstance(receipt, bytes) else pretty(receipt).encode()
            self.refused(code, {**self.files, name: receipt}, what)
            self.refused(code, {**self.files, name: receipt}, what, receipt="none")

    # The stitched screenshot

    def test_the_stitched_screenshot_is_its_tiles_whatever_the_filters(self):
        rng = random.Random(20_251_125)
        rows = [bytes(rng.randrange(256) for _ in range(30)) for _ in range(12)] + [bytes(range(30))] * 8
        opaque = [b"".join(row[x:x + 3] + b"\xff" for x in range(0, 30, 3)) for row in rows]
        whole = {"screenshot.png": png(rows, kinds=(0, 1, 2, 3, 4)), "screenshot-000.png": png(rows[:13]),
                 "screenshot-001.png": png(opaque[13:], 4, kinds=(4, 3, 2, 2, 4))}
        self.assertEqual(self.verify(whole).verdict, "valid")
        other = [*rows[:-1], rows[-1][:-1] + b"\0"]
        self.refused("digest_mismatch", {**whole, "screenshot.png": png(other, kinds=(4, 2))}, "one colour of one pixel")
        cases = [
            ("a row less", {**whole, "screenshot.png": png(rows[:-1])}),
            ("another width", {**whole, "screenshot-001.png": png([row[:27] for row in rows[13:]])}),
            ("a tile missing", {name: data for name, data in whole.items() if name != "screenshot-000.png"}),
            ("no PNG", {**whole, "screenshot-001.png": b"GIF89a"}),
            ("a CRC", {**whole, "screenshot-001.png": whole["screenshot-001.png"][:-1] + b"\0"}),
        ]
        for what, files in cases:
            self.refused("invalid_value", files, what)


if __name__ == "__main__":
    unittest.main()
