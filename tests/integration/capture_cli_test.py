#!/usr/bin/env python3
"""`cunzheng capture`, `verify` and `disclose` from end to end: a page served on 127.0.0.1, headless Chromium, a node.

What a browser meets on a page is capture_browser_test.py's affair; here it is the package: its proof, every way to
tamper with it, parts of it shown, and everything that a user can do wrong. Standard library only.
"""

import fcntl
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_test import GENERATOR, PASSPHRASE, SOURCE, TIMEOUT_S, Node  # noqa: E402

sys.path.insert(0, str(SOURCE / "specs/vectors"))
sys.dont_write_bytecode = True
from cunzheng_py import package as peer  # noqa: E402

PAGE = """<!doctype html><meta charset="utf-8"><title>网店 Shop</title>
<h1>侵权商品</h1><p style="height:3000px">Fake goods, 仿冒</p><img src="/logo.svg">
<script>fetch('/price.json')</script>"""
FILES = {
    "/": ("text/html; charset=utf-8", PAGE.encode(), ["session=secret"]),
    "/logo.svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"/>', []),
    "/walk": ("text/html", b"<title>first</title><p>1</p><script>setTimeout(() => location = '/walked', 2000)</script>", []),
    "/walked": ("text/html", b"<title>second</title><p>2</p>", []),
    "/price.json": ("application/json", b'{"price":9}', []),
}


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>begun")
            self.wfile.flush()
            time.sleep(20)
            return
        kind, body, cookies = FILES.get(self.path, ("text/plain", b"no such page", []))
        self.send_response(200 if self.path in FILES else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def rebuilt(members):
    return peer.build_zip(members)


class CaptureTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="cz-capture-"))
        cls.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
        cls.site.daemon_threads = True
        threading.Thread(target=cls.site.serve_forever, daemon=True).start()
        cls.url = f"http://127.0.0.1:{cls.site.server_port}/"
        cls.node = Node(cls.work / "node", "capture.test/ledger")
        cls.env = {**os.environ, "HOME": str(cls.work), "CUNZHENG_PASSPHRASE": PASSPHRASE, "LC_ALL": "C.UTF-8"}
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DISPLAY", "WAYLAND_DISPLAY"):
            cls.env.pop(name, None)
        cls.key = cls.work / "account.key"
        cls.run_program(0, "keygen", "--out", cls.key)
        cls.node.run("account", "add", "--account-key", f"{cls.key}.pub", "--name", "某公司")
        cls.node.start()
        cls.sample = cls.work / "sample.evidence.zip"
        cls.first = cls.capture(0, cls.url, "--out", cls.sample)

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()
        cls.site.shutdown()
        shutil.rmtree(cls.work)

    @classmethod
    def run_program(cls, expected, *args, env=None, **more):
        done = subprocess.run(["cunzheng", *map(str, args)], capture_output=True, text=True, timeout=TIMEOUT_S,
                              env={**cls.env, **(env or {})}, cwd=more.get("cwd", cls.work))
        assert done.returncode == expected, f"{args}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    @classmethod
    def command(cls, *args):
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        return ["capture", "--node", cls.node.url, "--key", cls.key, "--allow-local", "--ask-nobody", "--quiet", "500", "--pause", "0",
                *sandbox, *args]

    @classmethod
    def capture(cls, expected, *args, **more):
        return cls.run_program(expected, *cls.command(*args), **more)

    def verify(self, expected, path, *args):
        return self.run_program(expected, "verify", path, "--trust", self.node.trust, *args)

    def members(self, path=None):
        with zipfile.ZipFile(path or self.sample) as archive:
            return [(name, archive.read(name)) for name in archive.namelist()]

    def changed(self, name, change):
        """A copy of the sample in which one member's bytes went through `change`."""
        path = self.work / "changed.evidence.zip"
        path.write_bytes(rebuilt([(n, change(b) if n == name else b) for n, b in self.members()]))
        return path

    def test_a_capture_is_deposited_and_verified_in_both_languages(self):
        self.assertIn("captured", self.first.stdout)
        self.assertIn("deposited", self.first.stdout)
        self.assertFalse(list(self.work.glob("sample*.receipt.json")), "the receipt is in the package")
        self.assertFalse(list(self.work.glob("*.unfinished*")))
        said = self.verify(0, self.sample, "--lang", "en").stdout
        self.assertIn("VERDICT: valid. Packaged no earlier than", said)
        self.assertIn("What the page showed rests on the tool and its operator.", said)
        self.assertNotIn("[FAIL]", said)
        self.assertEqual(said.count("[pass] package"), 8)
        said = self.verify(0, self.sample, "--lang", "zh").stdout
        self.assertIn("结论：有效。打包不早于", said)
        self.assertIn("取决于取证工具与操作者", said)
        report = json.loads(self.verify(0, self.sample, "--json").stdout)
        self.assertEqual((report["verdict"], report["exit_code"]), ("valid", 0))
        self.assertLessEqual(report["receipt"]["t1"]["time_unix_s"], report["receipt"]["t2"]["time_unix_s"])
        self.assertEqual(report["facts"]["url"], self.url)
        # Nobody's keys are pinned: the trust file inside is a hint and no more.
        self.assertIn("trust not established", self.run_program(5, "verify", self.sample).stdout)

    def test_the_independent_implementation_agrees(self):
        done = subprocess.run([GENERATOR, "--verify-package", self.sample, "--trust", self.node.trust],
                              capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        theirs, ours = json.loads(done.stdout), json.loads(self.verify(0, self.sample, "--json").stdout)
        self.assertEqual(theirs["verdict"], ours["verdict"])
        for bound in ("t1", "t2"):
            self.assertEqual(theirs[f"{bound}_unix_s"], ours["receipt"][bound]["time_unix_s"])
        self.assertEqual(self.sample.read_bytes(), rebuilt(self.members()))

    def test_a_changed_byte_anywhere_is_found_and_its_part_named(self):
        data = self.sample.read_bytes()
        members = self.members()
        spans = {}
        with zipfile.ZipFile(self.sample) as archive:
            for info in archive.infolist():
                begin = info.header_offset + 30 + len(info.filename)
                spans[info.filename] = (begin, begin + info.file_size)
        for name, (begin, end) in spans.items():
            for at in sorted({begin, (begin + end) // 2, end - 1}):
                altered = bytearray(data)
                altered[at] ^= 1
                path = self.work / "bit.evidence.zip"
                path.write_bytes(altered)
                # The bare byte breaks the CRC; with the CRC mended the deeper checks must see it.
                self.assertIn("not valid", self.verify(1, path, "--lang", "en").stdout, (name, at))
                content = bytes(altered[begin:end])
                path.write_bytes(rebuilt([(n, content if n == name else b) for n, b in members]))
                self.assertIn(name, self.failure(path), (name, at))

    def failure(self, path):
        report = json.loads(self.verify(1, path, "--json").stdout)
        self.assertEqual(report["verdict"], "not_valid")
        # Of a receipt the verifier's own step tells what is wrong; it is named as a file of the package otherwise.
        details = [check["error"]["detail"] for check in report["checks"] if "error" in check]
        if not details:
            details = ["receipt.json: " + step["error"]["detail"] for step in report["receipt"]["steps"] if "error" in step]
        return details[0] if details else ""

    def test_every_part_of_the_wacz_is_named_when_it_changes(self):
        inner = dict(self.members())["capture.wacz"]
        inner_path = self.work / "inner.wacz"
        inner_path.write_bytes(inner)
        members = self.members(inner_path)
        self.assertGreater(len(members), 10)
        bare, path = self.sample.read_bytes(), self.work / "bare.evidence.zip"

        def repacked(changed):
            return self.changed("capture.wacz", lambda _: rebuilt(changed))

        for name, data in members:
            flipped = data[:-1] + bytes([data[-1] ^ 1]) if data else b"x"
            # As a disk or a hand would change it, with all CRC-32s left as they were.
            if data:
                at = bare.index(name.encode() + data) + len(name) + len(data) - 1
                path.write_bytes(bare[:at] + bytes([bare[at] ^ 1]) + bare[at + 1:])
                self.assertIn(f"capture.wacz: {name}: its bytes do not have its CRC-32", self.failure(path))
            self.assertIn(f"capture.wacz: {name}:", self.failure(
                repacked([(n, flipped if n == name else b) for n, b in members])))
            self.assertIn(f"capture.wacz: {name}: is in the list of parts, and not in the WACZ", self.failure(
                repacked([(n, b) for n, b in members if n != name])))
        self.assertIn("capture.wacz: evidence/added.png: is in the WACZ, and not in the list", self.failure(
            repacked(members + [("evidence/added.png", b"x")])))
        self.assertIn("stands where the list of parts has", self.failure(repacked(members[::-1])))
        renamed = [(n.replace("page.pdf", "page2.pdf"), b) for n, b in members]
        self.assertIn("evidence/page.pdf: is in the list of parts", self.failure(repacked(renamed)))

    def test_another_captures_manifest_parts_or_receipt_does_not_fit(self):
        other = self.work / "other.evidence.zip"
        if not other.exists():
            self.capture(0, self.url + "price.json", "--out", other)
        theirs = dict(self.members(other))
        for name, code in (("parts.json", "root_mismatch"), ("manifest.json", "manifest_mismatch"),
                           ("receipt.json", "manifest_mismatch"), ("capture.wacz", "digest_mismatch")):
            report = json.loads(self.verify(1, self.changed(name, lambda _: theirs[name]), "--json").stdout)
            errors = [check["error"]["code"] for check in report["checks"] if "error" in check]
            self.assertEqual(errors[:1], [code], name)

    def test_one_part_is_shown_and_the_rest_withheld(self):
        shown = self.work / "sample.disclosure.zip"
        shown.unlink(missing_ok=True)
        listed = self.run_program(0, "disclose", self.sample, "--list").stdout.splitlines()
        rows = [line.split("\t") for line in listed]
        self.assertTrue(any(row[0] == "evidence/screenshot.png" for row in rows))
        said = self.run_program(0, "disclose", self.sample, "--only", "screenshot.png", "--only", self.url + "price.json")
        self.assertIn("disclosed", said.stdout)
        names = [name for name, _ in self.members(shown)]
        self.assertIn("parts/evidence/screenshot.png", names)
        self.assertEqual(sum(name.startswith("parts/archive/") for name in names), 1)
        self.assertNotIn(b"session=secret", shown.read_bytes())
        verdict = self.verify(0, shown, "--lang", "en").stdout
        self.assertIn("the parts shown existed at T2", verdict)
        self.assertIn("Only parts of the evidence were shown", verdict)
        self.assertIn(hashlib.sha256(dict(self.members(shown))["parts/evidence/screenshot.png"]).hexdigest(), verdict)
        done = subprocess.run([GENERATOR, "--verify-package", shown, "--trust", self.node.trust], capture_output=True,
                              text=True, timeout=TIMEOUT_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name, data in self.members(shown):
            if name == "receipt.json":
                continue
            path = self.work / "altered.disclosure.zip"
            path.write_bytes(rebuilt([(n, b[:-1] + bytes([b[-1] ^ 1]) if n == name else b) for n, b in self.members(shown)]))
            report = json.loads(self.verify(1, path, "--json").stdout)
            details = [check["error"]["detail"] for check in report["checks"] if "error" in check]
            self.assertTrue(details and name in details[0], (name, details))
        self.assertIn("no such part", self.run_program(2, "disclose", self.sample, "--only", "nothing.png").stderr)
        self.assertIn("exists", self.run_program(7, "disclose", self.sample, "--only", "page.pdf").stderr)

    def test_other_commands_take_packages_too(self):
        said = self.run_program(0, "lookup", self.sample, "--node", self.node.url).stdout
        self.assertIn("某公司", said)
        inspected = json.loads(self.run_program(0, "inspect", self.sample, "--json").stdout)
        members = dict(self.members())
        digest = hashlib.sha256(members["capture.wacz"]).hexdigest()
        self.assertIn(digest, json.dumps(inspected))
        # A receipt that is named comes before the one inside, another capture's never fits.
        receipt = self.work / "named.json"
        receipt.write_bytes(members["receipt.json"])
        self.verify(0, self.sample, "--receipt", receipt)
        receipt.write_bytes(members["receipt.json"].replace(b"cunzheng/receipt/v1", b"cunzheng/receipt/v9"))
        self.verify(1, self.sample, "--receipt", receipt)

    def test_a_package_is_known_under_any_name(self):
        renamed = self.work / "证据 1.bin"
        shutil.copy(self.sample, renamed)
        self.assertIn("VERDICT: valid. Packaged no earlier than", self.verify(0, renamed, "--lang", "en").stdout)
        self.assertIn("某公司", self.run_program(0, "lookup", renamed, "--node", self.node.url).stdout)
        self.run_program(0, "inspect", renamed)
        self.run_program(0, "disclose", renamed, "--only", "dom.html")
        shown = self.work / "证据 1.bin.disclosure.zip"
        again = shown.rename(self.work / "出示.zip")
        self.assertIn("the parts shown existed at T2", self.verify(0, again, "--lang", "en").stdout)
        self.assertIn("shows parts of a package already", self.run_program(2, "disclose", again, "--list").stderr)
        # What only begins like one is no package, and a file that is none still wants its receipt.
        renamed.write_bytes(self.sample.read_bytes()[:-1])
        self.assertIn("[FAIL] package 1.", self.verify(1, renamed, "--lang", "en").stdout)
        renamed.write_bytes(b"PK\x03\x04 something else")
        self.assertIn("not found", self.verify(1, renamed).stderr)

    def test_what_a_run_left_behind_is_removed_by_the_next_and_what_is_in_use_is_not(self):
        home, folder = self.work / "tmp", self.work / "left"
        for path in (home, folder):
            path.mkdir()
        left, used, new = (home / f"cunzheng-capture.{name}" for name in ("left00", "used00", "new000"))
        for path in (left, used, new):
            (path / "profile").mkdir(parents=True)
        (left / "lock").touch()
        dead = subprocess.Popen(["true"])
        dead.wait()
        scraps = [folder / f"x.unfinished-{pid}.wacz" for pid in (dead.pid, os.getpid())]
        for path in scraps:
            path.touch()
        with open(used / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.capture(0, self.url, "--out", folder / "x.evidence.zip", env={"TMPDIR": str(home)})
        self.assertEqual(sorted(home.iterdir()), sorted([used, new]))
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["x.evidence.zip", scraps[1].name])

    def test_without_a_node_the_capture_waits_and_is_completed_later(self):
        path = self.work / "late.evidence.zip"
        self.node.stop()
        try:
            said = self.capture(4, self.url, "--out", path)
            self.assertIn("queued", said.stdout + said.stderr)
            self.assertIn("there is no receipt", self.verify(3, path, "--lang", "en").stdout)
        finally:
            self.node.start()
        self.run_program(0, "sync")
        self.assertTrue((self.work / "late.evidence.zip.receipt.json").exists())
        self.assertIn("VERDICT: valid", self.verify(0, path, "--lang", "en").stdout)
        self.run_program(0, "disclose", path, "--only", "dom.html")
        self.verify(0, self.work / "late.disclosure.zip")

    def test_a_list_is_captured_resumed_and_verified_as_a_folder(self):
        folder, urls = self.work / "list", self.work / "urls.txt"
        urls.write_text(f"# shops\n{self.url}\n\n{self.url}price.json\n{self.url}\n")
        first = self.capture(0, "--list", urls, "--out", folder)
        packages = sorted(folder.glob("*.evidence.zip"))
        self.assertEqual(len(packages), 2, first.stdout)
        before = [p.stat().st_mtime_ns for p in packages]
        again = self.capture(0, "--list", urls, "--out", folder)
        self.assertEqual(again.stdout.count("unchanged"), 2 + 1, again.stdout)
        self.assertEqual(before, [p.stat().st_mtime_ns for p in packages])
        self.assertIn("2 valid", self.verify(0, folder).stdout)
        urls.write_text("ftp://example.test/\n")
        self.assertIn("line 1", self.capture(2, "--list", urls, "--out", folder).stderr)

    def test_ctrl_c_leaves_a_partial_package_that_says_so(self):
        path = self.work / "partial.evidence.zip"
        running = subprocess.Popen(["cunzheng", *map(str, self.command(self.url + "slow", "--out", path))],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env, cwd=self.work)
        for line in running.stderr:
            if " open " in line:
                break
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=TIMEOUT_S)
        self.assertEqual(running.returncode, 130, out + err)
        self.assertIn("hint: The package says that it is partial", err)
        report = json.loads(self.verify(0, path, "--json").stdout)
        self.assertEqual(report["facts"]["outcome"], "partial")

    def test_a_person_browses_and_all_of_it_is_recorded(self):
        said = self.capture(2, self.url, "--interactive", "--out", self.work / "walk.evidence.zip").stderr
        self.assertIn("needs a display", said)
        def press_ctrl_c(running, _):
            running.send_signal(signal.SIGINT)

        def keys(*pressed):
            def press(_, env):
                subprocess.run(["xdotool", "search", "--sync", "--onlyvisible", "--class", "chromium", "windowfocus", "--sync",
                                "key", *pressed], env=env, check=True, timeout=TIMEOUT_S)
            return press

        # By Ctrl-C where it was started, by closing the tab, and by closing the window, which ends the browser.
        ends = {"enough": press_ctrl_c, "tab": keys("ctrl+w"), "window": keys("ctrl+shift+w")}
        with ThreadPoolExecutor(len(ends)) as pool:
            done = dict(zip(ends, pool.map(self.browse, ends, ends.values())))
        for name, (path, returned, said) in done.items():
            with self.subTest(name):
                self.assertEqual(returned, 0, said)
                report = json.loads(self.verify(0, path, "--json").stdout)
                self.assertEqual((report["facts"]["capture"], report["facts"]["outcome"]), ("session", "complete"))
                peer_says = subprocess.run([GENERATOR, "--verify-package", path, "--trust", self.node.trust],
                                           capture_output=True, text=True, timeout=TIMEOUT_S)
                self.assertEqual(peer_says.returncode, 0, peer_says.stdout + peer_says.stderr)
                inner = self.work / f"{name}.wacz"
                inner.write_bytes(dict(self.members(path))["capture.wacz"])
                members = dict(self.members(inner))
                self.assertIn("evidence/view-001.png", members)
                pages = [json.loads(line)["url"] for line in members["pages/pages.jsonl"].splitlines()[1:]]
                self.assertEqual(pages, [self.url + "walk", self.url + "walked"])
                completeness = json.loads(members["evidence/completeness.json"])
                stopped = "settled" if name == "enough" else "closed"
                self.assertEqual((completeness["stopped"], completeness["attachments_missing"]), (stopped, []))
                self.assertTrue(completeness["final_url"].endswith("/walked"))
                # A window that was closed has no page to be pictured.
                self.assertEqual("evidence/screenshot.png" in members, name == "enough")
                # It has a window and says what it is.
                log = members["evidence/operations.jsonl"].decode()
                self.assertIn("the browser's own: ", log)
                # The film goes on over the second page.
                came = next(json.loads(line)["time_unix_us"] for line in log.splitlines()[1:]
                            if json.loads(line)["what"] == "navigated" and "walked" in line)
                films = [members[member] for member in sorted(members) if re.fullmatch(r"evidence/recording-\d+\.jsonl", member)]
                frames = [json.loads(line)["time_unix_us"] for film in films for line in film.splitlines()[1:]]
                self.assertTrue(frames and frames[0] < came < frames[-1], (frames, came))
                self.assertNotIn("Headless", log)

    def browse(self, name, end):
        """A session on a display of its own, ended by `end` once its second page was pictured."""
        ready, display_fd = os.pipe()
        display = subprocess.Popen(["Xvfb", "-displayfd", str(display_fd), "-screen", "0", "1400x1100x24", "-nolisten", "tcp"],
                                   pass_fds=[display_fd], stderr=subprocess.DEVNULL)
        try:
            env = {**self.env, "DISPLAY": ":" + os.read(ready, 16).decode().strip()}
            path = self.work / f"{name}.evidence.zip"
            running = subprocess.Popen(["cunzheng", *map(str, self.command(self.url + "walk", "--interactive", "--record", "60", "--out", path))],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=self.work)
            for line in running.stderr:
                if "view" in line and "walked" in line:
                    break
            end(running, env)
            out, err = running.communicate(timeout=TIMEOUT_S)
            return path, running.returncode, out + err
        finally:
            display.terminate()
            display.wait(TIMEOUT_S)
            os.close(ready)
            os.close(display_fd)

    def test_what_goes_wrong_is_said_and_leaves_nothing_behind(self):
        nothing = self.work / "nothing.evidence.zip"
        cases = [
            (2, ["htps://example.test/"], "begins with http:// or https://"),
            (2, ["http://user:word@example.test/"], "user name and password"),
            (2, [], "--list FILE"),
            (2, [self.url, "--device", "fridge"], "fridge"),
            (2, [self.url, "--looks", "2"], "--looks goes with --watch"),
            (2, [self.url, "--resolver", "dns.example"], "--resolver dns.example: must be an IP address"),
            (4, [self.url, "--browser", "/bin/false"], "browser: "),
            (1, [self.url, "--browser", "/no/such/browser"], "Chromium"),
            (4, ["http://127.0.0.1:1/"], "ERR_"),
        ]
        for code, args, words in cases:
            done = self.capture(code, *args, "--out", nothing)
            self.assertIn(words, done.stderr, args)
            self.assertFalse(nothing.exists(), args)
        self.assertIn("exists", self.capture(7, self.url, "--out", self.sample).stderr)
        self.assertIn(".evidence.zip", self.capture(2, self.url, "--out", self.work / "x.zip").stderr)
        self.assertEqual(self.sample.stat().st_mode & 0o777, 0o600)
        # A file that is no package, and one that was cut short.
        for data in (b"", b"PK\x03\x04", b"hello", self.sample.read_bytes()[:-1], self.sample.read_bytes() + b"\0"):
            path = self.work / "broken.evidence.zip"
            path.write_bytes(data)
            self.assertIn("[FAIL] package 1.", self.verify(1, path, "--lang", "en").stdout)
        self.assertFalse(list(self.work.glob("*.unfinished*")))

    def test_a_full_disk_is_said_and_leaves_no_package(self):
        small = self.work / "small"
        small.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", small], capture_output=True).returncode != 0:
            self.skipTest("only root can mount a small disk")
        try:
            done = self.capture(8, self.url, "--out", small / "x.evidence.zip")
            self.assertIn("No space left on device", done.stderr)
            self.assertEqual(list(small.iterdir()), [])
        finally:
            subprocess.run(["umount", small], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
