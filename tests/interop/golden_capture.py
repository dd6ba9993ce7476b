#!/usr/bin/env python3
"""Makes the golden captures of a release: a package with a film, two disclosures of it, a watched page with its history.

    golden_capture.py OUT     needs root, and the programs of build/dev on PATH

A capture describes the machine that it was made on. This one is made in namespaces of its own, where there is no other
process, no network but loopback, and none of the machine's settings: a package that stands in a public repository for
ever tells nothing of where it came from. Look at cleanliness.json before it is committed all the same.
"""

import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "integration"))
from cli_test import PASSPHRASE, Node  # noqa: E402

EMPTY = ["/etc/chromium.d", "/etc/chromium", "/usr/local/share/ca-certificates", "/sys/devices/virtual/dmi", "/run/user"]
FILES = {"/etc/hosts": "127.0.0.1 localhost\n", "/etc/resolv.conf": "", "/etc/hostname": "golden\n",
         "/proc/sys/kernel/osrelease": "golden\n"}
FILM = b"<!doctype html><title>film</title><h1 id=n>0</h1><img src=/p.svg><script>setInterval(() => ++n.textContent, 200)</script>"
LOOKS = [f"<!doctype html><meta charset=utf-8><title>商品</title><h1>Price ¥{price}</h1><img src=/p.svg>".encode() for price in (199, 99)]


def alone():
    """This very script again, where it is alone."""
    os.execvpe("unshare", ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--mount-proc", sys.executable,
                           __file__, *sys.argv[1:], "alone"],
               {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/root", "CUNZHENG_PASSPHRASE": PASSPHRASE})


def hide():
    subprocess.run(["hostname", "golden"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for folder in filter(os.path.isdir, EMPTY):
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    if os.path.isdir("/etc/chromium.d"):
        pathlib.Path("/etc/chromium.d/none").touch()  # Debian's script reads at least one
    for path, text in FILES.items():
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(text)
        subprocess.run(["mount", "--bind", file.name, path], check=True)


class Shop(http.server.BaseHTTPRequestHandler):
    look = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        body, kind = FILM if self.path == "/film" else LOOKS[self.look], "text/html"
        if self.path == "/p.svg":
            body, kind = b"<svg xmlns='http://www.w3.org/2000/svg' width='60' height='40'><rect width='60' height='40'/></svg>", "image/svg+xml"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=private")
        self.end_headers()
        self.wfile.write(body)


def make(out):
    work = pathlib.Path(tempfile.mkdtemp(prefix="golden-"))
    node, key = Node(work / "node", "golden.example.org/ledger"), work / "key"
    subprocess.run(["cunzheng", "keygen", "--out", key], check=True)
    node.run("account", "add", "--account-key", f"{key}.pub", "--name", "某公司")
    node.start()
    shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{shop.server_address[1]}/"

    def capture(page, *more):
        return subprocess.Popen(["cunzheng", "capture", "--node", node.url, "--key", key, "--ask-nobody", "--allow-local", "--no-sandbox",
                                 "--browser-argument=--window-size=600,400", url + page, *map(str, more)], cwd=out)

    def done(command):
        assert command.wait(120) == 0, command.args

    package = out / "film.evidence.zip"
    done(capture("film", "--record", 2, "--out", package))
    for name, part in (("page", "dom.html"), ("picture", url + "p.svg")):
        done(subprocess.Popen(["cunzheng", "disclose", package, "--only", part, "--out", out / f"{name}.disclosure.zip"]))
    watch = capture("", "--watch", 8, "--looks", 3, "--out", out / "watch")
    while not list((out / "watch").glob("*.evidence.zip")):
        assert watch.poll() is None
        threading.Event().wait(0.1)
    Shop.look = 1
    done(watch)
    shutil.copy(node.trust, out / "trust.json")
    node.stop()
    shutil.rmtree(work)


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    if sys.argv[2:] != ["alone"]:
        return alone()
    hide()
    out.mkdir()
    (out / "watch").mkdir()
    make(out)


if __name__ == "__main__":
    main()
