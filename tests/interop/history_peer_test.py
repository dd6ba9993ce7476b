#!/usr/bin/python3
"""Change histories by the independent implementation: the chain, the packages beside it, its receipt; every change of them.

Needs no browser and no program of the project: what is verified is made here, from specs/capture.md alone.
"""

import json
import pathlib
import subprocess
import tempfile
import unittest

from peer_scene import Scene, TIME_US, URL, VECTORS, chained, enc, lines, operations, pretty, sha256
from wacz_reader import members, pack
from cunzheng_py import history, package

HEAD = {"interval_s": 60, "type": "cunzheng/history/v1", "url": URL}
PICTURE = b"the picture of a difference"
COVERED = 5  # looks; there is one more behind the receipt


class Watch:
    """A history of six looks, its three packages and its receipt: {file name: bytes}, as they stand in one folder."""

    def __init__(self, scene, url=URL, receipts="inside"):
        self.scene, self.head, self.files, self.looks = scene, {**HEAD, "url": url}, {}, []
        self.look("failed", reason="net::ERR_CONNECTION_REFUSED")
        self.packed("first", "a.evidence.zip", receipts)
        self.look("unchanged", **self.seen("a"))
        self.packed("changed", "b.evidence.zip", receipts, difference="b.difference.png", difference_sha256=sha256(PICTURE))
        self.files["b.difference.png"] = PICTURE
        self.look("unchanged", **self.seen("b"))
        self.receipt = self.deposit(self.text())
        self.packed("changed", "c.evidence.zip", receipts)

    def seen(self, text, changed=0):
        return {"text_sha256": sha256(text.encode()), "pixels": 1_000_000, "pixels_changed": changed}

    def look(self, state, **fields):
        self.looks.append({"state": state, "time_unix_us": TIME_US + len(self.looks), **fields})

    def last_line(self):
        return self.text().split(b"\n")[-2]

    def packed(self, state, name, receipts, **fields):
        steps = [("begun", "x"), ("history", sha256(self.last_line())), ("done", "settled")]
        attachments = {"dom.html": name.encode(), "operations.jsonl": operations(*steps)}
        data, paper = self.scene.package(attachments, receipt=receipts, url=self.head["url"])
        self.files[name] = data
        if receipts == "beside":
            self.files[f"{name}.receipt.json"] = paper
        wacz = dict(package.read_zip(data))["capture.wacz"]
        self.look(state, package=name, wacz_sha256=sha256(wacz), **self.seen(name[0], 5000), **fields)

    def text(self, looks=None, head=None):
        return chained(head or self.head, self.looks if looks is None else looks)

    def deposit(self, evidence, **how):
        return pretty(self.scene.deposit(evidence, "file", self.scene.manifest("NAME.history.jsonl"), **how)).encode()


class HistoryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = Scene()
        cls.watch = Watch(cls.scene)
        cls.text = cls.watch.text()

    def verify(self, text=None, receipt=True, files=None, trust=True):
        files = self.watch.files if files is None else files
        receipt = self.watch.receipt if receipt is True else receipt
        return history.verify(self.text if text is None else text, self.scene.trust if trust else None, receipt, files.get)

    def refused(self, code, what, *args, **how):
        report = self.verify(*args, **how)
        self.assertEqual((report.verdict, report.error), ("not_valid", code), f"{what}: {report.detail}")
        self.assertIsNone(report.t2_unix_s, what)

    # Whole histories

    def test_looks_packages_and_times_are_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "NAME.history.jsonl")
            path.write_bytes(self.text)
            path.with_name(path.name + ".receipt.json").write_bytes(self.watch.receipt)
            path.with_name("trust").write_bytes(self.scene.trust)
            for name, data in self.watch.files.items():
                if name != "a.evidence.zip":
                    path.with_name(name).write_bytes(data)
            done = subprocess.run([VECTORS / "generate.py", "--verify-history", path, "--trust", path.with_name("trust")],
                                  capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        said = json.loads(done.stdout)
        b, c = said.pop("packages")
        self.assertEqual([(p.pop("look"), p.pop("package"), p.pop("verdict")) for p in (b, c)],
                         [(3, "b.evidence.zip", "valid"), (5, "c.evidence.zip", "valid")])
        self.assertLess(b["t2_unix_s"], said["t2_unix_s"])
        self.assertLess(said.pop("t2_unix_s"), c["t2_unix_s"])
        self.assertEqual(said, {"verdict": "valid", "error": None, "looks": 6, "covered": COVERED,
                                "absent": ["a.evidence.zip"]})

    def test_the_verdict_is_that_of_the_receipt(self):
        report = self.verify(receipt=None)
        self.assertEqual((report.verdict, report.covered, report.t2_unix_s), ("pending", 0, None))
        self.assertEqual([p["verdict"] for p in report.packages], ["valid"] * 3)
        waiting = self.watch.deposit(self.text, cosigners=2)
        report = self.verify(receipt=waiting)
        self.assertEqual((report.verdict, report.covered, report.t2_unix_s), ("pending", 6, None))
        report = self.verify(trust=False)
        self.assertEqual((report.verdict, report.covered), ("trust_not_established", COVERED))
        self.assertEqual([p["verdict"] for p in report.packages], ["trust_not_established"] * 3)

    def test_what_is_not_there_is_told_and_no_failure(self):
        report = self.verify(files={})
        self.assertEqual((report.verdict, report.packages), ("valid", []))
        self.assertEqual(report.absent, ["a.evidence.zip", "b.evidence.zip", "b.difference.png", "c.evidence.zip"])

    def test_a_packages_receipt_may_stand_beside_it_or_be_to_come(self):
        for receipts, verdict in (("beside", "valid"), ("none", "pending"), ("pending", "pending")):
            watch = Watch(self.scene, receipts=receipts)
            report = self.verify(watch.text(), watch.receipt, watch.files)
            self.assertEqual((report.verdict, {p["verdict"] for p in report.packages}), ("valid", {verdict}), report.detail)

    def test_a_long_address_is_named_by_its_digest(self):
        watch = Watch(self.scene, url=URL + "&more=" + "x" * 1500)
        self.assertEqual(self.verify(watch.text(), watch.receipt, watch.files).verdict, "valid")

    def test_a_receipt_covers_as_many_lines_as_it_says(self):
        rows = self.text.splitlines(keepends=True)
        for count in range(1, len(rows) + 1):
            report = self.verify(receipt=self.watch.deposit(b"".join(rows[:count])))
            self.assertEqual((report.verdict, report.covered, report.looks), ("valid", count - 1, 6))

    # The chain

    def test_a_line_that_is_taken_out_put_in_or_moved_is_found(self):
        rows = self.text.splitlines(keepends=True)
        for at in range(1, len(rows)):
            if at < len(rows) - 1:
                self.refused("invalid_value", f"without look {at - 1}", b"".join(rows[:at] + rows[at + 1:]))
            self.refused("invalid_value", f"look {at - 1} twice", b"".join(rows[:at + 1] + rows[at:]))
            for to in range(1, len(rows)):
                if to != at:
                    moved = rows[:at] + rows[at + 1:]
                    moved.insert(to, rows[at])
                    self.refused("invalid_value", f"look {at - 1} as {to - 1}", b"".join(moved))
        self.refused("missing_field", "no first line", b"".join(rows[1:]))

    def test_numbers_that_fit_do_not_mend_the_chain(self):
        rows = self.text.splitlines()

        def numbered(chosen):
            looks = [json.loads(row) for row in chosen]
            return rows[0] + b"\n" + lines(*({**look, "number": n} for n, look in enumerate(looks)))
        self.assertEqual(numbered(rows[1:]), self.text)
        for at in (1, 3, 5):  # not the first look that did not fail, or there is none
            self.refused("digest_mismatch", f"without look {at - 1}", numbered(rows[1:at] + rows[at + 1:]))
            self.refused("digest_mismatch", f"look {at - 1} put in", numbered(rows[1:at] + rows[1:2] + rows[at:]))

    def test_an_edited_line_is_found_by_the_next_one(self):
        rows = self.text.splitlines()
        for at in range(len(rows) - 1):
            look = json.loads(rows[at])
            field = "time_unix_us" if at else "interval_s"
            edited = enc({**look, field: look[field] + 1}).encode()
            text = b"".join(row + b"\n" for row in [*rows[:at], edited, *rows[at + 1:]])
            self.refused("digest_mismatch", f"line {at}", text)
        self.refused("digest_mismatch", "the address", self.text.replace(b"id=7", b"id=8", 1))

    def test_a_history_that_was_chained_anew_is_another_than_its_packages_and_receipt_have(self):
        looks = self.watch.looks
        cases = [
            ("edited", [{**looks[0], "reason": "net::ERR_NAME_NOT_RESOLVED"}, *looks[1:]]),
            ("taken out", looks[:2] + looks[3:]),
            ("put in", looks[:3] + looks[2:3] + looks[3:]),
            ("moved", [looks[1], looks[0], *looks[2:]]),
        ]
        for what, changed in cases:
            text = self.watch.text(changed)
            self.refused("digest_mismatch", what, text)
            self.refused("digest_mismatch", f"{what}, no receipt", text, receipt=None)
            self.refused("digest_mismatch", f"{what}, no packages", text, files={})
            self.assertEqual(self.verify(text, receipt=None, files={}).verdict, "pending")  # nothing else binds it
        self.refused("length_mismatch", "cut short", self.watch.text(looks[:3]), files={})
        # The verdict speaks of the lines that the receipt covers: a later one is bound by what comes after it.
        for later in (looks[:COVERED], [*looks[:COVERED], {**looks[5], "time_unix_us": TIME_US}]):
            report = self.verify(self.watch.text(later))
            self.assertEqual((report.verdict, report.covered, report.looks), ("valid", COVERED, len(later)))

    def test_lines_have_one_form(self):
        def look(number, **fields):
            changed = [dict(row) for row in self.watch.looks]
            changed[number].update(fields)
            return self.watch.text([{k: v for k, v in row.items() if v is not None} for row in changed])
        cases = [
            ("no line end", "invalid_value", self.text[:-1]),
            ("an empty line", "invalid_json", self.text + b"\n"),
            ("white space", "not_canonical", self.text.replace(b'"number":2', b'"number": 2')),
            ("no object", "wrong_type", self.text + b"[]\n"),
            ("another version", "unsupported_version", self.text.replace(b"history/v1", b"history/v2")),
            ("a second first look", "invalid_value", look(3, state="first")),
            ("no first look", "invalid_value", look(1, state="changed")),
            ("a package of an unchanged look", "unknown_field", look(2, package="a.evidence.zip")),
            ("no package of a changed look", "missing_field", look(3, package=None)),
            ("no reason of a failed look", "missing_field", look(0, reason=None)),
            ("a picture without its digest", "missing_field", look(3, difference_sha256=None)),
            ("a digest without its picture", "unknown_field", look(3, difference=None)),
            ("a field more", "unknown_field", look(4, text="x")),
            ("nothing", "invalid_value", b""),
        ]
        for what, code, text in cases:
            self.refused(code, what, text)
        for name in ("../a.evidence.zip", "/etc/passwd", "..", "a\\b", "", "x" * 256):
            self.refused("invalid_value", name, look(1, package=name))
            self.refused("invalid_value", name, look(3, difference=name))

    # What stands beside it

    def test_packages_and_pictures_are_those_that_the_history_names(self):
        files = self.watch.files
        swapped = {**files, "a.evidence.zip": files["b.evidence.zip"], "b.evidence.zip": files["a.evidence.zip"]}
        self.refused("digest_mismatch", "two packages swapped", files=swapped)
        self.refused("digest_mismatch", "another picture", files={**files, "b.difference.png": PICTURE + b"x"})
        self.refused("invalid_value", "no package", files={**files, "a.evidence.zip": b"PK"})
        self.refused("missing_field", "an empty container", files={**files, "a.evidence.zip": pack({})})
        inner = self.inner("b.evidence.zip")
        other, _ = self.scene.package({}, wacz={**inner, "evidence/dom.html": b"else"})
        self.refused("digest_mismatch", "another capture after the same line", files={**files, "b.evidence.zip": other})

    def inner(self, name):
        """The WACZ of a package, {member: bytes}."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.wacz")
            path.write_bytes(dict(package.read_zip(self.watch.files[name]))["capture.wacz"])
            return members(path)

    def test_a_package_names_the_line_before_it_once(self):
        before = sha256(self.text.splitlines()[3])
        cases = [
            ("none", False, []),
            ("another line", False, [("history", sha256(self.text.splitlines()[2]))]),
            ("no line", False, [("history", "x")]),
            ("twice", False, [("history", before), ("history", before)]),
            ("once", True, [("note", before), ("history", before)]),
        ]
        for what, good, steps in cases:
            data, _ = self.scene.package({"operations.jsonl": operations(*steps)})
            looks = [dict(look) for look in self.watch.looks]
            looks[3]["wacz_sha256"] = sha256(dict(package.read_zip(data))["capture.wacz"])
            text, files = self.watch.text(looks[:5]), {**self.watch.files, "b.evidence.zip": data}
            if good:
                self.assertEqual(self.verify(text, self.watch.deposit(text), files).verdict, "valid")
            else:
                self.refused("digest_mismatch", what, text, self.watch.deposit(text), files)
        # Look 0 has no look before it, and its package names no line.
        data, _ = self.scene.package({"dom.html": b"x"})
        wacz = dict(package.read_zip(data))["capture.wacz"]
        look = {**self.watch.looks[1], "wacz_sha256": sha256(wacz)}
        self.assertEqual(self.verify(self.watch.text([look]), None, {"a.evidence.zip": data}).error, "not_found")
        data, _ = self.scene.package({"operations.jsonl": operations(("history", sha256(self.text.splitlines()[0])))})
        look["wacz_sha256"] = sha256(dict(package.read_zip(data))["capture.wacz"])
        self.refused("digest_mismatch", "look 0 after a line", self.watch.text([look]), None, {"a.evidence.zip": data})

    def test_a_package_that_is_not_valid_makes_the_history_so(self):
        name = "b.evidence.zip"
        listed = package.read_zip(self.watch.files[name])
        other = dict(package.read_zip(self.watch.files["a.evidence.zip"]))
        for member, code in (("parts.json", "root_mismatch"), ("receipt.json", "manifest_mismatch")):
            changed = package.build_zip([(n, other[n] if n == member else data) for n, data in listed])
            self.refused(code, member, files={**self.watch.files, name: changed})
            report = self.verify(files={**self.watch.files, name: changed}, receipt=None)
            self.assertEqual([p["verdict"] for p in report.packages], ["valid", "not_valid", "valid"])
        bare = package.build_zip([(n, data) for n, data in listed if n != "receipt.json"])
        beside = {**self.watch.files, name: bare, f"{name}.receipt.json": other["receipt.json"]}
        self.refused("manifest_mismatch", "another package's receipt beside it", files=beside)

    # The receipt

    def test_a_receipts_bytes_end_with_a_line(self):
        rows = self.text.splitlines(keepends=True)
        end = sum(map(len, rows[:3]))
        for length in (0, 1, len(rows[0]) - 1, len(rows[0]) + 1, end - 1, end + 1, len(self.text) - 1):
            self.refused("invalid_value", length, receipt=self.watch.deposit(self.text[:length]))
        waiting = self.watch.deposit(self.text[:end - 1], cosigners=2)
        self.refused("invalid_value", "a pending one", receipt=waiting)

    def test_a_receipt_is_that_of_the_history(self):
        other = self.watch.deposit(self.text[:-1] + b"x")
        self.refused("digest_mismatch", "of other bytes", receipt=other)
        self.refused("length_mismatch", "of more bytes", receipt=self.watch.deposit(self.text + b"x\n"))
        self.refused("digest_mismatch", "of something shorter", receipt=self.watch.deposit(b"something\n"))
        self.refused("invalid_json", "no JSON", receipt=b"x")
        foreign = pretty(Scene("other.example.org/ledger").deposit(self.text, "file")).encode()
        self.refused("wrong_ledger", "of another ledger", receipt=foreign)


if __name__ == "__main__":
    unittest.main()
