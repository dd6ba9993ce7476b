#!/usr/bin/env python3
"""What a browser meets on pages (capture_site.py), kind and hostile, and what of it is in the package.

Each page is captured by `cunzheng capture` in headless Chromium, three at a time, and verified by `cunzheng verify` and by the
independent WACZ reader of tests/interop. Packages are then read without any code of the project's.
"""

import io
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "interop"), str(HERE.parent.parent / "specs/vectors")]
import wacz_reader  # noqa: E402
from capture_site import CJK, Site  # noqa: E402
from cunzheng_py import crypto as keys  # noqa: E402
from cli_test import PASSPHRASE, Node  # noqa: E402

# A capture is bounded by its --time, and what comes after it: packing, and waiting for the receipt.
HOSTILE_S, SLACK_S = 24, 40


class Captured:
    """A capture that was verified, opened."""

    def __init__(self, path, verdict, seconds):
        self.path, self.verdict, self.seconds = path, verdict, seconds
        self.facts = verdict["facts"]
        with zipfile.ZipFile(path) as outer:
            inner = outer.read("capture.wacz")
        self.wacz = zipfile.ZipFile(io.BytesIO(inner))
        wacz = path.with_suffix(".wacz")
        wacz.write_bytes(inner)
        wacz_reader.check(wacz)
        self.completeness = json.loads(self.read("completeness.json"))
        self.operations = [json.loads(line) for line in self.read("operations.jsonl").splitlines()[1:]]
        self.records = [({k.lower(): v for k, v in headers}, block) for _, _, headers, block in
                        wacz_reader.records(self.wacz.read("archive/data.warc.gz"))]

    def read(self, name):
        return self.wacz.read("evidence/" + name)

    def has(self, name):
        return "evidence/" + name in self.wacz.namelist()

    def of(self, kind, path):
        """The records of a kind whose address ends so: (WARC headers, block)."""
        return [r for r in self.records if r[0]["warc-type"] == kind and r[0]["warc-target-uri"].endswith(path)]

    def body(self, path):
        found = self.of("response", path)
        assert found, f"no response of {path}: {[r[0].get('warc-target-uri') for r in self.records]}"
        return found[0][1].split(b"\r\n\r\n", 1)[1]

    def gap(self, path):
        return next((g for g in self.completeness["gaps"] if g["url"].endswith(path)), None)

    def steps(self, what):
        return [step for step in self.operations if step["what"] == what]

    def remarks(self, what):
        return [r["detail"] for r in self.completeness["remarks"] if r["what"] == what]


def png_size(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def png_rows(data):
    """Rows of an 8-bit RGB picture, unfiltered; only filters that need no look beyond the row above."""
    width, height = png_size(data)
    at, packed = 8, b""
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    raw, stride, above = zlib.decompress(packed), width * 3, bytes(width * 3)
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        if kind == 2 and not any(row):  # as the row above, which is most of them
            yield above
            continue
        for i in range(stride if kind else 0):
            left, up = row[i - 3] if i >= 3 else 0, above[i]
            corner = above[i - 3] if i >= 3 else 0
            if kind == 4:
                guess = left + up - corner
                nearest = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            else:
                nearest = (0, left, up, (left + up) // 2)[kind]
            row[i] = (row[i] + nearest) & 255
        above = bytes(row)
        yield above


# name: (path or address, further options)
KIND = {
    "index": ("/", []), "redirect": ("/redirect/4", []), "frames": ("/frames", []), "lazy": ("/lazy", []),
    "app": ("/app", []),
    "moving": ("/moving", ["--record", "2"]), "infinite": ("/infinite/4", []), "tall": ("/tall", []), "encodings": ("https:/encodings", []), "media": ("/media", []),
    "worker": ("https:/sw", []), "socket": ("/socket", []), "downloads": ("/downloads", []), "error": ("/nosuch", []),
    "chinese": ("idn:/chinese", []), "dynamic": ("/dynamic", []), "phone": ("/agent", ["--device", "phone"]),
    "identity": ("https:/identity", []),
    "tls": ("https:/", []), "downgrade": ("https:/downgrade", []), "hanging": ("/hanging", ["--time", "24"]),
    "events": ("/events", []), "live": ("/live", ["--record", "2"]), "private": ("/private", []), "long": ("/long_address", []),
}
HOSTILE = {
    "endless": "/endless", "flood": "/flood", "bombs": "/bombs", "many": "/many/25000", "alerts": "/alerts", "timer_alerts": "/timer_alerts",
    "spin": "/spin", "spin_later": "/spin_later", "loop": "/loop", "forever": "/forever", "crash": "/crash",
    "popups": "/popups", "file_links": "/file_links", "to_file": "/to_file", "bad_tls": "bad:/",
}


class CaptureBrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="cz-capture-browser-"))
        cls.site = Site()
        cls.node = Node(cls.work / "node", "browser.test/ledger")
        cls.env = {**os.environ, "HOME": str(cls.work), "CUNZHENG_PASSPHRASE": PASSPHRASE, "LC_ALL": "C.UTF-8"}
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            cls.env.pop(name, None)
        cls.key = cls.work / "key"
        subprocess.run(["cunzheng", "keygen", "--out", cls.key], env=cls.env, check=True, capture_output=True)
        cls.stretch_less(cls.key)
        cls.node.run("account", "add", "--account-key", f"{cls.key}.pub", "--name", "Test")
        cls.node.start()
        kind = [(name, (page, more, 90)) for name, (page, more) in KIND.items()]
        hostile = [(name, (page, ["--record-failure", "--time", str(HOSTILE_S)], HOSTILE_S + SLACK_S))
                   for name, page in HOSTILE.items()]
        # Those that take all of a core stand apart, lest they take each other's time.
        jobs = dict(job for pair in itertools.zip_longest(hostile, kind[::2], kind[1::2]) for job in pair if job)
        with ThreadPoolExecutor(3) as pool:
            cls.results = dict(zip(jobs, pool.map(lambda name: cls.run_one(name, *jobs[name]), jobs)))

    @staticmethod
    def stretch_less(path):
        """The same key under the least work that a key file may ask for: it is opened some fifty times."""
        text = path.read_text()
        fields = {k: v for k, v in json.loads(text).items() if k not in ("cipher", "kdf")}
        path.write_text(keys.seal_key_file(fields, keys.open_key_file(text, PASSPHRASE), PASSPHRASE, os.urandom(32),
                                           os.urandom(12)))

    @classmethod
    def tearDownClass(cls):
        cls.node.stop()
        cls.site.close()
        shutil.rmtree(cls.work)

    @classmethod
    def address(cls, page):
        scheme, found, path = page.partition(":")
        if not found:
            return cls.site.http(page)
        made = {"https": cls.site.https, "bad": cls.site.bad_https, "idn": lambda p: cls.site.http(p, "例子.test")}
        return made[scheme](path)

    @classmethod
    def command(cls, url, out, *more):
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        arguments = [word for argument in cls.site.browser_arguments() for word in ("--browser-argument", argument)]
        return ["cunzheng", "capture", url, "--out", str(out), "--node", cls.node.url, "--key", str(cls.key), "--ask-nobody",
                "--quiet", "500", "--pause", "0", *sandbox, *arguments, *more]

    @classmethod
    def run_one(cls, name, page, more, seconds):
        """A Captured, or the exception that shows why not."""
        try:
            out, begin = cls.work / f"{name}.evidence.zip", time.monotonic()
            done = subprocess.run(cls.command(cls.address(page), out, "--allow-local", *more), env=cls.env, timeout=seconds,
                                  capture_output=True, text=True)
            took = time.monotonic() - begin
            assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
            checked = subprocess.run(["cunzheng", "verify", out, "--trust", cls.node.trust, "--json"], env=cls.env,
                                     capture_output=True, text=True, timeout=60)
            assert checked.returncode == 0, checked.stdout + checked.stderr
            return Captured(out, json.loads(checked.stdout), took)
        except (AssertionError, subprocess.TimeoutExpired, OSError, ValueError) as error:
            return error

    def captured(self, name):
        result = self.results[name]
        if isinstance(result, Exception):
            raise AssertionError(f"{name}: {result}")
        return result

    def complete(self, name):
        captured = self.captured(name)
        self.assertEqual(captured.facts["outcome"], "complete", captured.completeness)
        return captured

    # ---- What pages really do.

    def test_a_page_is_there_with_all_that_it_asked_for(self):
        page = self.complete("index")
        for path in ("/style.css", "/script.js", "/img/0/40/40", "/missing.png", "/post"):
            self.assertTrue(page.of("response", path), path)
        self.assertIn(CJK.encode(), page.body("/"))
        request = page.of("request", "/post")[0][1]
        self.assertTrue(request.startswith(b"POST /post HTTP/1.1\r\n"), request[:60])
        self.assertTrue(request.endswith("name=值&n=1".encode()), request[-60:])
        self.assertIn(b"HTTP/1.1 404", page.of("response", "/missing.png")[0][1])
        for headers, _ in page.of("response", "/style.css"):
            self.assertEqual(headers["warc-ip-address"], "127.0.0.1")
            self.assertEqual(headers["warc-protocol"], "http/1.1")
            self.assertEqual(len(page.of("request", "/style.css")), 1)
        self.assertIn("存证测试页", page.read("report.html").decode())
        self.assertTrue(page.read("page.pdf").startswith(b"%PDF-"))
        self.assertIn(b"multipart/related", page.read("page.mhtml"))
        self.assertTrue(page.steps("checkpoint"))

    def test_the_pdf_shows_the_page_and_its_text_can_be_found(self):
        pdf = self.work / "page.pdf"
        pdf.write_bytes(self.complete("index").read("page.pdf"))
        text = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, check=True).stdout.decode()
        words = re.sub(r"\s+", "", text)
        for part in CJK.split("，")[0], "日本語", "한국어", "¥199.00", "由脚本写入":
            self.assertIn(re.sub(r"\s+", "", part), words)
        subprocess.run(["pdftoppm", "-png", "-r", "60", "-singlefile", pdf, self.work / "page"], check=True)
        pixels = b"".join(png_rows((self.work / "page.png").read_bytes()))
        dark = sum(sum(pixels[i:i + 3]) < 300 for i in range(0, len(pixels), 3))
        # Some lines of text, and not a page of black.
        self.assertGreater(dark, 500)
        self.assertLess(dark, len(pixels) // 3 // 4)

    def test_redirects_are_records_of_their_own_with_their_cookies(self):
        page = self.complete("redirect")
        for left, status in ((4, 308), (3, 307), (2, 303), (1, 302), (0, 301)):
            found = page.of("response", f"/redirect/{left}")
            self.assertEqual(len(found), 1)
            self.assertIn(f"HTTP/1.1 {status} ".encode(), found[0][1])
            self.assertIn(f"hop{left}={left}".encode(), found[0][1])
        self.assertIn(b"hop4=4", page.of("request", "/cookies?from=redirect")[0][1])
        self.assertIn(b"session=secret", page.of("response", "/cookies?from=redirect")[0][1])
        self.assertIn(b"session=secret", page.of("request", "/echo")[0][1])
        self.assertTrue(page.completeness["final_url"].endswith("/cookies?from=redirect"))

    def test_frames_of_other_sites_and_workers_are_recorded(self):
        page = self.complete("frames")
        for path in ("/inner?from=same", "/inner?from=other", "/img/1/21/21", "/worker.js", "/from-worker"):
            self.assertTrue(page.of("response", path), path)
        self.assertFalse([r for r in page.records if r[0].get("warc-target-uri", "").startswith(("data:", "blob:"))])

    def test_what_comes_into_view_late_is_loaded(self):
        page = self.complete("lazy")
        for i in range(6):
            self.assertTrue(page.of("response", f"/img/{i}/30/{31 + i}"), i)
        page = self.complete("infinite")
        for i in range(4):
            self.assertTrue(page.of("response", f"/batch/{i}"), i)
        self.assertIn("第3批", page.read("dom.html").decode())
        self.assertGreater(png_size(page.read("screenshot.png"))[1], 1500 + 4 * 1200)
        page = self.complete("app")
        for colour in (1, 2):
            for i in range(5):
                self.assertTrue(page.of("response", f"/img/{colour}/{60 + i}/20"), (colour, i))
        self.assertIn("第9批", page.read("dom.html").decode())
        steps = [step["detail"] for step in page.steps("scrolled_inside")]
        self.assertEqual([step.split(":")[0] for step in steps], ["main#list", "div#side"])
        height = png_size(page.read("screenshot.png"))[1]
        self.assertEqual(steps, [f"main#list: 13700, {height} in view", f"div#side: 12500, {height} in view"])
        self.assertEqual(page.remarks("scrolled_inside"), [step + "; pictures show no more than that" for step in steps])
        # The picture is of its beginning.
        self.assertEqual(next(png_rows(page.read("screenshot.png")))[-30:-27], b"\xff\xff\xff")
        self.assertIn("late 后来", self.complete("dynamic").read("dom.html").decode())

    def test_a_page_of_12000_pixels_is_one_picture_without_gaps(self):
        page = self.complete("tall")
        picture = page.read("screenshot.png")
        width, height = png_size(picture)
        self.assertEqual(height, 12_000)
        bands = [(0xC0, 0x30, 0x30), (0x30, 0xA0, 0x40), (0x30, 0x50, 0xC0), (0xD0, 0xA0, 0x20)]
        column = [row[-30:-27] for row in png_rows(picture)]
        wrong = [y for y, pixel in enumerate(column) if tuple(pixel) != bands[y // 500 % 4]]
        self.assertEqual(wrong, [])
        tiles = [n for n in page.wacz.namelist() if n.startswith("evidence/screenshot-")]
        self.assertEqual(sum(png_size(page.wacz.read(n))[1] for n in tiles), height)

    def test_packed_and_chunked_bodies_stand_unpacked_and_say_how_they_came(self):
        page = self.complete("encodings")
        for name in ("gzip", "deflate", "br", "chunked", "none"):
            self.assertEqual(page.body("/encoded/" + name), f"window.{name} = '{name} 压缩';".encode() * 50)
            head = page.of("response", "/encoded/" + name)[0][1].split(b"\r\n\r\n")[0].lower().split(b"\r\n")
            packed = [line for line in head if b"content-encoding" in line]
            self.assertEqual(packed, [] if name in ("chunked", "none") else [f"x-orig-content-encoding: {name}".encode()])
        self.assertIn(b"x-orig-transfer-encoding: chunked", page.of("response", "/encoded/chunked")[0][1].lower())

    def test_media_sockets_events_and_downloads(self):
        page = self.complete("media")
        self.assertIn(b"HTTP/1.1 206", page.of("response", "/clip.wav")[0][1])
        self.assertGreater(len(page.body("/clip.wav")), 100_000)
        page = self.complete("socket")
        facts = json.loads(page.of("metadata", "/ws")[0][1])
        self.assertIn("5L2g5aW9", "".join(f["payloadBase64"] for f in facts["frames"]))  # 你好
        self.assertEqual(sum(f["sent"] for f in facts["frames"]), 2)
        page = self.complete("downloads")
        self.assertEqual(page.body("/file.zip"), b"PK-not-really" * 20)
        self.assertTrue(page.steps("download"))

    def test_what_has_no_end_is_recorded_while_the_page_shows_it(self):
        page = self.captured("events")
        self.assertIn(b"data: event 0\n\ndata: event 1\n\n", page.body("/stream"))
        self.assertIn("event 0event 1", re.sub("data: |\n", "", page.read("dom.html").decode()))
        self.going_on(page, "/stream")
        page = self.captured("live")
        body = page.body("/broadcast/1")
        self.assertGreater(len(body), 15 << 10)  # of two seconds of the recording at least
        self.assertEqual(body.replace(b"FLV\1", b""), b"")
        shown = int(re.search(r"broadcast (\d+)", page.read("dom.html").decode())[1])
        self.assertLessEqual(10 << 10, shown)
        self.assertLessEqual(shown, len(body))
        self.going_on(page, "/broadcast/1")
        # What came to its end by itself is whole.
        self.assertEqual(page.body("/film"), b"".join(b"film%04d" % n * 100 for n in range(20)))
        self.assertIsNone(page.gap("/film"))

    def going_on(self, page, path):
        self.assertEqual(page.facts["outcome"], "incomplete")
        gap = page.gap(path)
        self.assertEqual((gap["state"], gap["reason"]), ("cut_time", "still coming when the capture ended"))
        self.assertEqual(page.completeness["limits_hit"], [])
        headers, _ = page.of("response", path)[0]
        self.assertEqual((headers["warc-ip-address"], headers["warc-truncated"]), ("127.0.0.1", "time"))
        self.assertTrue(json.loads(page.of("metadata", path)[0][1])["live"])

    def test_a_service_worker_is_recorded_and_passed_by(self):
        page = self.complete("worker")
        self.assertTrue(page.of("response", "/sw.js"))
        self.assertTrue(page.of("response", "/img/3/33/33"))
        # What the network answers is recorded, not what the worker would make of it (specs/capture.md).
        self.assertEqual(page.body("/after-sw"), b"from the network")

    def test_tls_is_recorded_with_its_certificates(self):
        page = self.complete("tls")
        headers, _ = page.of("response", "/script.js")[0]
        facts = json.loads(page.of("metadata", "/script.js")[0][1])
        self.assertIn("TLS 1.3", facts["security"]["protocol"])
        self.assertGreater(facts["remotePort"], 0)
        self.assertIn("127.0.0.1", headers["warc-ip-address"])
        chains = json.loads(page.read("certificates.json"))["origins"]
        self.assertEqual([len(c["chain"]) >= 1 for c in chains], [True])
        page = self.complete("downgrade")
        self.assertTrue(page.remarks("downgrade"))
        self.assertTrue(page.completeness["final_url"].startswith("http://"))

    def test_addresses_in_any_script(self):
        page = self.complete("chinese")
        self.assertIn("xn--fsqu00a.test", page.facts["url"])
        self.assertTrue(page.of("response", "/%E5%95%86%E5%93%81/%E5%9B%BE%E7%89%87.png?%E4%BB%B7=1&x=%FF"))
        page = self.captured("long")
        self.assertEqual(page.body("/n/" + "x" * 20_000), b"x" * 20_000)

    def test_an_error_page_is_what_happened(self):
        page = self.complete("error")
        self.assertIn(b"HTTP/1.1 404", page.of("response", "/nosuch")[0][1])
        page = self.captured("private")
        self.assertIn(b"HTTP/1.1 401", page.of("response", "/private")[0][1])
        self.assertTrue(page.remarks("auth_required"))

    def test_a_request_without_end_is_told(self):
        page = self.captured("hanging")
        self.assertEqual(page.completeness["stopped"], "load_limit")
        self.assertIsNotNone(page.gap("/hang"))
        self.assertTrue(page.has("screenshot.png"))

    def test_a_phone_is_believed_to_be_one(self):
        page = self.complete("phone")
        words = page.read("dom.html").decode()
        self.assertIn("Mobile Safari", words)
        self.assertIn("|390|3|5<", words)
        self.assertEqual(png_size(page.read("screenshot.png"))[0], 3 * 390)

    def test_nothing_says_that_the_browser_has_no_window(self):
        page = self.complete("identity")
        # Frames, and workers of all kinds, by header and by script.
        told = {}
        for kind in ("page", "frame", "worker", "shared", "service"):
            found = [r for r in page.records if r[0]["warc-type"] == "request" and f"/told/{kind}%7C" in r[0]["warc-target-uri"]]
            self.assertEqual(len(found), 1, kind)
            told[kind] = urllib.parse.unquote(found[0][0]["warc-target-uri"].split("/told/")[1]).split("|")
        for path in ("/identity", "/img/1/41/41", "/identity-frame", "/img/2/42/42", "/identity-worker.js",
                     "/identity-shared.js", "/identity-service.js"):
            self.assertTrue(page.of("request", path), path)
        with self.site.lock:
            sent = [headers for path, headers in self.site.sent if re.match("/(identity|told)|/img/./4[12]/", path)]
        self.assertGreaterEqual(len(sent), 12)
        agents = {headers["user-agent"] for headers in sent}
        self.assertEqual(len(agents), 1, agents)
        agent = agents.pop()
        self.assertRegex(agent, r"\) Chrome/\d+\.")
        self.assertTrue([h for h in sent if '"Chromium"' in h.get("sec-ch-ua", "")])
        self.assertTrue([h for h in sent if '"Chromium"' in h.get("sec-ch-ua-full-version-list", "")])
        self.assertNotIn("Headless", json.dumps(sent))
        for kind, (_, by_script, platform, hints) in told.items():
            self.assertEqual((by_script, platform), (agent, told["page"][2]), kind)
            self.assertEqual(json.loads(hints), json.loads(told["page"][3]), kind)
        self.assertTrue(json.loads(told["page"][3])["architecture"])
        # The log has both; the page for people what was sent.
        own, said, hints = page.steps("user_agent")[0]["lines"]
        self.assertIn("HeadlessChrome/", own)
        self.assertEqual(said, "sent: " + agent)
        self.assertIn('"brand":"Chromium"', hints)
        self.assertIn(agent, page.read("report.html").decode())

    def test_a_recording_is_in_the_package(self):
        page = self.complete("moving")
        self.assertEqual(page.facts["capture"], "recording")
        self.assertEqual(page.read("recording-000.avi")[:4], b"RIFF")
        self.assertGreater(len(page.read("recording-000.jsonl").splitlines()), 5)
        self.assertEqual(self.complete("index").facts["capture"], "page")

    # ---- What hostile ones may.

    def test_hostile_pages_end_in_time_and_are_valid(self):
        for name in HOSTILE:
            self.assertLess(self.captured(name).seconds, HOSTILE_S + SLACK_S, name)

    def test_bodies_without_end_and_bombs_are_cut(self):
        page = self.captured("endless")
        self.assertEqual(page.gap("/endless")["state"], "cut_time")
        page = self.captured("bombs")
        self.assertIsNotNone(page.gap("/bomb"))
        self.assertLess(page.path.stat().st_size, 20 << 20)
        page = self.captured("flood")
        self.assertIn(page.gap("/broadcast/")["state"], ("cut_length", "cut_time"))
        self.assertLessEqual(len(page.body("/broadcast/")), 64 << 20)

    def test_a_flood_of_requests_meets_its_limit(self):
        page = self.captured("many")
        self.assertLessEqual(page.completeness["counts"]["exchanges"], 20_000)
        self.assertTrue(page.completeness["limits_hit"])

    def test_pages_that_never_stop_are_partial_and_say_why(self):
        for name, stopped in (("alerts", "dialog_limit"), ("timer_alerts", "dialog_limit"), ("loop", "navigation_limit"),
                              ("spin_later", "hung")):
            page = self.captured(name)
            self.assertEqual((page.facts["outcome"], page.completeness["stopped"]), ("partial", stopped), name)
        # A script may be ended while the page loads; the page then answers again.
        self.assertIn(self.captured("spin").completeness["stopped"], ("load_limit", "hung"))
        # It depends on the machine which end memory without end meets first.
        self.assertIn(self.captured("crash").completeness["stopped"], ("crashed", "hung", "load_limit", "memory_limit"))
        page = self.captured("forever")
        self.assertEqual(page.facts["outcome"], "incomplete")
        self.assertIn("net::ERR_TOO_MANY_REDIRECTS", json.dumps(page.completeness))
        self.captured("popups")

    def test_the_local_disk_is_never_captured(self):
        secret = pathlib.Path("/etc/passwd").read_bytes().splitlines()[0]
        for name in ("file_links", "to_file"):
            page = self.captured(name)
            for headers, block in page.records:
                self.assertFalse(headers["warc-type"] == "response" and headers["warc-target-uri"].startswith("file:"))
                self.assertNotIn(secret, block)
            for name in page.wacz.namelist():
                self.assertNotIn(secret, page.wacz.read(name))

    def test_a_bad_certificate_is_recorded_and_never_accepted(self):
        page = self.captured("bad_tls")
        self.assertIn("net::ERR_CERT_AUTHORITY_INVALID", json.dumps(page.completeness))
        self.assertFalse([r for r in page.records if r[0]["warc-type"] == "response"])

    def test_local_networks_are_out_of_reach_unless_that_is_wished(self):
        for path in ("/secret", "/to_local"):
            out = self.work / "local.evidence.zip"
            done = subprocess.run(self.command(self.site.http(path), out, "--record-failure"), env=self.env, timeout=90,
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            checked = subprocess.run(["cunzheng", "verify", out, "--trust", self.node.trust, "--json"], env=self.env,
                                     capture_output=True, text=True, timeout=60)
            page = Captured(out, json.loads(checked.stdout), 0)
            for _, block in page.records:
                self.assertNotIn(b"the machine's own secret", block)
            self.assertTrue(page.remarks("refused_address") or page.remarks("refused_url"), page.completeness)
            out.unlink()
        done = subprocess.run(self.command("http://127.0.0.1:9/", self.work / "never.evidence.zip"), env=self.env,
                              timeout=60, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--allow-local", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
