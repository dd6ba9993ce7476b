#!/usr/bin/env python3
"""`cunzheng capture --record`: segments that are deposited while the recording goes on, plain and sealed, and every way to
pass one segment's receipt off as another's. Packages are made anew in Python, signature of the WACZ and list of parts
included, so that nothing but the check of these receipts stands between a forger and a verdict."""

import base64
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import GENERATOR, PASSPHRASE, SOURCE, TIMEOUT_S, Node  # noqa: E402

sys.path.insert(0, str(SOURCE / "specs/vectors"))
sys.dont_write_bytecode = True
from cunzheng_py import jsonp, merkle  # noqa: E402
from cunzheng_py import package as peer  # noqa: E402

RECORD_S = 12  # a segment of ten seconds, and the beginning of another
PAGE = b"""<!doctype html><title>live</title><h1 id=n>0</h1>
<script>let n = 0; setInterval(() => document.getElementById('n').textContent = ++n, 300)</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args):
        pass


def unzipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def sealed_wacz(members):
    """A WACZ of these members, with a datapackage.json and a signature that fit them."""
    content = [(n, b) for n, b in members if not n.startswith("datapackage")]
    package = json.loads(dict(members)["datapackage.json"])
    package["resources"] = []
    for name, data in content:
        resource = {"name": name.rsplit("/", 1)[1], "path": name, "hash": "sha256:" + hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        if name.startswith("evidence/"):
            resource["type"] = "file"
        package["resources"].append(resource)
    text = json.dumps(package, separators=(",", ":"), ensure_ascii=False).encode()
    digest = json.loads(dict(members)["datapackage-digest.json"])
    digest["hash"] = digest["signedData"]["hash"] = "sha256:" + hashlib.sha256(text).hexdigest()
    key = ec.generate_private_key(ec.SECP384R1())
    r, s = utils.decode_dss_signature(key.sign(digest["hash"].encode(), ec.ECDSA(hashes.SHA256())))
    digest["signedData"]["signature"] = base64.b64encode(r.to_bytes(48, "big") + s.to_bytes(48, "big")).decode()
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest["signedData"]["publicKey"] = base64.b64encode(public).decode()
    signed = json.dumps(digest, separators=(",", ":")).encode()
    return peer.build_zip([*content, ("datapackage.json", text), ("datapackage-digest.json", signed)])


def remade(package, attachments):
    """The package with these attachments changed (None: left out), without its receipt, and right in all else."""
    members = dict(unzipped(package))
    inner = unzipped(members["capture.wacz"])
    at = max(i for i, (name, _) in enumerate(inner) if name.startswith("evidence/recording-"))
    known = {name for name, _ in inner}
    added = [(n, b) for n, b in attachments.items() if n not in known and b is not None]
    inner = inner[: at + 1] + added + inner[at + 1 :]
    inner = [(n, attachments.get(n, b)) for n, b in inner if attachments.get(n, b) is not None]
    wacz = sealed_wacz(inner)
    parts = [{**where, "length": len(data), "digest": peer._digests(data), "salt": os.urandom(32).hex()}
             for name, member in unzipped(wacz) for where, data in peer._member_parts(name, member)]
    manifest = json.loads(members["manifest.json"])
    manifest["attrs"]["parts"] = str(len(parts))
    manifest["attrs"]["parts_root"] = merkle.root([peer._leaf(p) for p in parts]).hex()
    members["capture.wacz"] = wacz
    members["parts.json"] = jsonp.encode({"type": "cunzheng/parts/v1", "parts": parts}).encode()
    members["manifest.json"] = jsonp.encode(manifest).encode()
    del members["receipt.json"]
    return peer.build_zip(list(members.items()))


class RecordingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="cz-recording-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        site.daemon_threads = True
        threading.Thread(target=site.serve_forever, daemon=True).start()
        cls.addClassCleanup(site.shutdown)
        cls.url = f"http://127.0.0.1:{site.server_port}/"
        cls.node = Node(cls.work / "node", "recording.test/ledger")
        cls.env = {**os.environ, "HOME": str(cls.work), "CUNZHENG_PASSPHRASE": PASSPHRASE, "LC_ALL": "C.UTF-8"}
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DISPLAY", "WAYLAND_DISPLAY"):
            cls.env.pop(name, None)
        key = cls.work / "account.key"
        cls.run_program(0, "keygen", "--out", key)
        cls.node.run("account", "add", "--account-key", f"{key}.pub", "--name", "Recording")
        cls.node.start()
        cls.addClassCleanup(cls.node.stop)
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = {}
        for name, more in (("plain", []), ("sealed", ["--private"])):
            command = ["cunzheng", "capture", "--node", cls.node.url, "--key", key, "--allow-local", "--ask-nobody", "--quiet", "300",
                       "--record", RECORD_S, *sandbox, *more, "--out", cls.work / f"{name}.evidence.zip", cls.url]
            running[name] = subprocess.Popen(list(map(str, command)), env=cls.env, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT, text=True)
        for name, process in running.items():
            said = process.communicate(timeout=TIMEOUT_S)[0]
            assert process.returncode == 0, f"{name}\n{said}"
        cls.plain = (cls.work / "plain.evidence.zip").read_bytes()
        inner = dict(unzipped(dict(unzipped(cls.plain))["capture.wacz"]))
        cls.receipts = [inner[f"evidence/recording-00{i}.receipt.json"] for i in range(2)]
        cls.indices = [inner[f"evidence/recording-00{i}.jsonl"] for i in range(2)]

    @classmethod
    def run_program(cls, expected, *args):
        done = subprocess.run(["cunzheng", *map(str, args)], capture_output=True, text=True, timeout=TIMEOUT_S, env=cls.env, cwd=cls.work)
        assert done.returncode == expected, f"{args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def verdict(self, expected, path):
        return json.loads(self.run_program(expected, "verify", path, "--trust", self.node.trust, "--json"))

    def test_each_segment_has_bounds_of_its_own_within_the_packages(self):
        for name in ("plain", "sealed"):
            path = self.work / f"{name}.evidence.zip"
            report = self.verdict(0, path)
            recording = report["recording"]
            self.assertEqual((recording["segments"], len(recording["anchors"])), (2, 2), name)
            self.assertGreater(recording["pictures"], 10)
            first, second = recording["anchors"]
            self.assertEqual((first["verdict"], second["verdict"]), ("valid", "valid"))
            self.assertLessEqual(first["t1_unix_s"], first["t2_unix_s"])
            # Deposited while it was going on: each before the next, the last no later than the package.
            self.assertLess(first["t2_unix_s"], second["t2_unix_s"])
            self.assertLessEqual(second["t2_unix_s"], report["receipt"]["t2"]["time_unix_s"])
            self.assertIn("anchors", [check["check"] for check in report["checks"]])
        said = self.run_program(0, "verify", self.work / "plain.evidence.zip", "--trust", self.node.trust, "--lang", "zh")
        self.assertIn("录制期间存证 2 个分段", said)
        self.assertIn("recording-001：不早于北京时间", said)
        # Nobody's keys are pinned: the segments' receipts prove as little as the package's.
        report = json.loads(self.run_program(5, "verify", self.work / "plain.evidence.zip", "--json"))
        self.assertEqual({a["verdict"] for a in report["recording"]["anchors"]}, {"trust_not_established"})

    def test_a_segment_verifies_by_itself(self):
        (self.work / "recording-000.jsonl").write_bytes(self.indices[0])
        (self.work / "recording-000.jsonl.receipt.json").write_bytes(self.receipts[0])
        self.assertIn("VERDICT: valid", self.run_program(0, "verify", self.work / "recording-000.jsonl", "--trust", self.node.trust))

    def test_the_independent_implementation_agrees(self):
        for name in ("plain", "sealed"):
            path = self.work / f"{name}.evidence.zip"
            done = subprocess.run([GENERATOR, "--verify-package", path, "--trust", self.node.trust], capture_output=True,
                                  text=True, timeout=TIMEOUT_S)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            theirs, ours = json.loads(done.stdout), self.verdict(0, path)
            self.assertEqual(theirs["verdict"], ours["verdict"])
            self.assertEqual(theirs["recording"], ours["recording"])

    def test_a_receipt_of_anything_else_is_refused(self):
        name = "evidence/recording-000.receipt.json"
        mine = dict(unzipped(self.plain))["receipt.json"]
        pretty = json.loads(self.receipts[0])
        cases = [
            ({}, 3, "", ""),  # made anew with nothing changed: only the package's own receipt is missing
            ({name: None}, 3, "", ""),  # a segment whose deposit was missed
            ({name: self.receipts[1]}, 1, "_mismatch", name),  # of length or digest, whichever differs
            ({name: mine}, 1, "_mismatch", name),
            ({name: json.dumps(pretty).encode()}, 1, "not_canonical", name),
            ({name: self.receipts[0][:-9]}, 1, "", name),
            ({"evidence/recording-002.receipt.json": self.receipts[1]}, 1, "invalid_value", "evidence/recording-002"),
            ({"evidence/recording-000.jsonl": self.indices[1]}, 1, "digest_mismatch", "evidence/recording-000.jsonl"),
            # The last segment taken out whole: the chain does not miss it, the operation log does.
            ({f"evidence/recording-001.{end}": None for end in ("avi", "jsonl", "receipt.json")}, 1, "manifest_mismatch", "operations.jsonl"),
        ]
        for attachments, expected, code, where in cases:
            path = self.work / "remade.evidence.zip"
            path.write_bytes(remade(self.plain, attachments))
            report = self.verdict(expected, path)
            errors = [check["error"] for check in report["checks"] if "error" in check]
            if expected == 3:
                self.assertEqual(errors, [])
                self.assertEqual(len(report["recording"]["anchors"]), 2 - len(attachments))
                continue
            self.assertEqual(len(errors), 1, report)
            self.assertIn(code, errors[0]["code"])
            self.assertTrue(errors[0]["detail"].startswith(where), errors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
