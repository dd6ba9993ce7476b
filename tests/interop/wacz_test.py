#!/usr/bin/python3
"""WACZ files as the project makes them, against independent readers, validators and a player.

    wacz_test.py WACZ_MAKER

A small site is fetched, photographed in Chromium and written into a WACZ. Then: a reader of our own in Python agrees on all
of it; Python's warcio and wacz find it valid, and find valid what our check refuses; keys of the index are Python's surt's;
ReplayWeb.page, with the site gone, shows what the site showed.
"""

import base64
import http.client
import http.server
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zlib

import peers
import wacz_reader
from browser import Browser, difference
from replay import DIFFERENCE_MAX, replay, serve
from wacz_reader import ARCHIVE, DIGEST, INDEX, PACKAGE, PAGES

WIDTH, HEIGHT = 800, 600
TEXT = "存证 of a page, 证据 in a frame"


def picture():
    """A PNG of 64 by 64 pixels, half red, half blue."""
    rows = b"".join(b"\0" + (b"\xff\0\0" if y < 32 else b"\0\0\xff") * 64 for y in range(64))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


SITE = {
    "/page?q=1&a=2": ("text/html; charset=utf-8", """<!doctype html><title>A page</title><link rel=stylesheet href=/style.css>
<h1>证据 and evidence</h1><img src=/moved.png><p id=loaded></p><iframe src=/frame></iframe>
<script src=/script.js></script>""".encode()),
    "/style.css": ("text/css", b"body{background:#123456;color:#fff;margin:20px}img{width:400px;height:200px}"
                               b"iframe{width:300px;height:80px;background:#fc0}"),
    "/picture.png": ("image/png", picture()),
    "/script.js": ("text/javascript", b"fetch('/data.json').then(r => r.json()).then(d => {"
                                      b"document.getElementById('loaded').innerText = d.text})"),
    "/data.json": ("application/json", json.dumps({"text": TEXT}).encode()),
    "/frame": ("text/html", b"<p>the frame</p>"),
    "/moved.png": ("redirect", b"/picture.png"),
    "/favicon.ico": ("image/png", picture()),
}


class Site(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        kind, body = SITE.get(self.path, ("none", b"nothing here"))
        self.send_response({"redirect": 302, "none": 404}.get(kind, 200))
        if kind == "redirect":
            self.send_header("Location", body.decode())
            body = b""
        else:
            self.send_header("Content-Type", "text/plain" if kind == "none" else kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    head = [f"HTTP/1.1 {answer.status} {answer.reason}"] + [f"{name}: {value}" for name, value in answer.getheaders()]
    return {"method": "GET", "url": f"http://127.0.0.1:{port}{path}", "body": base64.b64encode(body).decode(),
            "request": f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}", "response": "\r\n".join(head)}


ATTACHMENTS = {
    "page.pdf": b"%PDF-1.4\n", "page.mhtml": b"MIME-Version: 1.0\r\n\r\n", "dom.html": "<p>存证".encode(),
    "completeness.json": b'{"bodies_missed":[],"exchanges":8}', "cleanliness.json": b'{"items":[{"name":"hosts","ok":true}]}',
    "operations.jsonl": b'{"type":"log"}\n{"step":"begin","more":1}\n', "certificates.json": b"{}",
    "report.html": b"<p>report",
}


class Test:
    def __init__(self, maker, work):
        self.maker, self.work, self.skipped = maker, work, []

    def make(self, name, exchanges, page, shot):
        path = self.work / name
        spec = {"title": "存证 test", "software": "cunzheng/test", "time_unix_us": 1_763_718_323_123_456,
                "pages": [{"url": page, "title": "A page"}], "exchanges": exchanges,
                "tiles": [base64.b64encode(shot).decode()],
                "attachments": {name: base64.b64encode(data).decode() for name, data in ATTACHMENTS.items()}}
        done = subprocess.run([self.maker, "make", path], input=json.dumps(spec), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        return path

    def our_check(self, path):
        """None, or our check's error."""
        done = subprocess.run([self.maker, "check", path], capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1), done.stderr
        return None if done.returncode == 0 else done.stdout.strip()

    def tampered(self, whole):
        """(what, file, the start of our error): sealed and packed again, so that nothing but its contents is wrong."""
        def changed(change):
            parts = wacz_reader.members(whole)
            change(parts)
            return parts

        def index(change):
            def edit(parts):
                lines = change(parts[INDEX].decode().splitlines())
                parts[INDEX] = "".join(line + "\n" for line in lines).encode()
            return changed(edit)

        def without_digests(parts):
            parts[ARCHIVE] = b"".join(
                wacz_reader.encode_record([h for h in headers if not h[0].endswith("-Digest")], block)
                for _, _, headers, block in wacz_reader.records(parts[ARCHIVE]))

        def unlinked(parts):
            nobody = "<urn:uuid:00000000-0000-0000-0000-000000000000>"
            parts[ARCHIVE] = b"".join(
                wacz_reader.encode_record([(n, nobody if n == "WARC-Concurrent-To" else v) for n, v in headers], block)
                for _, _, headers, block in wacz_reader.records(parts[ARCHIVE]))

        def shifted(line):
            key, time, fields = line.split(" ", 2)
            entry = json.loads(fields)
            entry["offset"] += 1
            return f"{key} {time} {json.dumps(entry, separators=(',', ':'))}"

        cases = [
            ("an archive that is missing", changed(lambda p: p.pop(ARCHIVE)), f"invalid_value: {ARCHIVE}: missing"),
            ("an index that is missing", changed(lambda p: p.pop(INDEX)), f"invalid_value: {INDEX}: missing"),
            ("an empty index", index(lambda lines: []), f"invalid_value: {INDEX}: has no line for the response at"),
            ("a response without a line", index(lambda lines: lines[1:]),
             f"invalid_value: {INDEX}: has no line for the response at"),
            ("a wrong offset", index(lambda lines: [shifted(line) for line in lines]),
             f"invalid_value: {INDEX}: line 1: offset: no response begins at"),
            ("an unsorted index", index(lambda lines: lines[::-1]), f"invalid_value: {INDEX}: "),
            ("records without digests", changed(without_digests), f"invalid_value: {ARCHIVE}: at 0: warc: WARC-Block-Digest: missing"),
            ("requests of no response", changed(unlinked),
             f"invalid_value: {ARCHIVE}: warc: WARC-Concurrent-To of the record at"),
            ("a page that was never fetched",
             changed(lambda p: p.update({PAGES: p[PAGES].replace(b"/page?", b"/pagf?"),
                                         PACKAGE: p[PACKAGE].replace(b"/page?", b"/pagf?")})),
             f"invalid_value: {PAGES}: line 2: status: must be 0"),
        ]
        for what, parts, error in cases:
            path = self.work / "tampered.wacz"
            path.write_bytes(wacz_reader.pack(wacz_reader.seal(parts)))
            yield what, path, error

    def keys(self, bin_folder):
        """Our keys of addresses beside those of Python's surt, over the site's and a few thousand made-up ones."""
        seed = 20_251_121
        rng = random.Random(seed)
        hosts = ["example.org", "WWW.example.org", "www12.a.example.org", "www.", "wwwx.org", "127.0.0.1", "xn--fiqs8s.cn",
                 "a..b.org", ".b.", "u:p@h.org", "h.org:80", "h.org:443", "h.org:8080", "h.org:"]
        parts = ["a", "B", "%41", "%2541", "..", ".", "", "//", "%20", "~", "+", "&", "=", "?", "x=1", "y=", "%e5%ad%98",
                 ";", "@", ":", "%25", "%2", "%", "!", "\\", "|", "index.php"]
        urls = [f"http://127.0.0.1:8000{path}" for path in SITE]
        for _ in range(3_000):
            path = "".join(rng.choice(["/", ""]) + rng.choice(parts) for _ in range(rng.randrange(6)))
            path = "/" + path if path and path[0] not in "/?" else path
            query = "?" + "&".join(rng.choice(parts) for _ in range(rng.randrange(5))) if rng.random() < 0.5 else ""
            urls.append(f"{rng.choice(['http', 'https', 'HTTP'])}://{rng.choice(hosts)}{path}{query}")
        text = "".join(url + "\n" for url in urls)
        ours = subprocess.run([self.maker, "surt"], input=text, capture_output=True, text=True, check=True).stdout
        theirs = subprocess.run(
            [bin_folder / "python", "-c", "import sys, surt\nfor u in sys.stdin: print(surt.surt(u.rstrip('\\n')))"],
            input=text, capture_output=True, text=True, check=True).stdout
        for url, one, other in zip(urls, ours.splitlines(), theirs.splitlines(), strict=True):
            assert one == other, f"{url}: {one}, by surt {other} (seed {seed})"
        print(f"{len(urls)} keys are surt's")

    def replay(self, player, wacz, page):
        return replay(player, wacz, page, (WIDTH, HEIGHT), [TEXT, "the frame"])

    def run(self):
        with serve(Site) as port, Browser(WIDTH, HEIGHT) as browser:
            page = f"http://127.0.0.1:{port}/page?q=1&a=2"
            browser.go(page)
            browser.wait_for_text(TEXT, 30)
            browser.wait_for_text("the frame", 30)
            shot = browser.screenshot()
            exchanges = [fetch(port, path) for path in [*SITE, "/missing"]]
            asked = len(Site.asked)
        whole = self.make("whole.wacz", exchanges, page, shot)
        assert self.our_check(whole) is None, self.our_check(whole)
        count, lines = wacz_reader.check(whole)
        assert count == 1 + 2 * len(exchanges) and lines == len(exchanges)
        assert self.our_check_of_copy(whole) is None
        print(f"an independent reader agrees on {count} records and {lines} index lines")

        bin_folder = peers.get(peers.python_peers, self.skipped)
        if bin_folder:
            assert peers.find_valid(bin_folder, whole) == (True, True)
            self.keys(bin_folder)
        let_through = []
        for what, path, error in self.tampered(whole):
            found = self.our_check(path)
            assert found and found.startswith(error), f"{what}: {found}, expected {error}"
            if bin_folder and all(peers.find_valid(bin_folder, path)):
                let_through.append(what)
        if bin_folder:
            # They do find what they look for.
            parts = wacz_reader.members(whole)
            parts["evidence/dom.html"] = b"else"
            (self.work / "changed.wacz").write_bytes(wacz_reader.pack(parts))
            assert peers.find_valid(bin_folder, self.work / "changed.wacz") == (True, False)
            assert len(let_through) >= 6, let_through
            print(f"warcio and wacz let through, and we refuse: {', '.join(let_through)}")

        player = peers.get(peers.replay_page, self.skipped)
        if player:
            shown = self.replay(player, whole, page)
            assert shown.signature_valid, "ReplayWeb.page finds the signature invalid"
            replayed = difference(shot, shown.picture)
            assert replayed <= DIFFERENCE_MAX, f"the replay differs by {replayed:.2f} of 255, more than {DIFFERENCE_MAX}"
            print(f"the replay differs from the page by {replayed:.2f} of 255")
            # The measure sees what matters: the same without one part of the page.
            for missing in ("/picture.png", "/frame"):
                rest = [e for e in exchanges if not e["url"].endswith(missing)]
                if missing == "/frame":
                    rest.append(dict(exchanges[0], url=f"http://127.0.0.1:{port}/frame",
                                     body=base64.b64encode(b"<body style='background:#000'>the frame").decode()))
                less = difference(shot, self.replay(player, self.make("less.wacz", rest, page, shot), page).picture)
                assert less > DIFFERENCE_MAX, f"without {missing} the replay differs by {less:.2f} alone"
                print(f"without {missing} it would by {less:.2f}")
            # And it does look at the signature.
            parts, other = wacz_reader.members(whole), wacz_reader.seal(wacz_reader.members(whole))
            signed, strange = (json.loads(p[DIGEST])["signedData"]["signature"].encode() for p in (parts, other))
            parts[DIGEST] = parts[DIGEST].replace(signed, strange)
            forged = self.work / "forged.wacz"
            forged.write_bytes(wacz_reader.pack(parts))
            assert not self.replay(player, forged, page).signature_valid, "ReplayWeb.page finds a forged signature valid"
            assert self.our_check(forged).startswith("signature_invalid: datapackage-digest.json: ")
        assert len(Site.asked) == asked, "the site was asked during a replay"

    def our_check_of_copy(self, whole):
        """The packer of the reader in Python makes the same archive, byte for byte."""
        assert wacz_reader.pack(wacz_reader.members(whole)) == whole.read_bytes()
        path = self.work / "copy.wacz"
        path.write_bytes(wacz_reader.pack(wacz_reader.seal(wacz_reader.members(whole))))
        return self.our_check(path)


def main():
    with tempfile.TemporaryDirectory(prefix="cunzheng-wacz-") as folder:
        test = Test(sys.argv[1], pathlib.Path(folder))
        test.run()
    peers.end(test.skipped)
    print("passed")


if __name__ == "__main__":
    main()
