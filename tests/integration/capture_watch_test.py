#!/usr/bin/env python3
"""`cunzheng capture --watch`: a page that changes, stays, and goes away; its history by the independent implementation."""

import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import GENERATOR, PASSPHRASE, SOURCE, TIMEOUT_S, Node  # noqa: E402

sys.path.insert(0, str(SOURCE / "specs/vectors"))
sys.dont_write_bytecode = True
from cunzheng_py import reports  # noqa: E402

INTERVAL_S = 5  # so that a page can be changed between two looks


class Site(http.server.BaseHTTPRequestHandler):
    price = 12
    served = 0

    def do_GET(self):
        if self.path == "/":
            Site.served += 1
        body = f"<!doctype html><title>Shop</title><h1 style='font-size:200px'>{Site.price}</h1>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="cz-watch-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.site.daemon_threads = True
        threading.Thread(target=self.site.serve_forever, daemon=True).start()
        self.addCleanup(self.site.shutdown)
        self.url = f"http://127.0.0.1:{self.site.server_port}/"
        self.node = Node(self.work / "node", "watch.test/ledger")
        self.env = {**os.environ, "HOME": str(self.work), "CUNZHENG_PASSPHRASE": PASSPHRASE, "LC_ALL": "C.UTF-8"}
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DISPLAY", "WAYLAND_DISPLAY"):
            self.env.pop(name, None)
        self.key = self.work / "account.key"
        self.run_program(0, "keygen", "--out", self.key)
        self.node.run("account", "add", "--account-key", f"{self.key}.pub", "--name", "Watch")
        self.node.start()
        self.addCleanup(self.node.stop)
        self.out = self.work / "watched"
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.command = ["cunzheng", "capture", "--node", self.node.url, "--key", str(self.key), "--allow-local", "--ask-nobody",
                        "--quiet", "300", *sandbox, "--watch", str(INTERVAL_S), "--out", str(self.out)]

    def run_program(self, expected, *args):
        done = subprocess.run(["cunzheng", *map(str, args)], capture_output=True, text=True, timeout=TIMEOUT_S,
                              env=self.env, cwd=self.work)
        self.assertEqual(done.returncode, expected, f"{args}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def history(self):
        files = list(self.out.glob("*.history.jsonl"))
        if not files:
            return None, []
        data = files[0].read_bytes()
        return data, reports.decode_history(data)[1]

    def wait_for_looks(self, count, process):
        for _ in range(TIMEOUT_S * 10):
            if len(self.history()[1]) >= count:
                return
            self.assertIsNone(process.poll(), "the watch ended")
            time.sleep(0.1)
        self.fail(f"no {count} looks")

    def test_what_changes_is_packed_and_what_does_not_is_written_down(self):
        process = subprocess.Popen([*self.command, self.url], env=self.env, cwd=self.work, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.wait_for_looks(2, process)
            Site.price = 99
            self.wait_for_looks(3, process)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=TIMEOUT_S)[0]
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        self.assertEqual(process.returncode, 0, said)  # Ctrl-C is how a watch ends
        data, looks = self.history()
        self.assertEqual([look["state"] for look in looks[:3]], ["first", "unchanged", "changed"])
        changed = looks[2]
        self.assertGreater(changed["pixels_changed"], 1000)
        self.assertNotEqual(changed["text_sha256"], looks[1]["text_sha256"])
        for look in (looks[0], changed):
            package = self.out / look["package"]
            self.run_program(0, "verify", package, "--trust", self.node.trust)
            with zipfile.ZipFile(package) as archive:
                wacz = archive.read("capture.wacz")
            self.assertEqual(hashlib.sha256(wacz).hexdigest(), look["wacz_sha256"])
        picture = (self.out / changed["difference"]).read_bytes()
        self.assertEqual(hashlib.sha256(picture).hexdigest(), changed["difference_sha256"])
        self.assertTrue(picture.startswith(b"\x89PNG"))
        # The operation log of the changed capture names the line that was the last one before it.
        with zipfile.ZipFile(io.BytesIO(wacz)) as archive:
            steps = reports.decode_operations(archive.read("evidence/operations.jsonl"))[1]
        before = hashlib.sha256(data.split(b"\n")[changed["number"]]).hexdigest()
        self.assertEqual([step["detail"] for step in steps if step["what"] == "history"], [before])
        self.assertEqual(len(list(self.out.glob("*.evidence.zip"))), sum("package" in look for look in looks))

        self.verify_history(data, looks)

        # A second run goes on; the site is away by then.
        self.site.shutdown()
        self.site.server_close()
        said = self.run_program(0, *self.command[1:], "--looks", "1", self.url)
        self.assertIn("net::ERR_CONNECTION_REFUSED", said)
        self.assertEqual(self.history()[1][-1]["state"], "failed")
        # Each end has a receipt of its own, of what was written by then.
        path = next(self.out.glob("*.history.jsonl"))
        report = json.loads(self.run_program(0, "verify", path, "--trust", self.node.trust, "--json"))
        self.assertEqual(sorted(r["looks"] for r in report["receipts"]), [len(looks), len(looks) + 1])
        self.assertEqual(report["receipts"][0]["looks"], len(looks) + 1)  # the newest comes first
        said = self.run_program(0, "verify", self.out, "--trust", self.node.trust, "--strict")
        self.assertIn("3 valid", said)  # two packages, one history; no receipt is without its evidence

        # And not after somebody has been at the history.
        path = next(self.out.glob("*.history.jsonl"))
        path.write_bytes(path.read_bytes().replace(b'"first"', b'"farst"', 1))
        said = self.run_program(1, *self.command[1:], "--looks", "1", self.url)
        self.assertIn(path.name, said)

    def verify_history(self, data, looks):
        """What `verify` says of a history, whole, without some of its packages, and changed in every way."""
        path = next(self.out.glob("*.history.jsonl"))
        trust = ("--trust", self.node.trust)
        report = json.loads(self.run_program(0, "verify", path, *trust, "--json"))
        self.assertEqual((report["verdict"], report["looks"]), ("valid", len(looks)))
        named = [(i, look["package"]) for i, look in enumerate(looks) if "package" in look]
        self.assertEqual([(p["look"], p["package"]) for p in report["packages"]], named)
        self.assertEqual({p["verdict"] for p in report["packages"]}, {"valid"})
        self.assertEqual([r["looks"] for r in report["receipts"]], [len(looks)])
        self.assertGreaterEqual(report["receipts"][0]["t2_unix_s"], report["packages"][-1]["t2_unix_s"])
        done = subprocess.run([GENERATOR, "--verify-history", path, "--trust", self.node.trust], capture_output=True,
                              text=True, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        theirs = json.loads(done.stdout)
        self.assertEqual((theirs["verdict"], theirs["looks"]), ("valid", len(looks)))
        said = self.run_program(0, "verify", path, *trust, "--lang", "zh")
        self.assertIn("结论：有效", said)
        self.assertIn("trust not established", self.run_program(5, "verify", path))

        # Elsewhere, under another name, with what is shown of it.
        part = self.work / "part"
        part.mkdir()
        renamed = part / "监视.txt"
        renamed.write_bytes(data)
        self.assertIn("pending", self.run_program(3, "verify", renamed, *trust))
        receipt = path.with_name(path.name + ".receipt.json")
        shutil.copy(receipt, part / "监视.txt.receipt.json")
        self.assertEqual(self.run_program(0, "verify", renamed, *trust, "--lang", "en").count("not here"), len(named) + 1)

        whole = {file.name: file.read_bytes() for file in self.out.iterdir()}
        lines = data.splitlines(keepends=True)
        picture = looks[2]["difference"]
        first, changed = (package for _, package in named[:2])

        def refused(name, content, code, where):
            (self.out / name).write_bytes(content)
            report = json.loads(self.run_program(1, "verify", path, *trust, "--json"))
            self.assertEqual((report["verdict"], report["error"]["code"]), ("not_valid", code), report)
            self.assertIn(where, report["error"]["detail"])
            (self.out / name).write_bytes(whole[name])

        refused(path.name, b"".join(lines[:1] + lines[2:]), "invalid_value", "number")  # a look taken out
        refused(path.name, lines[0] + data[len(lines[0]):].replace(b'"pixels":', b'"pixels":1', 1), "digest_mismatch", "look 1")
        refused(path.name, data[:-1], "invalid_value", "line end")
        refused(path.name, b"".join(lines[:-1]), "length_mismatch", receipt.name)  # the last look taken out
        refused(picture, whole[picture] + b"\0", "digest_mismatch", picture)
        refused(first, whole[changed], "digest_mismatch", first)  # another look's package, whole and valid
        refused(changed, whole[changed][:-1], "invalid_value", changed)
        refused(receipt.name, whole[receipt.name].replace(b'"index"', b'"indexx"', 1), "missing_field", receipt.name)

    def test_watching_takes_one_address_and_a_folder(self):
        for arguments in (["--looks", "1", self.url, self.url], ["--out", "x.evidence.zip", self.url]):
            command = self.command[1:] if "--out" not in arguments else self.command[1:-2]
            self.assertIn("--watch takes one address", self.run_program(2, *command, *arguments))
        self.assertIn("--looks goes with --watch", self.run_program(2, "capture", "--looks", "1", self.url))
        self.assertIn("--watch", self.run_program(2, "capture", "--watch", "0", self.url))


if __name__ == "__main__":
    unittest.main()
