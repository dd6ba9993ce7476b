#!/usr/bin/env python3
"""What headless Chromium meets on pages, good and hostile, and what a capture makes of it.

Each page of capture_site.py is captured by capture_probe, two at a time; what is in the WACZ is read with the standard
library alone. Packages, deposits and the command line are capture_cli_test.py's affair.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zipfile
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import capture_site  # noqa: E402

PROBE = pathlib.Path.cwd() / "capture_probe"
QUIET = "quiet=500"
# Of captures whose page never comes to an end by itself.
SHORT = ("load=5000", "body=2500", "scroll=5000", "answer=6000", "total=60000")
LONGEST_S = 150


def png_rows(data):
    """Width and rows of an 8-bit RGB or RGBA picture, as lists of (r, g, b)."""
    at, packed, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            size = struct.unpack(">IIBB", data[at + 8:at + 18])
        elif kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    width, height, depth, colour = size
    assert depth == 8 and colour in (2, 6), size
    step, raw, rows = (3 if colour == 2 else 4), zlib.decompress(packed), []
    before = bytearray(width * step)
    for y in range(height):
        begin = y * (width * step + 1)
        how, row = raw[begin], bytearray(raw[begin + 1:begin + 1 + width * step])
        for i in range(len(row) if how else 0):
            left = row[i - step] if i >= step else 0
            corner = before[i - step] if i >= step else 0
            up = before[i]
            if how == 4:
                guess = left + up - corner
                left = min((left, up, corner), key=lambda v: abs(guess - v))
            row[i] = (row[i] + (left, left, up, (left + up) // 2, left)[how]) & 255
        rows.append(bytes(row))
        before = row
    return width, height, lambda x, y: tuple(rows[y][x * step:x * step + 3])


class Record:
    def __init__(self, text):
        head, self.block = text.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        assert lines[0] == "WARC/1.1", lines[0]
        self.headers = dict(line.split(": ", 1) for line in lines[1:])
        assert self.block.endswith(b"\r\n\r\n")
        self.block = self.block[:-4]
        assert len(self.block) == int(self.headers["Content-Length"])
        self.kind, self.url = self.headers["WARC-Type"], self.headers.get("WARC-Target-URI", "")
        self.check("WARC-Block-Digest", self.block)
        if self.kind in ("request", "response"):
            http, self.body = self.block.split(b"\r\n\r\n", 1)
            first, *rest = http.decode("utf-8", "replace").split("\r\n")
            self.first = first
            self.http = {}
            for line in rest:
                name, _, value = line.partition(": ")
                self.http.setdefault(name.lower(), []).append(value)
            if self.kind == "response":
                self.status = int(first.split(" ")[1])
                self.check("WARC-Payload-Digest", self.body)

    def check(self, name, data):
        assert self.headers[name] == "sha256:" + hashlib.sha256(data).hexdigest(), (self.url, name)


class Capture:
    def __init__(self, path, said):
        self.said = said
        with zipfile.ZipFile(path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        rest, self.records = self.members["archive/data.warc.gz"], []
        while rest:
            unpacker = zlib.decompressobj(31)
            self.records.append(Record(unpacker.decompress(rest)))
            rest = unpacker.unused_data
        self.report = json.loads(self.members["evidence/completeness.json"])
        self.steps = [json.loads(line) for line in self.members["evidence/operations.jsonl"].splitlines()][1:]

    def responses(self, path):
        return [r for r in self.records if r.kind == "response" and
                urllib.parse.urlsplit(r.url)._replace(scheme="", netloc="").geturl() == path]

    def body(self, path):
        found = self.responses(path)
        assert found, (path, [r.url for r in self.records if r.kind == "response"])
        return found[0].body

    def facts(self, end):
        """What metadata says of the exchanges of an address."""
        return [json.loads(r.block) for r in self.records if r.kind == "metadata" and r.url.endswith(end)]

    def did(self, what):
        return [s.get("detail", " ".join(s.get("lines", []))) for s in self.steps if s["what"] == what]

    def remarks(self, what):
        return [r["detail"] for r in self.report["remarks"] if r["what"] == what]

    def gaps(self, end):
        return [g for g in self.report["gaps"] if g["url"].endswith(end)]


class BrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="cz-browser-"))
        cls.temporary = cls.work / "tmp"
        cls.temporary.mkdir()
        cls.site = capture_site.Site()
        site = cls.site
        public = site.as_public()
        plans = {
            "index": (site.http("/"), "local"),
            "secure": (site.https("/"), "local"),
            "redirect": (site.http("/redirect/4"), "local"),
            "frames": (site.http("/frames"), "local"),
            "lazy": (site.http("/lazy"), "local"),
            "infinite": (site.http("/infinite"), "local"),
            "forever": (site.http("/infinite/100000"), "local", "height=6000"),
            "tall": (site.http("/tall"), "local"),
            "encodings": (site.https("/encodings"), "local"),
            "media": (site.http("/media"), "local"),
            "worker": (site.https("/sw"), "local"),
            "socket": (site.https("/socket"), "local"),
            "events": (site.http("/events"), "local", *SHORT),
            "download": (site.http("/file.zip"), "local"),
            "missing": (site.http("/nowhere"), "local"),
            "hanging": (site.http("/hanging"), "local", *SHORT),
            "chinese": (site.http("/商品/第一页?查询=值", capture_site.IDN), "local"),
            "phone": (site.http("/agent"), "local", "phone"),
            "dynamic": (site.http("/dynamic"), "local"),
            "long": (site.http("/long-address"), "local"),
            "private": (site.http("/private"), "local"),
            "endless": (site.http("/endless"), "local", *SHORT),
            "bomb": (site.http("/bombs"), "local", *SHORT, "body=20000", "load=20000", "memory=1000"),
            "big": (site.http("/big/3000000"), "local", "body_kib=1000"),
            "many": (site.http("/many/5000"), "local", "exchanges=500", *SHORT),
            "alerts": (site.http("/alerts"), "local", *SHORT),
            "timers": (site.http("/timer-alerts"), "local", *SHORT),
            "spin": (site.http("/spin"), "local", *SHORT),
            "spin_later": (site.http("/spin-later"), "local", *SHORT),
            "loop": (site.http("/loop"), "local", *SHORT),
            "circle": (site.http("/forever"), "local", *SHORT),
            "to_file": (site.http("/to-file"), "local", *SHORT),
            "file_links": (site.http("/file-links"), "local", *SHORT),
            "local": (site.http("/"), *SHORT),
            "to_local": (site.http("/to-local"), *public, *SHORT),
            "to_inner": (site.http("/to-inner"), *public, *SHORT),
            "local_links": (site.http("/local-links"), *public, *SHORT),
            "crash": (site.http("/crash"), "local", *SHORT, "--js-flags=--max-old-space-size=64"),
            "workers": (site.http("/workers"), "local", "targets=20", *SHORT),
            "disk": (site.https("/disk"), "local", "profile=30", *SHORT),
            "downgrade": (site.https("/downgrade"), "local"),
            "untrusted": (site.bad_https("/"), "local", *SHORT),
            "slow": (site.http("/hanging"), "local", "total=4000", "rebind=1"),
        }
        cls.took = {}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = {name: pool.submit(cls.capture, name, *plan) for name, plan in plans.items()}
            cls.done = {name: future.result() for name, future in running.items()}

    @classmethod
    def tearDownClass(cls):
        cls.site.close()
        shutil.rmtree(cls.work)

    @classmethod
    def command(cls, name, url, *words):
        return [str(PROBE), str(cls.work / f"{name}.wacz"), url, QUIET, *words, *cls.site.browser_arguments()]

    @classmethod
    def environment(cls):
        return {**os.environ, "TMPDIR": str(cls.temporary)}

    @classmethod
    def capture(cls, name, *plan):
        begin = time.monotonic()
        done = subprocess.run(cls.command(name, *plan), capture_output=True, text=True, timeout=LONGEST_S,
                              env=cls.environment())
        cls.took[name] = time.monotonic() - begin
        if done.returncode != 0:
            return done.stdout + done.stderr
        return Capture(cls.work / f"{name}.wacz", json.loads(done.stdout))

    def of(self, name, outcome, stopped="settled"):
        capture = self.done[name]
        self.assertIsInstance(capture, Capture, capture)
        self.assertEqual((capture.said["check"], capture.said["stopped"], capture.said["outcome"]),
                         ("ok", stopped, outcome), f"{name}: {capture.report}")
        self.assertEqual(capture.report["stopped"], stopped)
        return capture

    # ---- What every capture has.

    def test_every_record_has_its_digests_and_its_partner(self):
        for name, capture in self.done.items():
            with self.subTest(name):
                self.assertIsInstance(capture, Capture, capture)
                self.assertEqual(capture.records[0].kind, "warcinfo")
                by_id = {r.headers["WARC-Record-ID"]: r for r in capture.records}
                self.assertEqual(len(by_id), len(capture.records))
                for record in capture.records[1:]:
                    other = by_id.get(record.headers.get("WARC-Concurrent-To"))
                    if record.kind == "response":
                        self.assertEqual(other.kind, "request")
                        self.assertEqual(other.headers["WARC-Concurrent-To"], record.headers["WARC-Record-ID"])
                        self.assertEqual(other.url, record.url)
                    elif other is not None:
                        self.assertIn(other.kind, ("request", "response"))

    def test_the_operation_log_tells_what_was_done_and_when(self):
        capture = self.of("index", "complete")
        times = [s["monotonic_us"] for s in capture.steps]
        self.assertEqual(times, sorted(times))
        whats = [s["what"] for s in capture.steps]
        order = [whats.index(w) for w in ("begin", "checkpoint", "cleanliness", "browser", "open", "loaded", "settled", "done")]
        self.assertEqual(order, sorted(order))
        self.assertIn("sha256:" + hashlib.sha256(PROBE.read_bytes()).hexdigest(), capture.did("begin")[0])
        self.assertIn("--remote-debugging-pipe", capture.did("browser")[0])

    def test_no_browser_and_no_profile_are_left(self):
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_nothing_of_the_machine_is_in_any_capture(self):
        secrets = [b"the machine's own secret", b"root:x:0:0"]
        for name, capture in self.done.items():
            for record in capture.records:
                self.assertFalse(any(s in record.block for s in secrets), (name, record.url))
            for member in ("dom.html", "page.mhtml"):
                self.assertFalse(any(s in capture.members.get("evidence/" + member, b"") for s in secrets), name)

    # ---- What pages really do.

    def test_a_page_with_its_parts(self):
        capture = self.of("index", "complete")
        self.assertEqual(capture.said["title"], "存证测试页 & <test>")
        page = capture.responses("/")[0]
        self.assertEqual((page.status, page.first), (200, "HTTP/1.1 200 OK"))
        self.assertEqual(page.headers["WARC-IP-Address"], "127.0.0.1")
        self.assertEqual(page.headers["WARC-Protocol"], "http/1.1")
        self.assertIn(capture_site.CJK.encode(), page.body)
        self.assertEqual(capture.body("/style.css"), capture_site.STYLE)
        self.assertEqual(capture.body("/script.js"), capture_site.SCRIPT)
        self.assertEqual(capture.body("/img/0/40/40"), capture_site.png(40, 40, capture_site.BANDS[0]))
        self.assertEqual(capture.responses("/missing.png")[0].status, 404)
        posted = [r for r in capture.records if r.kind == "request" and r.url.endswith("/post")][0]
        self.assertTrue(posted.first.startswith("POST /post "))
        self.assertEqual(posted.body, "name=值&n=1".encode())
        self.assertIn("由脚本写入", capture.members["evidence/dom.html"].decode())
        self.assertTrue(capture.members["evidence/page.pdf"].startswith(b"%PDF-"))
        self.assertIn(b"multipart/related", capture.members["evidence/page.mhtml"])
        self.assertIn(capture_site.SHOP, page.url)
        facts = capture.facts("/style.css")[0]
        self.assertEqual((facts["remoteIPAddress"], facts["body"], facts["initiator"]), ("127.0.0.1", "whole", "parser"))
        self.assertEqual(facts["remotePort"], self.site.servers[0].server_port)

    def test_cookies_and_redirects_are_records_of_their_own(self):
        capture = self.of("redirect", "complete")
        for left, status in ((4, 308), (3, 307), (2, 303), (1, 302), (0, 301)):
            hop = capture.responses(f"/redirect/{left}")[0]
            self.assertEqual(hop.status, status)
            self.assertEqual(hop.http["set-cookie"], [f"hop{left}={left}; Path=/"])
        end = capture.responses("/cookies?from=redirect")[0]
        self.assertEqual(end.http["set-cookie"], ["session=secret; HttpOnly; Path=/", "shown=1; Path=/"])
        self.assertEqual(capture.said["final_url"], end.url)
        asked = [r for r in capture.records if r.kind == "request" and r.url.endswith("/redirect/1")][0]
        self.assertEqual(asked.http["cookie"], ["hop4=4; hop3=3; hop2=2"])
        self.assertIn(b"session=secret", capture.body("/echo"))

    def test_frames_and_workers_are_recorded_and_inner_addresses_are_not(self):
        capture = self.of("frames", "complete")
        self.assertIn(b"inner other.test", capture.body("/inner?from=other"))
        self.assertIn(b"inner shop.test", capture.body("/inner?from=same"))
        self.assertEqual(capture.body("/from-worker"), b"worker")
        self.assertEqual(len(capture.responses("/img/2/22/22")), 2)
        self.assertEqual([r.url for r in capture.records if r.url[:5] in ("data:", "blob:", "about")], [])

    def test_lazy_images_and_more_text_come_by_scrolling(self):
        capture = self.of("lazy", "complete")
        for i in range(6):
            self.assertEqual(len(capture.responses(f"/img/{i}/30/{31 + i}")), 1)
        capture = self.of("infinite", "complete")
        self.assertEqual([len(capture.responses(f"/batch/{i}")) for i in range(5)], [1, 1, 1, 1, 0])
        self.assertIn("第3批", capture.members["evidence/dom.html"].decode())
        capture = self.of("forever", "incomplete", "height_limit")
        self.assertGreater(len(capture.did("height_limit")[0]), 0)

    def test_a_tall_page_is_pictured_band_by_band(self):
        capture = self.of("tall", "complete")
        tiles = sorted(n for n in capture.members if n.startswith("evidence/screenshot-"))
        self.assertEqual(len(tiles), 6)
        for index, name in enumerate(tiles):
            width, height, pixel = png_rows(capture.members[name])
            self.assertEqual(height, 2000)
            for y in range(0, height, 100):
                band = (index * 2000 + y) // capture_site.BAND % 4
                self.assertEqual(pixel(width - 20, y + 50), capture_site.BANDS[band], (name, y))

    def test_packed_bodies_are_kept_unpacked_and_say_so(self):
        capture = self.of("encodings", "complete")
        for coding in ("gzip", "deflate", "chunked", "none") + (("br",) if capture_site.brotli else ()):
            response = capture.responses(f"/encoded/{coding}")[0]
            self.assertEqual(response.body, f"window.{coding} = '{coding} 压缩';".encode() * 50)
            self.assertEqual(response.http["content-length"], [str(len(response.body))])
            self.assertNotIn("content-encoding", response.http)
            self.assertNotIn("transfer-encoding", response.http)
        self.assertEqual(capture.responses("/encoded/gzip")[0].http["x-orig-content-encoding"], ["gzip"])
        self.assertEqual(capture.responses("/encoded/chunked")[0].http["x-orig-transfer-encoding"], ["chunked"])

    def test_media_come_as_ranges(self):
        capture = self.of("media", "complete")
        clip = capture.responses("/clip.wav")[0]
        self.assertEqual((clip.status, clip.body), (206, capture_site.CLIP))

    def test_service_workers_are_passed_by_and_recorded(self):
        capture = self.of("worker", "complete")
        self.assertEqual(capture.body("/after-sw"), b"from the network")
        self.assertIn(b"addEventListener", capture.body("/sw.js"))
        self.assertEqual(len(capture.responses("/img/3/33/33")), 1)

    def test_messages_on_web_sockets_are_recorded(self):
        capture = self.of("socket", "complete")
        frames = capture.facts("/ws")[0]["frames"]
        import base64
        said = [(f["sent"], f["opcode"], base64.b64decode(f["payloadBase64"])) for f in frames if f["opcode"] > 0]
        text, data = "hello 你好".encode(), bytes([0, 1, 254, 255])
        self.assertEqual(sorted(said), sorted([(True, 1, text), (True, 2, data), (False, 1, text), (False, 2, data)]))

    def test_a_stream_of_events_is_cut_and_kept(self):
        capture = self.of("events", "incomplete")
        self.assertIn(b"data: event 1\n", capture.body("/stream"))
        self.assertEqual(capture.gaps("/stream")[0]["state"], "cut_time")

    def test_a_download_is_recorded_and_lands_nowhere(self):
        capture = self.of("download", "complete", "download")
        self.assertEqual(capture.body("/file.zip"), b"PK-not-really" * 20)
        self.assertIn("合同.zip", " ".join(capture.did("download")))

    def test_an_error_page_is_a_page(self):
        capture = self.of("missing", "complete")
        self.assertEqual(capture.said["status"], 404)
        self.assertIn("没有这个页面", capture.members["evidence/dom.html"].decode())

    def test_a_request_without_an_answer_is_a_gap(self):
        capture = self.of("hanging", "incomplete", "load_limit")
        self.assertEqual(capture.gaps("/hang")[0]["state"], "unfinished")
        self.assertIn("evidence/page.pdf", capture.members)

    def test_names_and_addresses_beyond_ascii(self):
        capture = self.of("chinese", "complete")
        self.assertTrue(capture.said["url"].startswith("http://xn--fsqu00a.test:"), capture.said)
        self.assertTrue(capture.said["url"].endswith("?" + urllib.parse.quote("查询=值", safe="=")))
        self.assertIn(capture_site.CJK.encode(), capture.records[1].block)
        self.assertEqual(capture.said["title"], "中文地址")

    def test_a_phone_is_told_apart(self):
        capture = self.of("phone", "complete")
        self.assertRegex(capture.members["evidence/dom.html"].decode(),
                         r"Android 10; K\) .* Chrome/\d+\.0\.0\.0 Mobile Safari/537\.36\|390\|3\|5")
        width, height, _ = png_rows(capture.members["evidence/screenshot-000.png"])
        self.assertEqual((width, height), (1170, 2532))
        asked = [r for r in capture.records if r.kind == "request"][0]
        self.assertIn("Mobile Safari", asked.http["user-agent"][0])

    def test_a_title_with_half_a_character_does_no_harm(self):
        capture = self.of("dynamic", "complete")
        self.assertEqual(capture.said["title"], "half \ufffd")
        self.assertIn("late 后来", capture.members["evidence/dom.html"].decode())

    def test_tls_is_recorded_with_its_certificates(self):
        capture = self.of("secure", "complete")
        facts = capture.facts("/style.css")[0]
        self.assertEqual(facts["security"]["subjectName"], "shop.test")
        self.assertEqual(facts["security"]["issuer"], "Test Authority")
        chain = json.loads(capture.members["evidence/certificates.json"])["origins"][0]
        self.assertEqual(chain["origin"], self.site.https("").rstrip("/"))
        self.assertEqual(len(chain["chain"]), 2)

    # ---- What hostile ones may.

    def test_bodies_without_end_are_cut(self):
        capture = self.of("endless", "incomplete", "failed")
        self.assertEqual(capture.gaps("/endless")[0]["state"], "cut_time")
        capture = self.of("bomb", "incomplete")
        self.assertEqual(capture.gaps("/bomb")[0]["state"], "cut_time")
        self.assertIn("memory", capture.gaps("/bomb")[0]["reason"])
        capture = self.of("big", "incomplete")
        self.assertEqual(capture.gaps("/big/3000000")[0]["state"], "cut_length")
        self.assertEqual(capture.records[1].headers["WARC-Truncated"], "length")

    def test_too_many_requests_windows_and_files_end_a_capture(self):
        capture = self.of("many", "partial", "exchange_limit")
        self.assertEqual(capture.report["counts"]["exchanges"], 500)
        self.of("workers", "partial", "target_limit")
        self.of("disk", "partial", "disk_limit")

    def test_dialogs_without_end(self):
        capture = self.of("alerts", "partial", "dialog_limit")
        self.assertEqual(len(capture.did("dialog")), 20)
        self.assertEqual(capture.did("dialog")[0], "alert: again 0")
        capture = self.of("timers", "partial", "dialog_limit")
        self.assertIn("evidence/screenshot-000.png", capture.members)

    def test_scripts_without_end(self):
        capture = self.of("spin", "incomplete", "load_limit")
        self.assertIn("evidence/screenshot-000.png", capture.members)
        capture = self.of("spin_later", "partial", "hung")
        self.assertIn("evidence/screenshot-000.png", capture.members)

    def test_pages_that_lead_in_a_circle(self):
        capture = self.of("loop", "partial", "navigation_limit")
        self.assertEqual(len(capture.responses("/loop/19")), 1)
        capture = self.of("circle", "incomplete", "failed")
        self.assertEqual(capture.said["failure"], "net::ERR_TOO_MANY_REDIRECTS")

    def test_files_of_the_machine_are_not_reached(self):
        capture = self.of("to_file", "incomplete", "failed")
        self.assertEqual(capture.said["failure"], "net::ERR_UNSAFE_REDIRECT")
        self.of("file_links", "complete")

    def test_the_machines_own_network_is_not_reached(self):
        begin = len(self.site.seen)
        capture = self.of("local", "incomplete", "failed")
        self.assertEqual(capture.said["status"], 0)
        self.assertTrue(capture.remarks("refused_address"))
        capture = self.of("to_local", "incomplete", "failed")
        self.assertEqual(capture.responses("/to-local")[0].status, 302)
        self.assertTrue(capture.remarks("refused_url"))
        capture = self.of("to_inner", "incomplete", "failed")
        self.assertTrue(capture.remarks("refused_address"))
        capture = self.of("local_links", "complete")
        self.assertEqual({r.url for r in capture.records if r.kind == "response" and "secret" in r.url}, set())
        sockets = capture.gaps("/ws")
        self.assertEqual([g["state"] for g in sockets], ["failed", "failed"])
        self.assertEqual(len(self.site.seen), begin)

    def test_a_page_whose_process_dies(self):
        capture = self.of("crash", "partial", "crashed")
        self.assertIn(b"crash", capture.body("/crash"))

    def test_a_certificate_that_nobody_vouches_for_is_not_accepted(self):
        capture = self.of("untrusted", "incomplete", "failed")
        self.assertEqual(capture.said["failure"], "net::ERR_CERT_AUTHORITY_INVALID")
        self.assertEqual([r for r in capture.records if r.kind == "response"], [])

    def test_a_way_from_https_to_http_is_told(self):
        capture = self.of("downgrade", "complete")
        self.assertEqual(len(capture.remarks("downgrade")), 1)

    def test_a_page_behind_a_password(self):
        capture = self.of("private", "incomplete", "failed")
        self.assertEqual(capture.said["status"], 401)
        self.assertTrue(capture.remarks("auth_required"))

    def test_an_address_of_20000_characters(self):
        capture = self.of("long", "complete")
        self.assertEqual(capture.report["counts"]["exchanges"], 3)

    def test_time_ends_a_capture_and_checkpoints_are_bound_in_meanwhile(self):
        capture = self.of("slow", "partial", "time_limit")
        self.assertGreaterEqual(len(capture.did("checkpoint")), 3)
        self.assertLess(self.took["slow"], 30)

    def test_an_interrupt_leaves_what_there_is(self):
        command = self.command("interrupted", self.site.http("/hanging"), "local")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment()) as probe:
            for line in probe.stderr:
                if " loaded" in line or " navigated" in line:
                    time.sleep(1)
                    break
            probe.send_signal(signal.SIGINT)
            said = json.loads(probe.communicate(timeout=60)[0])
        self.assertEqual((said["check"], said["stopped"], said["outcome"]), ("ok", "interrupted", "partial"))
        capture = Capture(self.work / "interrupted.wacz", said)
        self.assertIn("one image never comes", capture.body("/hanging").decode())

    def test_a_program_that_is_no_browser_and_an_address_that_is_none(self):
        for url, error in (("file:///etc/passwd", "usage"), ("http://", "usage"), ("http://127.0.0.1:1/", "usage")):
            done = subprocess.run([str(PROBE), str(self.work / "none.wacz"), url], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, json.loads(done.stdout)["error"]), (1, error))
        done = subprocess.run([str(PROBE), str(self.work / "none.wacz"), self.site.http("/")], capture_output=True, text=True,
                              timeout=60, env={**self.environment(), "PATH": str(self.work)})
        self.assertEqual((done.returncode, json.loads(done.stdout)["error"]), (1, "not_found"))
        self.assertEqual(list(self.work.glob("none*")), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
