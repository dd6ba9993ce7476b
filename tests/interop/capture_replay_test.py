#!/usr/bin/python3
"""What `cunzheng capture` makes of real pages, against independent programs: a reader of our own in Python agrees on all
digests, Python's warcio and wacz find it valid, and ReplayWeb.page shows what the capture's own screenshot shows.

`cunzheng` and `cunzhengd` are on PATH.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import peers  # noqa: E402
import wacz_reader  # noqa: E402
from browser import decode_png, difference  # noqa: E402
from capture_site import CJK, SHOP, Site  # noqa: E402
from cli_test import PASSPHRASE, Node  # noqa: E402
from replay import DIFFERENCE_MAX, replay  # noqa: E402

# Page, what its frames must show in the replay, what a script finds there, and which result that must have.
PAGES = [
    ("/", [CJK, "由脚本写入"], "document.querySelector('img').naturalWidth", 40),
    ("/frames", ["frames", f"inner {SHOP}", "inner other.test"], "document.querySelectorAll('iframe').length", 3),
    ("/encodings", [""], "[window.gzip, window.deflate, window.chunked, window.none].join()",
     "gzip 压缩,deflate 压缩,chunked 压缩,none 压缩"),
    ("/redirect/2", ["hop2=2; hop1=1; hop0=0"], "location.pathname.endsWith('/cookies')", True),
]


class Capturing:
    """A node, an account, and captures deposited with them."""

    def __init__(self, work):
        self.work = work
        self.env = dict(os.environ, HOME=str(work), CUNZHENG_PASSPHRASE=PASSPHRASE, LC_ALL="C.UTF-8")
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            self.env.pop(name, None)
        self.node = Node(work / "node", "replay.test/ledger")
        self.run("keygen", "--out", work / "key")
        self.node.run("account", "add", "--account-key", f"{work / 'key'}.pub", "--name", "Replay")

    def __enter__(self):
        self.node.start()
        return self

    def __exit__(self, *_):
        self.node.stop()

    def run(self, *args):
        done = subprocess.run(["cunzheng", *map(str, args)], capture_output=True, text=True, timeout=120, env=self.env)
        assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stdout}{done.stderr}"

    def capture(self, url, site):
        """The WACZ of a capture."""
        package = self.work / "capture.evidence.zip"
        package.unlink(missing_ok=True)
        arguments = [word for one in site.browser_arguments() for word in ("--browser-argument", one)]
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.run("capture", "--node", self.node.url, "--key", self.work / "key", "--allow-local", "--quiet", "500",
                 *sandbox, *arguments, "--out", package, url)
        path = self.work / "capture.wacz"
        with zipfile.ZipFile(package) as archive:
            path.write_bytes(archive.read("capture.wacz"))
        return path


def main():
    skipped = []
    bin_folder = peers.get(peers.python_peers, skipped)
    player = peers.get(peers.replay_page, skipped)
    with tempfile.TemporaryDirectory(prefix="cunzheng-replay-") as folder, Capturing(pathlib.Path(folder)) as capturing:
        for path, texts, script, expected in PAGES:
            with Site() as site:
                url = site.http(path)
                wacz = capturing.capture(url, site)
            # The site is gone from here on.
            records, lines = wacz_reader.check(wacz)
            print(f"{path}: an independent reader agrees on {records} records and {lines} index lines")
            if bin_folder:
                assert peers.find_valid(bin_folder, wacz) == (True, True), path
            if not player:
                continue
            tile = wacz_reader.members(wacz)["evidence/screenshot-000.png"]
            width, height, _ = decode_png(tile)
            shown = replay(player, wacz, url, (width, height), texts, script)
            assert shown.signature_valid, path
            assert shown.value == expected, f"{path}: the replay has {shown.value!r}, expected {expected!r}"
            unlike = difference(tile, shown.picture)
            assert unlike <= DIFFERENCE_MAX, f"{path}: the replay differs by {unlike:.2f} of 255, more than {DIFFERENCE_MAX}"
            print(f"{path}: the replay differs from the capture's screenshot by {unlike:.2f} of 255")
    peers.end(skipped)
    print("passed")


if __name__ == "__main__":
    main()
