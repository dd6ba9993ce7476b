#!/usr/bin/env python3
"""The command contract of `cunzheng` against real nodes on 127.0.0.1: every command, every exit code, both languages.

Runs the programs that are first on PATH. Standard library only. `cli_test.py NAME…` runs the tests with those names.
"""

import base64
import hashlib
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
GENERATOR = SOURCE / "specs/vectors/generate.py"
PASSPHRASE = "correct horse battery staple"
TIMEOUT_S = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cosigning_key(name, public):
    """A vkey of type 04 (specs/checkpoint.md)."""
    tagged = b"\x04" + public
    key_id = hashlib.sha256(name.encode() + b"\n" + tagged).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(tagged).decode()}"


class Node:
    """One ledger of one institution, and the process that serves it."""

    def __init__(self, folder, origin, *options):
        self.data = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = None
        self.run("init", "--origin", origin, "--listen", self.url[len("http://"):], *options)

    def run(self, *args):
        done = subprocess.run(["cunzhengd", *args, "--data", self.data], capture_output=True, text=True,
                              timeout=TIMEOUT_S)
        if done.returncode != 0:
            raise AssertionError(f"cunzhengd {args}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        with open(self.data / "test.log", "ab") as log:
            self.process = subprocess.Popen(["cunzhengd", "run", "--data", self.data], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                context = ssl._create_unverified_context() if self.url.startswith("https") else None
                urllib.request.urlopen(self.url + "/readyz", timeout=5, context=context).read()
                return self
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError((self.data / "test.log").read_text()) from None
                time.sleep(0.05)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(TIMEOUT_S)
        self.process = None

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def size(self):
        return self.get("/v1/ledger")["size"]

    def records_of(self, contents):
        """How often the ledger holds a record of these bytes."""
        return len(self.get("/v1/records?sha256=" + hashlib.sha256(contents).hexdigest())["items"])

    def counts(self, first=0):
        """Record counts of the deposit entries from index `first` on."""
        out = []
        for index in range(first, self.size()):
            entry = json.loads(self.get(f"/v1/entries/{index}")["entry"])
            if entry["type"] == "cunzheng/entry/v1":
                out.append(json.loads(entry["header"])["count"])
        return out

    @property
    def trust(self):
        return self.data / "trust.json"


class CliTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="cunzheng-cli-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        cls.node = Node(cls.shared / "node", "example.org/ledger")
        cls.key = cls.shared / "key"
        environment = {**os.environ, "CUNZHENG_PASSPHRASE": PASSPHRASE}
        subprocess.run(["cunzheng", "keygen", "--out", cls.key], check=True, capture_output=True, env=environment)
        cls.node.run("account", "add", "--account-key", str(cls.key) + ".pub", "--name", "某公司")
        cls.node.start()
        cls.addClassCleanup(cls.node.stop)

    def setUp(self):
        # Settings and queue of their own for each test, and no help from the caller's environment.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="t-", dir=self.shared))
        self.work = self.dir / "work"
        self.work.mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "LANG": "C.UTF-8",
                    "CUNZHENG_PASSPHRASE": PASSPHRASE, "CUNZHENG_NODE": self.node.url, "CUNZHENG_KEY": str(self.key)}
        # What an instrumented build needs to know of its sanitizers.
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    # Helpers

    def write(self, name, contents):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return path

    def run_cli(self, *args, stdin=None, env=None, cwd=None):
        return subprocess.run(["cunzheng", *map(str, args)], input=stdin, capture_output=True, timeout=TIMEOUT_S,
                              env={**self.env, **(env or {})}, cwd=cwd or self.work)

    def cli(self, *args, code=0, stdin=None, env=None, cwd=None):
        """Runs a command, checks its exit code, and returns its two outputs."""
        done = self.run_cli(*args, stdin=stdin, env=env, cwd=cwd)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(code, done.returncode, f"cunzheng {args}\n--- stdout\n{out}--- stderr\n{err}")
        if code not in (0, 1, 3, 5, 6):
            # Whatever failed was said as an error with a hint, on standard error.
            self.assertIn("error: ", err)
        return out, err

    def verify(self, *args, code=0, **kwargs):
        return self.cli("verify", *args, "--trust", self.node.trust, code=code, **kwargs)

    def receipt(self, path):
        return json.loads(pathlib.Path(f"{path}.receipt.json").read_text())

    def queue_files(self):
        return sorted((self.dir / ".local/state/cunzheng/queue").glob("*.batch.json"))

    # Keys

    def test_keygen_writes_a_private_key_that_only_its_passphrase_opens(self):
        for suite, name in (("secp256k1", "ecdsa-secp256k1-sha256"), ("sm2", "sm2-sm3")):
            with self.subTest(suite):
                out, _ = self.cli("keygen", "--out", suite, "--suite", suite)
                key = self.work / suite
                self.assertEqual(0o600, key.stat().st_mode & 0o777)
                public = json.loads((self.work / f"{suite}.pub").read_text())
                self.assertEqual(name, public["suite"])
                self.assertIn(public["account"], out)
                before = key.read_bytes()
                self.cli("keygen", "--out", suite, code=7)
                self.assertEqual(before, key.read_bytes())
                self.write("f", "x")
                _, err = self.cli("deposit", "--key", key, "f", code=2, env={"CUNZHENG_PASSPHRASE": "wrong"})
                self.assertIn("passphrase_wrong", err)

    def test_passphrase_comes_from_a_file_too(self):
        secret = self.write("secret", "from a file\n")
        secret.chmod(0o600)
        self.cli("keygen", "--out", "k", "--passphrase-file", secret)
        self.write("f", "x")
        # The account is unknown, which is found out after the key was opened.
        _, err = self.cli("deposit", "--key", "k", "--passphrase-file", secret, "f", code=7)
        self.assertIn("unknown_account", err)

    def test_keygen_defaults_to_the_config_folder_and_deposit_finds_the_key_there(self):
        out, _ = self.cli("keygen")
        key = self.dir / ".config/cunzheng/account.key"
        self.assertTrue(key.exists())
        self.node.run("account", "add", "--account-key", str(key) + ".pub", "--name", "Daily use")
        self.write("f", "daily use")
        (key.parent / "config.toml").write_text(f'node = "{self.node.url}"\n')
        bare = {"CUNZHENG_NODE": "", "CUNZHENG_KEY": ""}
        self.cli("deposit", "f", env=bare)
        self.assertIn(out.split()[1], self.verify("f")[0])

    # Deposit

    def test_deposit_and_verify_one_file(self):
        path = self.write("合同 2026.pdf", "the contract")
        out, _ = self.cli("deposit", path)
        self.assertIn("合同 2026.pdf.receipt.json", out)
        self.assertEqual(1, self.node.records_of(b"the contract"))
        out, _ = self.verify(path)
        self.assertIn("某公司", out)
        self.assertIn("合同 2026.pdf", out)
        manifest = json.loads(self.receipt(path)["manifest"])
        self.assertEqual("合同 2026.pdf", manifest["name"])
        self.assertIn("checkpoint", manifest)

    def test_empty_file(self):
        path = self.write("empty", b"")
        self.cli("deposit", path)
        self.verify(path)

    def test_names_that_are_not_text(self):
        folder = os.fsencode(self.work)
        for name in (b"bad\xff\xfename", b"line\nend", b"esc\x1b[31m", b"back\\slash", "证".encode() * 81):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(b"contents of " + name)
        out, _ = self.cli("deposit", ".")
        self.assertNotIn("\x1b", out)
        self.assertEqual(5, sum(name.endswith(b".receipt.json") for name in os.listdir(folder)))
        self.assertNotIn("\x1b", self.verify(".")[0])

    def test_case_and_attributes_are_part_of_the_record(self):
        path = self.write("f", "with attributes")
        self.cli("deposit", path, "--case", "（2026）京01民初1号", "--attr", "place=北京", "--attr", "page=1=2")
        record = json.loads(self.receipt(path)["record"])
        self.assertEqual("（2026）京01民初1号", record["case"])
        self.assertEqual({"place": "北京", "page": "1=2"}, record["attrs"])
        for bad in (["--attr", "novalue"], ["--attr", "=x"], ["--attr", "a=1", "--attr", "a=2"]):
            self.cli("deposit", path, *bad, code=2)
        for bad in (["--attr", "UPPER=x"], ["--attr", "a=line\nend"], ["--case", "x" * 257]):
            _, err = self.cli("deposit", path, "--again", *bad, code=2)
            self.assertIn(bad[0].strip("-"), err)

    def test_folder(self):
        for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt"):
            self.write(f"case/{name}", f"folder test {name}")
        before = self.node.size()
        self.cli("deposit", "case")
        self.assertEqual([3], self.node.counts(before))
        out, _ = self.verify("case")
        self.assertIn("3 valid", out)
        # Again: everything has its receipt, and receipts are no evidence.
        out, _ = self.cli("deposit", "case")
        self.assertEqual(3, out.count("unchanged  "), out)
        self.assertEqual([3], self.node.counts(before))
        self.assertEqual(1, self.node.records_of(b"folder test a.txt"))

    def test_receipts_go_elsewhere_on_request(self):
        self.write("case/a", "out a")
        self.write("case/sub/a", "out sub a")
        self.cli("deposit", "case", "--out", "receipts")
        self.assertTrue((self.work / "receipts/a.receipt.json").exists())
        self.assertTrue((self.work / "receipts/sub/a.receipt.json").exists())
        self.assertFalse((self.work / "case/a.receipt.json").exists())
        self.verify("case", "--receipt", "receipts")
        self.write("other/a", "another a")
        _, err = self.cli("deposit", "case/a", "other/a", "--out", "mixed", code=2)
        self.assertIn("share the receipt", err)

    def test_standard_input(self):
        self.cli("deposit", "-", "--name", "note.txt", stdin=b"from a pipe")
        self.assertEqual("data", json.loads(self.receipt(self.work / "note.txt")["record"])["kind"])
        self.verify("-", "--receipt", "note.txt.receipt.json", stdin=b"from a pipe")
        self.verify("-", "--receipt", "note.txt.receipt.json", stdin=b"from another", code=1)
        self.cli("deposit", "-", code=2, stdin=b"x")
        self.cli("deposit", "-", "--name", "../up", code=2, stdin=b"x")
        self.cli("deposit", "-", "f", "--name", "n", code=2, stdin=b"x")

    def test_sealed_deposits_leave_nothing_but_root_and_count(self):
        for i in range(5):
            self.write(f"secret/{i}", f"sealed evidence {i}")
        before = self.node.size()
        self.cli("deposit", "--private", "secret", "--case", "nobody should read this")
        self.assertEqual([5], self.node.counts(before))
        self.assertEqual(0, self.node.records_of(b"sealed evidence 1"))
        self.assertNotIn("nobody should", json.dumps(self.node.get(f"/v1/entries/{before}")))
        out, _ = self.verify("secret")
        self.assertIn("5 valid", out)
        salts = {json.loads(self.receipt(self.work / f"secret/{i}")["record"])["salt"] for i in range(5)}
        self.assertEqual(5, len(salts))
        self.cli("lookup", "secret/1", code=1)

    def test_changed_evidence_gets_a_receipt_of_its_own_and_the_older_one_stays(self):
        path = self.write("f", "version 1")
        self.cli("deposit", path)
        older = pathlib.Path(f"{path}.receipt.json").read_bytes()
        self.write("f", "version 2")
        self.verify(path, code=1)
        self.cli("deposit", path)
        self.verify(path)
        kept = f"f.{hashlib.sha256(older).hexdigest()[:8]}.receipt.json"
        self.assertEqual(older, (self.work / kept).read_bytes())
        self.write("old", "version 1")
        self.verify("old", "--receipt", kept)

    def test_again_deposits_once_more(self):
        path = self.write("f", "deposit me twice")
        self.cli("deposit", path)
        self.cli("deposit", path)
        self.assertEqual(1, self.node.records_of(b"deposit me twice"))
        self.cli("deposit", path, "--again")
        self.assertEqual(2, self.node.records_of(b"deposit me twice"))

    def test_links_loops_and_what_is_no_file(self):
        self.write("d/file", "links and loops")
        os.symlink("..", self.work / "d/up")
        os.symlink("file", self.work / "d/link")
        out, _ = self.cli("deposit", "d", "--verbose")
        self.assertEqual(1, out.count("deposited"), out)
        out, _ = self.cli("deposit", "d", "--follow")
        self.assertTrue((self.work / "d/link.receipt.json").exists())
        os.mkfifo(self.work / "d/pipe")
        os.symlink("nowhere", self.work / "d/dangling")
        self.write("d/second", "beside a pipe")
        _, err = self.cli("deposit", "d", "--follow", code=8)
        self.assertIn("is a pipe", err)
        self.assertIn("dangling", err)
        self.assertTrue((self.work / "d/second.receipt.json").exists())  # the rest was done
        self.cli("deposit", "missing", code=8)

    def test_unreadable_files_are_named_and_the_rest_is_done(self):
        self.write("d/open", "readable")
        self.write("d/closed", "unreadable").chmod(0)
        self.write("d/shut/inner", "in an unreadable folder")
        (self.work / "d/shut").chmod(0)
        if os.getuid() == 0:
            # Root reads everything: give all of it to somebody who does not.
            for path in (self.shared, self.dir, self.work, *self.dir.rglob("*")):
                os.chown(path, 65534, 65534)
            self.key.chmod(0o600)
            own_key = self.dir / "key"
            shutil.copy(self.key, own_key)
            os.chown(own_key, 65534, 65534)
            done = subprocess.run(["cunzheng", "deposit", "--key", own_key, "d"], env=self.env, cwd=self.work,
                                  capture_output=True, timeout=TIMEOUT_S, user=65534, group=65534, extra_groups=[])
            os.chown(self.shared, 0, 0)
        else:
            done = self.run_cli("deposit", "d")
        (self.work / "d/shut").chmod(0o755)
        err = done.stderr.decode()
        self.assertEqual(8, done.returncode, err)
        self.assertIn("closed", err)
        self.assertIn("shut", err)
        self.assertTrue((self.work / "d/open.receipt.json").exists())

    def test_thousands_of_files_are_split_into_batches(self):
        count = 5000
        for i in range(count):
            self.write(f"many/{i % 10}/{i}", f"many files {i}")
        before = self.node.size()
        out, _ = self.cli("deposit", "many")
        self.assertIn(f"{count} deposited", out)
        counts = self.node.counts(before)
        self.assertEqual(count, sum(counts))
        self.assertGreater(len(counts), 3)
        self.assertEqual([], self.queue_files())
        out, _ = self.verify("many")
        self.assertIn(f"{count} valid", out)

    def test_json_says_what_was_done(self):
        path = self.write("f", "as json")
        report = json.loads(self.cli("deposit", path, "--json")[0])
        self.assertEqual(1, report["deposited"])
        self.assertEqual("deposited", report["items"][0]["status"])
        self.assertEqual(str(path) + ".receipt.json", report["items"][0]["receipt"])
        report = json.loads(self.cli("deposit", path, "--json")[0])
        self.assertEqual("unchanged", report["items"][0]["status"])

    # Refusals

    def test_an_account_that_the_ledger_does_not_know_is_refused_and_let_in_later(self):
        self.cli("keygen", "--out", "new.key")
        path = self.write("f", "too early")
        _, err = self.cli("deposit", "--key", "new.key", path, code=7)
        self.assertIn("unknown_account", err)
        self.assertIn("hint: ", err)
        self.node.run("account", "add", "--account-key", self.work / "new.key.pub", "--name", "Late")
        self.cli("deposit", "--key", "new.key", path)
        self.assertEqual(1, self.node.records_of(b"too early"))
        self.verify(path)

    def test_suspended_accounts_and_quotas(self):
        self.cli("keygen", "--out", "k")
        account = json.loads((self.work / "k.pub").read_text())["account"]
        self.node.run("account", "add", "--account-key", self.work / "k.pub", "--name", "Quota")
        self.node.run("account", "quota", account, "--records-per-day", "2", "--bytes-per-day", "1000000")
        for i in range(3):
            self.write(f"q/{i}", f"quota {i}")
        _, err = self.cli("deposit", "--key", "k", "q", code=7)
        self.assertIn("quota_exceeded", err)
        self.cli("queue", "--drop", self.queue_files()[0].name.split("-")[1][:8])
        self.assertEqual([], self.queue_files())
        self.node.run("account", "suspend", account, "--reason", "test")
        _, err = self.cli("deposit", "--key", "k", "q/0", code=7)
        self.assertIn("account_suspended", err)
        self.node.run("account", "resume", account, "--reason", "test")
        self.cli("sync")
        self.verify("q/0")

    # Pending

    def slow_node(self, interval_ms):
        node = Node(self.dir / "slow", "slow.example/ledger", "--checkpoint-interval-ms", str(interval_ms))
        node.run("account", "add", "--account-key", str(self.key) + ".pub", "--name", "Slow")
        self.addCleanup(node.stop)
        self.env["CUNZHENG_NODE"] = node.start().url
        return node

    def test_a_deposit_without_cosignatures_is_pending_until_sync_completes_it(self):
        node = self.slow_node(12_000)
        path = self.write("f", "pending")
        _, err = self.cli("deposit", path, "--wait", "0", code=3)
        self.assertIn("cunzheng sync", err)
        self.assertFalse(pathlib.Path(f"{path}.receipt.json").exists())
        self.cli("deposit", path, "--wait", "0", code=3)  # not a second time
        self.cli("sync")
        self.cli("verify", path, "--trust", node.trust)
        self.assertEqual(1, node.records_of(b"pending"))
        self.assertEqual([], self.queue_files())

    def test_batches_do_not_wait_for_one_anothers_cosignatures(self):
        node = self.slow_node(3000)
        for i in range(4000):
            self.write(f"many/{i}", f"slow {i}")
        began = time.monotonic()
        self.cli("deposit", "many")
        took = time.monotonic() - began
        self.assertGreater(len(node.counts()), 4)
        self.assertLess(took, 3 * len(node.counts()))
        self.assertIn("4000 valid", self.cli("verify", "many", "--trust", node.trust)[0])

    # TLS

    def test_tls_certificates_are_checked(self):
        node = Node(self.dir / "tls", "tls.example/ledger")
        node.run("account", "add", "--account-key", str(self.key) + ".pub", "--name", "TLS")
        for name, subject in (("good", "IP:127.0.0.1"), ("bad", "DNS:other.example")):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                            "-addext", f"subjectAltName={subject}", "-keyout", self.dir / f"{name}.key",
                            "-out", self.dir / f"{name}.pem"], check=True, capture_output=True)
        path = self.write("f", "over TLS")
        node.url = node.url.replace("http", "https")
        config = next(node.data.glob("*.toml"))
        plain = config.read_text()
        self.addCleanup(node.stop)
        for name in ("bad", "good"):
            config.write_text(plain.replace('tls_certificate = ""', f'tls_certificate = "{self.dir / name}.pem"')
                              .replace('tls_key = ""', f'tls_key = "{self.dir / name}.key"'))
            node.start()
            own_ca = ["--node", node.url, "--ca-file", self.dir / f"{name}.pem"]
            if name == "bad":  # issued by whom we trust, for another host
                self.cli("deposit", path, *own_ca, code=4)
            else:
                _, err = self.cli("deposit", path, "--node", node.url, code=4)  # the system does not know this issuer
                self.assertIn("TLS", err)
                self.cli("deposit", path, *own_ca)
            node.stop()
        self.cli("verify", path, "--trust", node.trust)

    # Offline

    def test_while_the_node_is_away_deposits_queue_and_sync_sends_them(self):
        node = Node(self.dir / "away", "away.example/ledger")
        node.run("account", "add", "--account-key", str(self.key) + ".pub", "--name", "Away")
        self.addCleanup(node.stop)
        away = {"CUNZHENG_NODE": node.url}
        first, second = self.write("first", "offline first"), self.write("second", "offline second")
        # A node that was never met has no known ledger.
        _, err = self.cli("deposit", first, env=away, code=4)
        self.assertIn("never reached", err)
        self.assertEqual([], self.queue_files())
        node.start()
        self.write("hello", "hello")
        self.cli("deposit", "hello", env=away)
        node.stop()
        _, err = self.cli("deposit", first, env=away, code=4)
        self.assertIn("cunzheng sync", err)
        self.cli("deposit", first, second, env=away, code=4)  # first is queued already
        self.assertEqual(2, len(self.queue_files()))
        out, _ = self.cli("queue")
        self.assertIn("first.receipt.json", out)
        self.assertEqual(2, len(json.loads(self.cli("queue", "--json")[0])))
        self.cli("sync", code=4)
        self.assertFalse(pathlib.Path(f"{first}.receipt.json").exists())
        node.start()
        out, _ = self.cli("sync")
        self.assertIn("2 deposited", out)
        self.cli("sync")
        self.assertEqual([1, 1], [node.records_of(b"offline first"), node.records_of(b"offline second")])
        for path in (first, second):
            self.cli("verify", path, "--trust", node.trust)
        self.assertIn("nothing is queued", self.cli("queue")[0])

    def test_a_pinned_trust_file_lets_one_queue_for_a_node_never_met(self):
        node = Node(self.dir / "pinned", "pinned.example/ledger")
        node.run("account", "add", "--account-key", str(self.key) + ".pub", "--name", "Pinned")
        self.addCleanup(node.stop)
        fingerprint = [line for line in self.cli("trust", "pin", node.trust, "--fingerprint", "00", code=5)[0].splitlines()
                       if line.startswith("fingerprint")][0].split(None, 1)[1]
        self.cli("trust", "pin", node.trust, "--fingerprint", fingerprint)
        path = self.write("f", "never met")
        self.cli("deposit", path, env={"CUNZHENG_NODE": node.url}, code=4)
        self.assertEqual(1, len(self.queue_files()))
        node.start()
        self.cli("sync")
        self.cli("verify", path)  # by the pin

    def test_receipts_whose_folder_is_gone_can_be_written_elsewhere(self):
        self.cli("deposit", self.write("known", "make the node known"))
        self.node.stop()
        try:
            self.write("gone/f", "folder goes away")
            self.cli("deposit", "gone", code=4)
        finally:
            self.node.start()
        shutil.rmtree(self.work / "gone")
        self.cli("sync", code=8)
        (self.work / "here").mkdir()
        self.cli("sync", "--out", "here")
        self.write("f", "folder goes away")
        self.verify("f", "--receipt", "here/f.receipt.json")
        self.assertEqual(1, self.node.records_of(b"folder goes away"))

    def test_killing_the_client_at_any_moment_neither_loses_nor_doubles_anything(self):
        files = 3000
        for i in range(files):
            self.write(f"big/{i % 7}/{i}", f"killed {i}")
        before = self.node.size()
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        kills = 0
        while kills < 200:
            process = subprocess.Popen(["cunzheng", "deposit", "big"], env=self.env, cwd=self.work,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.assertEqual(0, process.wait(chance.uniform(0.3, 0.3 + 0.05 * (kills + 1))), f"seed {seed}")
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        print(f"killed {kills} times, seed {seed}")
        self.assertGreater(kills, 0)
        self.assertEqual(files, sum(self.node.counts(before)), f"seed {seed}")
        for i in range(0, files, 97):
            self.assertEqual(1, self.node.records_of(f"killed {i}".encode()), f"seed {seed}")
        self.assertIn(f"{files} valid", self.verify("big", "--strict")[0])
        self.assertEqual([], [p for p in (self.work / "big").rglob(".*")])
        self.assertEqual([], self.queue_files())

    def test_an_interrupt_ends_a_deposit_cleanly_and_the_next_run_goes_on(self):
        for i in range(1500):
            self.write(f"int/{i}", f"interrupted {i}")
        process = subprocess.Popen(["cunzheng", "deposit", "int"], env=self.env, cwd=self.work,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.45)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
        if process.returncode != 0:  # it may have been done already
            self.assertEqual(130, process.returncode, err.decode())
            self.assertIn(b"error: ", err)
        self.cli("deposit", "int")
        self.assertIn("1500 valid", self.verify("int", "--strict")[0])

    # Verify

    def deposited(self, name="f", contents="evidence"):
        path = self.write(name, contents)
        self.cli("deposit", path)
        return path

    def test_wrong_file_and_wrong_receipt(self):
        a, b = self.deposited("a", "evidence a"), self.deposited("b", "evidence bb")
        out, _ = self.verify(a, "--receipt", f"{b}.receipt.json", code=1)
        self.assertIn("not the evidence of this receipt", out)
        self.write("a", "evidence A")
        out, _ = self.verify(a, code=1)
        self.assertIn("contents differ", out)
        out, _ = self.verify(a, "--lang", "zh", code=1)
        self.assertIn("不是该回执对应的证据", out)
        self.verify(a, "--receipt", a, code=1)  # not a receipt at all
        self.cli("verify", self.write("none", "x"), code=1)
        _, err = self.cli("verify", "nowhere", code=8)
        self.assertIn("nowhere", err)

    def test_trust_is_what_the_verifier_pinned(self):
        path = self.deposited()
        out, _ = self.cli("verify", path, code=5)
        self.assertNotIn("VERDICT: valid", out)
        self.assertIn("--trust", out)
        self.cli("trust", "pin", self.node.trust, code=2, stdin=b"")  # nobody there to compare the fingerprint
        shown = self.cli("trust", "pin", self.node.trust, "--fingerprint", "ab" * 32, code=5)[0]
        fingerprint = [line for line in shown.splitlines() if line.startswith("fingerprint")][0].split(None, 1)[1]
        self.cli("verify", path, code=5)
        self.cli("trust", "pin", self.node.trust, "--fingerprint", fingerprint.upper())
        self.cli("verify", path)
        self.assertIn(fingerprint, self.cli("trust", "show")[0])
        # A file that a configuration names works as well.
        self.cli("verify", path, env={"CUNZHENG_TRUST": str(self.node.trust)})
        _, err = self.cli("verify", path, "--trust", self.write("t.json", "{}"), code=5)
        self.assertIn("trust_invalid", err)

    def test_trust_can_be_confirmed_on_a_terminal(self):
        for answer, code in ((b"no\n", 5), (b"yes\n", 0)):
            master, slave = pty.openpty()
            process = subprocess.Popen(["cunzheng", "trust", "pin", self.node.trust], env=self.env, stdin=slave,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            os.write(master, answer)
            out, err = process.communicate(timeout=TIMEOUT_S)
            os.close(slave)
            os.close(master)
            self.assertEqual(code, process.returncode, (out, err))

    def other_ledger(self):
        node = Node(self.dir / "other", "other.example/ledger")
        return node

    def test_another_ledgers_trust_file(self):
        path = self.deposited()
        other = self.other_ledger()
        out, _ = self.cli("verify", path, "--trust", other.trust, code=1)
        self.assertIn("another ledger", out)
        out, _ = self.cli("verify", path, "--trust", other.trust, "--lang", "zh", code=1)
        self.assertIn("不同的账本", out)
        # Only the other ledger is pinned: nothing is known of this one.
        shown = self.cli("trust", "pin", other.trust, "--fingerprint", "00", code=5)[0]
        fingerprint = [line for line in shown.splitlines() if line.startswith("fingerprint")][0].split(None, 1)[1]
        self.cli("trust", "pin", other.trust, "--fingerprint", fingerprint)
        self.cli("verify", path, code=5)

    def test_a_stale_trust_file_is_not_met_by_newer_keys(self):
        path = self.deposited()
        trust = json.loads(self.node.trust.read_text())
        # The verifier's copy predates the member's present cosigning key.
        member = trust["members"][0]
        other = {"purpose": "cosign", "from_size": 1, "key": cosigning_key(member["id"], os.urandom(32))}
        member["keys"] = [key for key in member["keys"] if key["purpose"] != "cosign"] + [other]
        out, _ = self.cli("verify", path, "--trust", self.write("stale.json", json.dumps(trust)), code=3)
        self.assertIn("out of date", out)
        # One whose key has been retired since says so, too.
        trust = json.loads(self.node.trust.read_text())
        size = self.node.size() + 100
        member = trust["members"][0]
        cosign = [key for key in member["keys"] if key["purpose"] == "cosign"][0]
        cosign["until_size"] = size
        member["keys"].append(dict(other, from_size=size))
        trust["version"], trust["previous"] = 2, "00" * 32
        trust["effective"] = {"root": "11" * 32, "size": size}
        out, _ = self.cli("verify", path, "--trust", self.write("newer.json", json.dumps(trust)), code=6)
        self.assertIn("retired", out)

    def test_languages(self):
        path = self.deposited()
        self.assertIn("VERDICT: valid", self.verify(path)[0])
        for env, args in (({"LANG": "zh_CN.UTF-8"}, []), ({"CUNZHENG_LANG": "zh"}, []), ({}, ["--lang", "zh"])):
            out, _ = self.verify(path, *args, env=env)
            self.assertIn("结论：有效", out)
            self.assertNotIn("VERDICT", out)
        zh = {"LANG": "zh_CN.UTF-8"}
        self.assertIn("已有回执", self.cli("deposit", path, env=zh)[0])
        self.assertIn("记录", self.cli("inspect", f"{path}.receipt.json", env=zh)[0])
        self.assertIn("存证人", self.cli("lookup", path, env=zh)[0])
        _, err = self.cli("lookup", self.write("unknown", "zh unknown"), env=zh, code=1)
        self.assertIn("未找到", err)
        self.cli("verify", path, "--lang", "fr", code=2)

    def test_verify_json(self):
        path = self.deposited()
        report = json.loads(self.verify(path, "--json")[0])
        self.assertEqual("valid", report["verdict"])
        self.deposited("g", "second")
        self.write("h", "no receipt")
        reports = json.loads(self.verify(".", "--json")[0])
        self.assertEqual(["no_receipt", "valid", "valid"], sorted(r["verdict"] for r in reports))

    def test_verify_folder_tells_files_without_receipts_and_receipts_without_files(self):
        self.deposited("case/a", "case a")
        self.deposited("case/b", "case b")
        self.write("case/c", "no receipt")
        out, _ = self.verify("case")
        self.assertIn("2 valid, 1 without a receipt", out)
        self.verify("case", "--strict", code=1)
        (self.work / "case/b").unlink()
        out, _ = self.verify("case")
        self.assertIn("1 receipts without their evidence", out)
        self.write("case/a", "case A")
        out, _ = self.verify("case", code=1)
        self.assertIn("1 not valid", out)
        self.write("bare/x", "x")
        self.verify("bare", code=1)

    def test_a_receipt_stands_for_its_file(self):
        path = self.deposited()
        self.verify(f"{path}.receipt.json")

    def test_the_independent_verifier_agrees(self):
        for name, contents, args in (("plain", "independent", []), ("sealed", "independent sealed", ["--private"]),
                                     ("空", "", [])):
            path = self.write(name, contents)
            self.cli("deposit", path, *args)
            mine = json.loads(self.verify(path, "--json")[0])
            theirs = subprocess.run([sys.executable, GENERATOR, "--verify-receipt", f"{path}.receipt.json", "--evidence",
                                     path, "--trust", self.node.trust], capture_output=True, text=True,
                                    timeout=TIMEOUT_S)
            self.assertEqual(0, theirs.returncode, theirs.stdout + theirs.stderr)
            report = json.loads(theirs.stdout)
            self.assertEqual(mine["verdict"], report["verdict"])
            for bound in ("t1", "t2"):
                self.assertEqual(mine[bound]["time_unix_s"], report[f"{bound}_unix_s"])
            self.write(name, contents + "!")
            theirs = subprocess.run([sys.executable, GENERATOR, "--verify-receipt", f"{path}.receipt.json", "--evidence",
                                     path, "--trust", self.node.trust], capture_output=True, text=True,
                                    timeout=TIMEOUT_S)
            mine = json.loads(self.verify(path, "--json", code=1)[0])
            report = json.loads(theirs.stdout)
            self.assertEqual((mine["verdict"], mine["error"]["code"]), (report["verdict"], report["error"]))

    # Lookup, receipt, inspect

    def test_lookup_finds_who_deposited_and_fetches_receipts(self):
        path = self.deposited("f", "look me up")
        self.cli("deposit", path, "--again")
        out, _ = self.cli("lookup", path)
        self.assertEqual(2, out.count("某公司"))
        items = json.loads(self.cli("lookup", path, "--json")[0])
        self.assertEqual(2, len(items))
        by_digest = json.loads(self.cli("lookup", "--sha256", hashlib.sha256(b"look me up").hexdigest(), "--json")[0])
        self.assertEqual(items, by_digest)
        for receipt in self.work.glob("*.receipt.json"):
            receipt.unlink()
        self.cli("lookup", path, "--fetch")
        receipts = sorted(self.work.glob("*.receipt.json"))
        self.assertEqual(2, len(receipts))
        for receipt in receipts:
            self.verify(path, "--receipt", receipt)
        self.cli("receipt", items[0]["record_id"], "--out", "r.receipt.json")
        self.verify(path, "--receipt", "r.receipt.json")
        self.cli("receipt", items[0]["record_id"], "--out", "r.receipt.json", code=7)  # never overwrites
        self.cli("receipt", "00" * 32, code=1)
        self.cli("receipt", "xyz", code=2)
        self.cli("lookup", code=2)

    def test_inspect(self):
        path = self.deposited()
        out, _ = self.cli("inspect", f"{path}.receipt.json")
        self.assertIn(hashlib.sha256(b"evidence").hexdigest(), out)
        self.assertIn("某公司", out)
        shown = json.loads(self.cli("inspect", f"{path}.receipt.json", "--json")[0])
        self.assertEqual(json.loads(self.receipt(path)["record"]), shown["record"])
        self.cli("inspect", path, code=1)
        self.cli("inspect", "missing", code=8)

    # Usage

    def test_usage(self):
        out, _ = self.cli("--help")
        for word in ("keygen", "deposit", "sync", "verify", "lookup", "inspect", "Exit codes", "Example"):
            self.assertIn(word, out)
        for command in ("keygen", "deposit", "sync", "queue", "verify", "trust", "lookup", "receipt", "inspect"):
            self.assertIn("Example:\n  cunzheng " + command, self.cli(command, "--help")[0])
        self.assertRegex(self.cli("--version")[0], r"cunzheng \d+\.\d+\.\d+")
        _, err = self.cli("verfy", "x", code=2)
        self.assertIn("did you mean `cunzheng verify`", err)
        _, err = self.cli("frobnicate", code=2)
        self.assertIn("--help", err)
        self.cli(code=2)
        self.cli("verify", code=2)
        self.cli("deposit", "--no-such-option", "x", code=2)

    def test_missing_settings_are_named(self):
        self.write("f", "x")
        _, err = self.cli("deposit", "f", code=2, env={"CUNZHENG_NODE": ""})
        self.assertIn("--node", err)
        _, err = self.cli("deposit", "f", code=2, env={"CUNZHENG_KEY": ""})
        self.assertIn("--key", err)
        _, err = self.cli("deposit", "f", code=2, env={"CUNZHENG_NODE": "localhost:1"})
        self.assertIn("http://", err)
        (self.dir / ".config/cunzheng").mkdir(parents=True)
        (self.dir / ".config/cunzheng/config.toml").write_text("nodes = 1\n")
        _, err = self.cli("queue", code=2)
        self.assertIn("config.toml", err)

    def test_output_that_cannot_be_written_is_no_success(self):
        path = self.deposited()
        with open("/dev/full", "wb") as full:
            done = subprocess.run(["cunzheng", "inspect", f"{path}.receipt.json"], env=self.env, stdout=full,
                                  stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        self.assertEqual(8, done.returncode)


if __name__ == "__main__":
    names = [name if name.startswith("-") else f"CliTest.{name}" for name in sys.argv[1:]]
    unittest.main(argv=[sys.argv[0], *names], verbosity=2)
