"""A WACZ in ReplayWeb.page, in headless Chromium, served from 127.0.0.1 and from nowhere else."""

import functools
import http.server
import pathlib
import sys
import tempfile
import threading

from browser import Browser

# Of 255, between the picture of a page and that of its replay (browser.difference): 0 where nothing is missing, 5 and more
# without a page's image or the colour of its frame, as wacz_test.py tries.
DIFFERENCE_MAX = 2.0

# The player keeps what it found in a database of its own.
SIGNATURE_FOUND = """indexedDB.databases()
  .then(all => all.find(d => d.name.startsWith("db:")).name)
  .then(name => new Promise(done => { indexedDB.open(name).onsuccess = e => done(e.target.result) }))
  .then(db => new Promise(done => {
    db.transaction("verification").objectStore("verification").get("signature").onsuccess = e => done(e.target.result) }))
  .then(found => found.matched ? "valid" : "invalid")"""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A browser may well hang up early.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class serve:
    """A server on 127.0.0.1 as a context manager that gives its port."""

    def __init__(self, handler):
        self.server = Server(("127.0.0.1", 0), handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_port

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Folder(http.server.SimpleHTTPRequestHandler):
    """Files, and parts of them, which the player asks for."""

    def do_GET(self):
        asked = self.headers.get("Range", "")
        if not asked.startswith("bytes="):
            return super().do_GET()
        data = pathlib.Path(self.translate_path(self.path)).read_bytes()
        first, last = asked[6:].split("-")
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last) + 1 if first and last else len(data), len(data))
        self.send_response(206)
        self.send_header("Content-Type", "application/wacz")
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.wfile.write(data[start:end])

    def log_message(self, *_):
        pass


class Shown:
    """What the player showed of one page."""

    def __init__(self, picture, signature_valid, value):
        self.picture, self.signature_valid, self.value = picture, signature_valid, value


def replay(player, wacz, page, size, texts, script="1"):
    """Opens `page` of a WACZ in a view of that size and waits until its frames show each of `texts`, the first of them in
    the page itself, where `script` is then evaluated. `player`: peers.replay_page()."""
    with tempfile.TemporaryDirectory(prefix="cunzheng-replay-") as folder:
        served = pathlib.Path(folder)
        (served / "replay").mkdir()
        for name in ("ui.js", "sw.js"):
            (served / "replay" / name).write_bytes((player / name).read_bytes())
        # Until the service worker runs the server is asked for the player's own page.
        (served / "replay" / "index.html").write_text(
            "<!doctype html><script src=./ui.js></script><replay-app-main></replay-app-main>")
        (served / "it.wacz").write_bytes(wacz.read_bytes())
        (served / "index.html").write_text(
            "<!doctype html><style>html,body{margin:0;height:100%;overflow:hidden}</style>"
            "<script src=/replay/ui.js></script>"
            f"<replay-web-page source=/it.wacz url='{page}' replayBase=/replay/ embed=replayonly"
            " style=height:100%></replay-web-page>")
        with serve(functools.partial(Folder, directory=served)) as port, Browser(*size) as browser:
            browser.go(f"http://127.0.0.1:{port}/index.html")
            replayed = f"http://127.0.0.1:{port}/replay/w/"
            address = browser.wait_for_text(texts[0], 60, replayed)
            for text in texts[1:]:
                browser.wait_for_text(text, 30, replayed)
            found = browser.in_frame(f"http://127.0.0.1:{port}/replay/?source", SIGNATURE_FOUND)
            return Shown(browser.screenshot(), found == "valid", browser.in_frame(address, script))
