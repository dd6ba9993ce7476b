#!/usr/bin/env python3
"""Four members under real CometBFT, one of whom lies: it signs another root, replays an old checkpoint, forges lines; as
the node that a depositor talks to it alters the entry, gives another's receipt or a false tree. Each is caught by whom
specs/threat-model.md says. Then k-1 members forge together, and k, to show that the forgery itself was right."""

import http.server
import json
import pathlib
import re
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "specs/vectors"))
from cunzheng_py import crypto, note  # noqa: E402: the independent implementation makes the lies

from consortium import NODES, say, with_consortium  # noqa: E402

LIAR = 4


class Front:
    """Stands before a node's HTTP API and changes its answers: `lie(path, status, body)` gives them."""

    def __init__(self, to, port=0):
        self.lie = lambda path, status, body: (status, body)
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, data=None):
                headers = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "prefer", "accept")}
                try:
                    with urllib.request.urlopen(urllib.request.Request(to + self.path, data, headers), timeout=30) as got:
                        status, body, kind = got.status, got.read(), got.headers["Content-Type"]
                except urllib.error.HTTPError as error:
                    status, body, kind = error.code, error.read(), error.headers["Content-Type"]
                except OSError:
                    self.close_connection = True
                    return
                status, body = front.lie(self.path, status, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer()

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def signer(consortium, member):
    home = consortium.data / f"node{member}"
    text = (home / "keys/cosign.key").read_text()
    trust = json.loads(consortium.trust.read_text())
    name = trust["members"][member - 1]["id"]
    return note.Signer(name, note.COSIGN, crypto.open_key_file(text, consortium.env["CUNZHENG_PASSPHRASE"]))


def deposit(consortium, name, node=None, url=None, check=True):
    path = consortium.folder / name
    path.write_text(f"{name} {time.time()}\n")
    done = consortium.run("cunzheng", "deposit", "--node", url or consortium.url(node), "--key", consortium.folder / "key",
                          path, check=check)
    return path, done


def verdict(consortium, path, expect=0, receipt=None):
    done = consortium.run("cunzheng", "verify", path, *(["--receipt", receipt] if receipt else []), "--trust",
                          consortium.trust, "--json", check=False)
    assert done.returncode == expect, f"{path}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def signed_by(path):
    text = json.loads(pathlib.Path(f"{path}.receipt.json").read_text())["attestations"][-1]["checkpoint"]
    return {int(number) for number in re.findall(r"\u2014 member(\d)\.", text)}


def log_of(consortium, node):
    return (consortium.folder / f"cunzhengd{node}.log").read_text(errors="replace")


def lies_to_members(consortium, front, origin):
    """What the liar's node says to the other members when they ask for its cosignatures."""
    key = signer(consortium, LIAR)
    honest = [node for node in range(1, NODES + 1) if node != LIAR]

    def another_root(path, status, body):
        size = re.fullmatch(r"/v1/cosignatures/(\d+)", path)
        if not size:
            return status, body
        false = note.body_of(origin, int(size[1]), crypto.sha256(b"a history of its own"))
        return 200, (false + "\n" + key.line(false, int(time.time()))).encode()

    with urllib.request.urlopen(f"{consortium.url(LIAR)}/v1/cosignatures/{consortium.ledger(LIAR)['size']}", timeout=10) as got:
        old = got.read()

    def old_checkpoint(path, status, body):
        if not path.startswith("/v1/cosignatures/"):
            return status, body
        return 200, old

    def forged_line(path, status, body):
        if not path.startswith("/v1/cosignatures/") or status != 200:
            return status, body
        text, lines = body.decode().split("\n\n", 1)
        stranger = note.Signer(key.key.name, note.COSIGN, bytes(range(32)))
        stranger.key = key.key  # the right name and id, and not the key
        return 200, (text + "\n\n" + stranger.line(text + "\n", int(time.time()))).encode()

    for what, lie in (("another root", another_root), ("an old checkpoint", old_checkpoint), ("a forged line", forged_line)):
        front.lie = lie
        for number in range(3):
            path, _ = deposit(consortium, f"{what} {number}.txt", node=honest[number])
            verdict(consortium, path)
            assert signed_by(path) == set(honest), f"{what}: signed by {signed_by(path)}"
        if lie is another_root:
            # A checkpoint that k have signed is asked for no more, so not every member comes to ask the liar.
            kept = []

            def find():
                kept[:] = [(node, path) for node in honest for path in (consortium.data / f"node{node}/evidence").glob("*")]
                return kept
            for number in range(20):
                if find():
                    break
                deposit(consortium, f"{what} again {number}.txt", node=honest[0])
            consortium.wait(find, 20, "a member keeps the proof")
            for node, path in kept:
                text = path.read_text()
                assert key.key.name in text and text.startswith(origin), text
                assert "a member signed another root: a fork, or a lying member" in log_of(consortium, node)
        say(f"the liar gives {what}: receipts come from the other three, the lie is in none")
    front.lie = lambda path, status, body: (status, body)


def lies_to_depositors(consortium, front, others):
    """What the liar's node says to a depositor. Nothing that it says wrong becomes a receipt."""
    before = json.loads(pathlib.Path(f"{others}.receipt.json").read_text())

    def on_batches(change):
        def lie(path, status, body):
            if not path.startswith("/v1/batches") or status not in (200, 201, 202):
                return status, body
            answer = json.loads(body)
            change(answer)
            return status, json.dumps(answer, ensure_ascii=False).encode()
        return lie

    def altered(answer):
        answer["entry"] = answer["entry"].replace("某公司", "某某公司")

    def backdated(answer):
        entry = json.loads(answer["entry"])
        entry["time_unix_ms"] -= 86_400_000
        answer["entry"] = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def swapped(answer):
        answer["entry"], answer["index"] = before["entry"], before["index"]
        if "attestation" in answer:
            answer["attestation"] = before["attestations"][-1]

    def false_tree(answer):
        if "attestation" in answer:
            answer["attestation"]["inclusion"] = answer["attestation"]["inclusion"][::-1][:-1] + ["00" * 32]

    for what, change in (("an altered entry", altered), ("a backdated entry", backdated), ("another's receipt", swapped),
                         ("a false tree", false_tree)):
        front.lie = on_batches(change)
        path, done = deposit(consortium, f"{what}.txt", url=f"http://127.0.0.1:{front.port}", check=False)
        receipt = pathlib.Path(f"{path}.receipt.json")
        assert done.returncode != 0, f"{what}: {done.stdout}{done.stderr}"
        assert not receipt.exists(), f"{what}: a receipt was written"
        reason = next((line for line in done.stderr.splitlines() if line.strip()), "")
        say(f"{what} is refused by the depositor: {reason.strip()[:110]}")
        # The deposit itself was ordered; through an honest node the same file gets its receipt.
        front.lie = lambda path, status, body: (status, body)
        consortium.run("cunzheng", "deposit", "--node", consortium.url(1), "--key", consortium.folder / "key", path)
        verdict(consortium, path)


def forge(consortium, path, members, times=None):
    """A receipt whose entry is a day older, in a tree that the `members` sign; the path of the forged receipt."""
    receipt = json.loads(pathlib.Path(f"{path}.receipt.json").read_text())
    entry = json.loads(receipt["entry"])
    entry["time_unix_ms"] -= 86_400_000
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    genesis = (consortium.data / "node1/genesis.json").read_bytes()
    leaves = [crypto.sha256(b"\0", genesis), crypto.sha256(b"\0", text.encode())]
    body = note.body_of(json.loads(genesis)["origin"], 2, crypto.sha256(b"\1", *leaves))
    lines = "".join(signer(consortium, member).line(body, entry["time_unix_ms"] // 1000) for member in members)
    receipt.update(entry=text, index=1, attestations=[{"checkpoint": body + "\n" + lines, "inclusion": [leaves[0].hex()]}])
    forged = consortium.folder / f"forged-by-{len(members)}.receipt.json"
    forged.write_text(json.dumps(receipt, ensure_ascii=False))
    return forged


def shift_times(consortium, path, shifts):
    """The receipt's checkpoint signed anew by its members, with clocks that are off by `shifts` seconds."""
    receipt = json.loads(pathlib.Path(f"{path}.receipt.json").read_text())
    attestation = receipt["attestations"][-1]
    body = attestation["checkpoint"].split("\n\n")[0] + "\n"
    now = int(time.time())
    lines = "".join(signer(consortium, member).line(body, now + shift) for member, shift in shifts.items())
    attestation["checkpoint"] = body + "\n" + lines
    shifted = consortium.folder / "shifted.receipt.json"
    shifted.write_text(json.dumps(receipt, ensure_ascii=False))
    return shifted, now


def collude(consortium, path):
    forged = forge(consortium, path, [3, 4])
    report = verdict(consortium, path, expect=3, receipt=forged)
    assert report["verdict"] == "pending", report
    say("two of four sign a tree of their own with a backdated entry: pending, never valid")
    verdict(consortium, path, expect=0, receipt=forge(consortium, path, [2, 3, 4]))
    say("three of four could: k is what a receipt rests on")
    # One clock of four may be anywhere (f = 1): T2 stays with the honest ones, whichever way it lies.
    for shift in (-86_400 * 365, 86_400 * 365):
        shifted, now = shift_times(consortium, path, {1: 0, 2: 1, 3: 2, 4: shift})
        t2 = verdict(consortium, path, receipt=shifted)["t2"]["time_unix_s"]
        assert now <= t2 <= now + 4, f"T2 is off by {t2 - now} s with one clock off by {shift} s"
    say("one clock a year off either way leaves T2 with the honest three")


def run(consortium):
    front = Front(consortium.url(LIAR))
    for node in range(1, NODES + 1):
        if node != LIAR:
            path = consortium.data / f"node{node}/config.toml"
            address = consortium.url(LIAR).removeprefix("http://")
            text = path.read_text()
            assert address in text
            path.write_text(text.replace(address, f"127.0.0.1:{front.port}"))
        consortium.start(node)
    consortium.wait(lambda: consortium.ledger(1)["writable"], 30, "the first node answers")
    consortium.run("cunzhengd", "account", "add", "--data", consortium.data / "node1", "--account-key",
                   consortium.folder / "key.pub", "--name", "某公司")
    origin = json.loads(consortium.trust.read_text())["origin"]
    path, _ = deposit(consortium, "honest.txt", node=1)
    verdict(consortium, path)
    say("an honest beginning")
    lies_to_members(consortium, front, origin)
    lies_to_depositors(consortium, front, path)
    collude(consortium, path)
    consortium.agree()
    front.server.shutdown()


if __name__ == "__main__":
    with_consortium(run)
