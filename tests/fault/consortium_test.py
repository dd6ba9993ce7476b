#!/usr/bin/env python3
"""Four institutions' nodes on 127.0.0.1 under real CometBFT: deposits through each, receipts with 3 of 4 cosignatures
verified offline, and what may befall them meanwhile: one killed, one stopped, one cut off, two gone, one whose data is
wiped and built anew, by execution and from a snapshot. Afterwards every acknowledged receipt verifies and all four ledgers are the same."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request

from abci_client import Abci, check_snapshot
from consortium import NODES, say, with_consortium

FULL = bool(os.environ.get("CUNZHENG_FULL"))


@contextlib.contextmanager
def another_chain(rpc):
    """A CometBFT's RPC as somebody has it whose blocks are others: as far, with hashes of its own."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with urllib.request.urlopen(f"http://{rpc}{self.path}", timeout=10) as answer:
                found = json.load(answer)
            if self.path.startswith("/commit"):
                found["result"]["signed_header"]["commit"]["block_id"]["hash"] = "AB" * 32
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class Depositor(threading.Thread):
    """Deposits one file after another, through any node that answers, until told to stop."""

    def __init__(self, consortium, name):
        super().__init__()
        self.consortium, self.name_ = consortium, name
        self.folder = consortium.folder / name
        self.folder.mkdir()
        self.submitted, self.acknowledged, self.stopping = [], [], False
        self.env = dict(consortium.env, XDG_STATE_HOME=str(self.folder / "state"))

    def deposit(self, path, node):
        """Whether a receipt came. A client that waits for a stopped node is killed, as an impatient user would."""
        try:
            done = subprocess.run(["cunzheng", "deposit", "--node", self.consortium.url(node), "--key",
                                   str(self.consortium.folder / "key"), str(path)],
                                  env=self.env, capture_output=True, text=True, timeout=10)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0 and pathlib.Path(f"{path}.receipt.json").exists()

    def run(self):
        number = 0
        while not self.stopping:
            number += 1
            path = self.folder / f"{number}.txt"
            path.write_text(f"{self.name_} {number} {os.urandom(8).hex()}\n")
            self.submitted.append(path)
            # The same file again, through another node, until it has its receipt.
            for attempt in range(200):
                if self.deposit(path, 1 + (number + attempt) % NODES):
                    self.acknowledged.append(path)
                    break
                if self.stopping:
                    break
                time.sleep(0.2)


def check_receipts(consortium, depositors):
    """Every acknowledged receipt verifies offline; none was lost or doubled. Returns the counts."""
    submitted = sum(len(each.submitted) for each in depositors)
    acknowledged = [path for each in depositors for path in each.acknowledged]
    entries = {}
    for path in acknowledged:
        done = consortium.run("cunzheng", "verify", path, "--trust", consortium.trust, "--json", check=False)
        assert done.returncode == 0, f"{path}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        receipt = json.loads(pathlib.Path(f"{path}.receipt.json").read_text())
        entries.setdefault((receipt["index"], receipt["batch"]["index"]), []).append(path)
    lost, doubled = 0, 0
    for path in acknowledged:
        digest = json.loads(json.loads(pathlib.Path(f"{path}.receipt.json").read_text())["record"])["digest"]["sha256"]
        for node in range(1, NODES + 1):
            with urllib.request.urlopen(f"{consortium.url(node)}/v1/records?sha256={digest}", timeout=10) as answer:
                items = json.load(answer)["items"]
            lost += not items
            doubled += max(0, len(items) - 1)
    assert all(len(paths) == 1 for paths in entries.values())
    return submitted, len(acknowledged), lost, doubled


def run(consortium):
    folder = consortium.folder
    depositors = []
    try:
        consortium.isolate(4)
        for node in range(1, NODES + 1):
            consortium.set_config(node, "snapshot_interval", 10)
            consortium.start(node)
        consortium.wait(lambda: consortium.ledger(1)["writable"], 30, "the first node answers")
        consortium.run("cunzhengd", "account", "add", "--data", consortium.data / "node1", "--account-key",
                       folder / "key.pub", "--name", "某公司")
        say("account added through node 1")

        # Through each node, and the verdict counts institutions.
        for node in range(1, NODES + 1):
            path = folder / f"first{node}.txt"
            path.write_text(f"through node {node}\n")
            consortium.run("cunzheng", "deposit", "--node", consortium.url(node), "--key", folder / "key", path)
            report = consortium.run("cunzheng", "verify", path, "--trust", consortium.trust)
            assert "3 needed, up to 1 may lie" in report.stdout, report.stdout
        say(f"deposits through each node verify with 3 of 4; ledgers agree at size {consortium.agree()['size']}")

        # After an idle while the median of the last votes is old; the entry's time is not.
        time.sleep(60 if FULL else 8)
        path = folder / "idle.txt"
        path.write_text("after idling\n")
        before = time.time()
        consortium.run("cunzheng", "deposit", "--node", consortium.url(2), "--key", folder / "key", path)
        entry = json.loads(json.loads(pathlib.Path(f"{path}.receipt.json").read_text())["entry"])
        off = entry["time_unix_ms"] / 1000 - before
        assert abs(off) < 2 + (time.time() - before), f"entry time is {off:.1f} s from the deposit's"
        say(f"after idling an entry's time is {off:+.2f} s from the deposit's start")

        # One clock is minutes off, one way and the other: it moves neither the ledger's time nor T2.
        for shift_ms in (300_000, -300_000):
            (consortium.data / "node4/clock.json").unlink(missing_ok=True)  # else the node itself would notice
            consortium.restart(4, shift_ms=shift_ms)
            for node in (4, 1):
                path = folder / f"clock{shift_ms}-{node}.txt"
                path.write_text(f"clock {shift_ms} {node}\n")
                before = time.time()
                consortium.run("cunzheng", "deposit", "--node", consortium.url(node), "--key", folder / "key", path)
                report = json.loads(consortium.run("cunzheng", "verify", path, "--trust", consortium.trust, "--json").stdout)
                t2 = report["t2"]["time_unix_s"]
                assert before <= t2 <= time.time() + 2, f"T2 is {t2 - before:+.1f} s from the deposit with a clock {shift_ms} ms off"
        (consortium.data / "node4/clock.json").unlink(missing_ok=True)
        consortium.restart(4)
        say("a node whose clock is five minutes off moves neither bound")

        depositors = [Depositor(consortium, name) for name in ("left", "right")]
        for each in depositors:
            each.start()

        def progress(what, seconds=60):
            """Deposits go on: three more are acknowledged."""
            target = sum(len(each.acknowledged) for each in depositors) + 3
            consortium.wait(lambda: sum(len(each.acknowledged) for each in depositors) >= target, seconds, what)
            say(f"deposits go on {what}")

        rounds = 3 if FULL else 1
        for number in range(rounds):
            victim = 1 + number % NODES
            progress("with four nodes")
            consortium.kill(victim)
            progress(f"with node {victim} killed (kill -9)")
            consortium.start(victim)
            consortium.wait(lambda: consortium.validates(victim), 60, f"node {victim} votes again")
            progress(f"with node {victim} back")
            other = victim % NODES + 1
            consortium.signal(other, signal.SIGSTOP)
            progress(f"with node {other} stopped")
            consortium.signal(other, signal.SIGCONT)
            progress(f"with node {other} going on")

        # One is cut off from the others: it acknowledges nothing, they go on, and afterwards it follows.
        consortium.cut(True)
        progress("with node 4 cut off")
        time.sleep(2)
        size = consortium.ledger(4)["size"]
        progress("with node 4 still cut off")
        path = folder / "cut.txt"
        path.write_text("through a node that is cut off\n")
        assert not depositors[0].deposit(path, 4), "a node that is cut off gave a receipt"
        assert consortium.ledger(4)["size"] == size, "a node that is cut off appended"
        consortium.cut(False)
        head = consortium.ledger(1)["size"]
        consortium.wait(lambda: consortium.ledger(4)["size"] >= head, 60, "the node that was cut off follows")
        progress("with node 4 connected again")

        # Two of four: nothing may be acknowledged that was not decided before.
        consortium.kill(3)
        consortium.kill(4)
        time.sleep(3)
        held = sum(len(each.acknowledged) for each in depositors)
        time.sleep(5)
        now = sum(len(each.acknowledged) for each in depositors)
        assert now == held, f"{now - held} deposits were acknowledged by two of four nodes"
        say("with two nodes gone nothing is acknowledged")
        consortium.start(3)
        progress("with three again", 90)
        # The fourth lost all its data but its keys and configuration: it executes the chain anew.
        consortium.wipe(4)
        consortium.start(4)
        progress("while a wiped node catches up")
        consortium.wait(lambda: consortium.validates(4), 60, "the wiped node votes again")
        # The same with a snapshot: what it has is verified and not executed.
        consortium.kill(4)
        consortium.wipe(4)
        # Where the nodes that it asks do not agree on the block, nothing is taken.
        with another_chain(consortium.rpc(1)) as address:
            done = consortium.run("cunzhengd", "state-sync", "--data", consortium.data / "node4", consortium.rpc(1), address,
                                  check=False)
        assert done.returncode != 0 and "root_mismatch" in done.stderr, done.stderr
        done = consortium.run("cunzhengd", "state-sync", "--data", consortium.data / "node4", consortium.rpc(1), consortium.rpc(2))
        assert "trusted block: " in done.stdout, done.stdout
        logged = (folder / "cunzhengd4.log").stat().st_size
        consortium.start(4)
        progress("while a node takes a snapshot over")
        consortium.wait(lambda: consortium.validates(4), 90, "the node that took a snapshot over votes again")
        log = (folder / "cunzhengd4.log").read_bytes()[logged:].decode()
        taken = re.search(r"takes a snapshot over height=(\d+) entries=(\d+)", log)
        assert taken, log
        say(f"node 4 took a snapshot of height {taken[1]} over, with {taken[2]} entries")
        # A rolling restart, each by SIGTERM.
        for node in range(1, NODES + 1):
            consortium.restart(node)
            progress(f"after the restart of node {node}")

        for each in depositors:
            each.stopping = True
        for each in depositors:
            each.join()
        head = consortium.agree()
        # The same snapshots on every node, also on the one that took one over, and right by the independent implementation.
        made = []
        for node in range(1, NODES + 1):
            abci = Abci(consortium.data / f"node{node}/cometbft/abci.sock")
            made.append(dict(check_snapshot(abci, offer) for offer in abci.snapshots()))
            abci.close()
        common = set.intersection(*(set(each) for each in made))
        assert common and all(len({tuple(each[text]) for each in made}) == 1 for text in common), made
        say(f"the independent implementation accepts every snapshot; {len(common)} are on all four nodes, the same")
        submitted, acknowledged, lost, doubled = check_receipts(consortium, depositors)
        for node in range(1, NODES + 1):
            consortium.signal(node, signal.SIGTERM, ("cunzhengd",))
            consortium.processes["cometbft", node].kill()
            consortium.processes["cometbft", node].wait()
        # Who has blocks keeps them.
        again = consortium.run("cunzhengd", "state-sync", "--data", consortium.data / "node4", consortium.rpc(1),
                               consortium.rpc(2), check=False)
        assert again.returncode != 0 and "holds blocks already" in again.stderr, again.stderr
        for node in range(1, NODES + 1):
            report = consortium.run("cunzhengd", "check", "--data", consortium.data / f"node{node}")
            assert f"ok: {head['size']} entries" in report.stdout, report.stdout
        say(f"submitted {submitted}, acknowledged {acknowledged}, lost {lost}, duplicated {doubled}; four ledgers agree at size "
            f"{head['size']}")
        assert lost == 0 and doubled == 0
        assert acknowledged > 20
    finally:
        for each in depositors:
            each.stopping = True
        for each in depositors:
            if each.is_alive():
                each.join()


if __name__ == "__main__":
    with_consortium(run)
