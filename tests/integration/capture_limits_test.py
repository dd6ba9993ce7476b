#!/usr/bin/env python3
"""The limits of a capture, each reached: requests, windows, memory, disk, time, heights, bodies, the machine's own network.

Pages of capture_site.py are captured by capture_probe, which takes limits that the command line has no options for, two
at a time; what is in the WACZ is read with the standard library alone. Pages as such are capture_browser_test.py's affair.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
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


class LimitsTest(unittest.TestCase):
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
            "moving": (site.http("/moving"), "local", "record=12000"),
            "forever": (site.http("/infinite/100000"), "local", "height=6000"),
            "inside": (site.http("/app"), "local", "height=6000"),
            "player": (site.http("/player/star+refused+login+broken+moved+saved+halves"), "local"),
            "refetch_endless": (site.http("/slicer/endless+silent"), "local", "body=2500", "refetch=7000"),
            "refetch_inner": (site.http("/slicer/inner+star+refused"), *public, "refetches=2"),
            "sound": (site.http("/clip.wav"), "local"),
            "dynamic": (site.http("/dynamic"), "local"),
            "download": (site.http("/file.zip"), "local"),
            "bomb": (site.http("/bombs"), "local", *SHORT, "body=40000", "load=40000", "memory=1000"),
            "big": (site.http("/bigs/3000000"), "local", "body_kib=1000"),
            "many": (site.http("/many/2000"), "local", "exchanges=300", *SHORT, "load=30000"),
            "timers": (site.http("/timer-alerts"), "local", *SHORT, "load=30000"),
            "spin": (site.http("/spin"), "local", *SHORT),
            "spin_later": (site.http("/spin-later"), "local", *SHORT),
            "workers": (site.http("/workers"), "local", "targets=20", *SHORT),
            "disk": (site.https("/disk"), "local", "profile=30", "quiet=2000", *SHORT),
            "local": (site.http("/"), *SHORT),
            "to_local": (site.http("/to-local"), *public, *SHORT),
            "to_inner": (site.http("/to-inner"), *public, *SHORT),
            "local_links": (site.http("/local-links"), *public, *SHORT),
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

    def test_bodies_meet_limits_of_length_and_memory(self):
        capture = self.of("bomb", "incomplete")
        self.assertEqual(capture.gaps("/bomb")[0]["state"], "cut_time")
        self.assertIn("memory", capture.gaps("/bomb")[0]["reason"])
        capture = self.of("big", "incomplete")
        gap = capture.gaps("/big/3000000")[0]
        self.assertEqual((gap["state"], gap["bytes_kept"]), ("cut_length", 0))
        self.assertEqual(capture.responses("/big/3000000")[0].headers["WARC-Truncated"], "length")

    def test_a_page_without_end_is_pictured_up_to_a_height(self):
        capture = self.of("forever", "incomplete", "height_limit")
        self.assertEqual(len([m for m in capture.members if m.startswith("evidence/screenshot-")]), 3)

    def test_an_element_without_end_is_scrolled_up_to_a_height(self):
        capture = self.of("inside", "incomplete", "height_limit")
        self.assertEqual(capture.did("height_limit"), ["main#list: 12500"])
        self.assertEqual([r.status for r in capture.responses("/img/2/62/20")], [200])
        self.assertEqual(capture.responses("/batch/9"), [])
        self.assertEqual(len(capture.did("scrolled_inside")), 2)

    def test_what_a_page_shows_over_time_is_recorded_in_a_chain(self):
        capture = self.of("moving", "complete")
        names = sorted(m for m in capture.members if m.startswith("evidence/recording-"))
        self.assertEqual(names, [f"evidence/recording-00{i}.{e}" for i in (0, 1) for e in ("avi", "jsonl")])
        before, frames, times = "0" * 64, [], []
        for film, index in (names[:2], names[2:]):
            head, *lines = [json.loads(line) for line in capture.members[index].splitlines()]
            self.assertEqual(head["previous"], before)
            before = hashlib.sha256(capture.members[index]).hexdigest()
            shown = self.played(capture.members[film])
            self.assertIn(before, " ".join(capture.did("segment")))
            self.assertEqual(len(shown), len(lines))
            due = 0
            for (slot, frame), line in zip(shown.items(), lines):
                self.assertEqual(hashlib.sha256(frame).hexdigest(), line["sha256"])
                # Players show it when it was seen, or after the one before.
                due = max(due, (line["time_unix_us"] - lines[0]["time_unix_us"]) // 40_000)
                self.assertEqual(slot, due, line)
                due += 1
                self.assertEqual((frame[:3], frame[-2:]), (b"\xff\xd8\xff", b"\xff\xd9"))
                frames.append(frame)
                times.append(line["time_unix_us"])
        self.assertGreater(len(set(frames)), 20)
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[-1] - times[0], 9_000_000)

    def played(self, film):
        """What a player shows of a film: {number of the frame, 25 a second: picture}."""
        path = self.work / "film.avi"
        path.write_bytes(film)
        probe = ["ffprobe", "-v", "error", "-of", "json", "-show_entries"]
        stream, = json.loads(subprocess.check_output([*probe, "stream=codec_name,r_frame_rate,width,height", path]))["streams"]
        self.assertEqual((stream["codec_name"], stream["r_frame_rate"]), ("mjpeg", "25/1"))
        self.assertGreater(min(stream["width"], stream["height"]), 100)
        decoded = subprocess.run(["ffmpeg", "-v", "warning", "-i", path, "-f", "null", "-"], capture_output=True, text=True)
        self.assertEqual((decoded.returncode, decoded.stderr), (0, ""))
        packets = json.loads(subprocess.check_output([*probe, "packet=pts,pos,size", path]))["packets"]
        return {p["pts"]: film[int(p["pos"]):][:int(p["size"])] for p in packets}

    def second(self, capture, path):
        """The second fetch of an address, the last of its redirects: what metadata says, and its response, if any."""
        first = min(f["number"] for f in capture.facts(path))
        found = [(json.loads(r.block), r) for r in capture.records if r.kind == "metadata"]
        facts, record = [(f, r) for f, r in found if f.get("secondFetchOf") == first][-1]
        by_id = {r.headers["WARC-Record-ID"]: r for r in capture.records}
        return facts, by_id.get(record.headers.get("WARC-Concurrent-To"))

    def remark_of(self, capture, path):
        found = [r for r in capture.remarks("range") if r.endswith(path)]
        self.assertEqual(len(found), 1, capture.remarks("range"))
        return found[0]

    def test_what_came_in_ranges_is_fetched_once_more_and_whole(self):
        capture = self.of("player", "complete")
        for path, whole in (("/slices/film.wav", capture_site.FILM), ("/slices/star", capture_site.CLIP),
                            ("/slices/moved", capture_site.CLIP), ("/slices/saved", capture_site.CLIP)):
            parts = [r for r in capture.responses(path) if r.status == 206]
            self.assertTrue(parts, path)
            facts, response = self.second(capture, path)
            self.assertEqual((response.status, response.body), (200, whole), path)
            # It is a request like any other, by the page's own referrer, and nobody takes it for one of the page's.
            self.assertEqual(facts["remoteIPAddress"], "127.0.0.1")
            request = [r for r in capture.records if r.kind == "request" and
                       r.headers["WARC-Concurrent-To"] == response.headers["WARC-Record-ID"]][0]
            self.assertNotIn("range", request.http)
            self.assertEqual(request.http["referer"], [capture.said["url"]])
            self.assertRegex(self.remark_of(capture, path), r"^bytes \d+-\d+/(\d+|\*); a second fetch \(exchange \d+\) brought: all of it; ")
        self.assertLess(sum(len(r.body) for r in capture.responses("/slices/film.wav") if r.status == 206),
                        len(capture_site.FILM) // 2)
        for path, why in (("/slices/refused", "status 403"), ("/slices/broken", "net::ERR_EMPTY_RESPONSE"),
                          ("/slices/login", f"bytes where the ranges are of {len(capture_site.CLIP)}")):
            self.assertIn(why, self.remark_of(capture, path))
        # What ranges cover is not fetched again; nor is anything that a second fetch's own page asks for.
        self.assertEqual([r.status for r in capture.responses("/slices/halves")], [206, 206])
        self.assertFalse([r for r in capture.remarks("range") if "halves" in r])
        seen = [path for host, path in self.site.seen if path in ("/n/login", "/n/gone", "/img/1/51/51", "/inner?from=login")]
        self.assertEqual(seen, [])
        self.assertFalse([r for r in capture.records if r.url.endswith(("/n/gone", "/img/1/51/51", "/inner?from=login"))])
        self.assertEqual(len(capture.did("refetch")), 7)
        self.assertEqual(len(capture.did("refetched")), 7)
        # The page's own state is as if nothing had been fetched.
        self.assertEqual(capture.said["final_url"], capture.said["url"])
        self.assertEqual((len(capture.did("navigated")), len(capture.did("loaded")), capture.did("download")), (1, 1, []))
        pages = [json.loads(line)["url"] for line in capture.members["pages/pages.jsonl"].splitlines()[1:]]
        self.assertEqual(pages, [capture.said["url"]])

    def test_second_fetches_without_end_meet_their_limits(self):
        capture = self.of("refetch_endless", "incomplete")
        gap = [g for g in capture.gaps("/slices/endless") if g["status"] == 200][0]
        self.assertEqual(gap["state"], "cut_time")
        self.assertTrue(gap["reason"].startswith("second fetch of exchange "), gap)
        self.assertIn("/slices/silent", " ".join(capture.remarks("refetch_limit")))
        self.assertIn("no response in time", self.remark_of(capture, "/slices/silent"))
        self.assertEqual(capture.report["limits_hit"], ["body_within_ms", "refetch_limit"])

    def test_second_fetches_are_few_and_do_not_reach_the_machines_own_network(self):
        capture = self.of("refetch_inner", "incomplete")
        facts, response = self.second(capture, "/slices/inner")
        self.assertTrue(facts["failure"])
        self.assertIsNone(response)
        self.assertTrue(capture.remarks("refused_address"))
        self.assertEqual(len(capture.did("refetch")), 2)
        self.assertEqual(len(capture.remarks("refetch_limit")), 1)
        self.assertEqual(len([r for r in capture.remarks("range") if "not fetched again" in r]), 1)

    def test_an_address_that_is_a_sound_is_a_page_too(self):
        capture = self.of("sound", "complete")
        self.assertEqual([r.status for r in capture.responses("/clip.wav")], [200, 206])
        self.assertEqual(capture.body("/clip.wav"), capture_site.CLIP)
        self.assertEqual(capture.did("refetch"), [])

    def test_a_download_for_a_page_is_recorded_and_lands_nowhere(self):
        capture = self.of("download", "complete", "download")
        self.assertEqual(capture.body("/file.zip"), b"PK-not-really" * 20)
        self.assertIn("合同.zip", " ".join(capture.did("download")))

    def test_pages_that_hang_are_pictured_once_their_scripts_are_ended(self):
        for name, outcome, stopped in (("spin", "incomplete", "load_limit"), ("spin_later", "partial", "hung"),
                                       ("timers", "partial", "dialog_limit")):
            self.assertIn("evidence/screenshot-000.png", self.of(name, outcome, stopped).members, name)

    def test_a_title_with_half_a_character_does_no_harm(self):
        capture = self.of("dynamic", "complete")
        self.assertEqual(capture.said["title"], "half \ufffd")
        self.assertIn("late 后来", capture.members["evidence/dom.html"].decode())

    def test_too_many_requests_windows_and_files_end_a_capture(self):
        capture = self.of("many", "partial", "exchange_limit")
        self.assertEqual(capture.report["counts"]["exchanges"], 300)
        self.of("workers", "partial", "target_limit")
        self.of("disk", "partial", "disk_limit")

    def test_the_machines_own_network_is_not_reached(self):
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
        # What is refused by name was never asked for.
        inner = str(self.site.servers[3].server_port)
        asked = [host for host, _ in self.site.seen if host.endswith(":" + inner)]
        self.assertEqual(set(asked), {"inner.test:" + inner})

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
