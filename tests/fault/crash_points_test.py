#!/usr/bin/env python3
"""The node's process dies at each point between CometBFT's decision and its own commit, with real CometBFT: before and
after FinalizeBlock, before and after the synced write, before and after Commit. Each time both processes start again,
agree without anybody's help, and every deposit is there once."""

import os
import pathlib
import signal
import socket
import threading
import time

from abci_client import read_frame, request_kind
from consortium import say, with_consortium

FINALIZE_BLOCK, COMMIT = 20, 11
ROUNDS = 5 if os.environ.get("CUNZHENG_FULL") else 1
# What the connection between the two carries when the process dies: a request on its way, or an answer.
POINTS = [("before FinalizeBlock", FINALIZE_BLOCK, "request"), ("after FinalizeBlock", FINALIZE_BLOCK, "answer"),
          ("before Commit", COMMIT, "request"), ("after Commit, before its answer arrives", COMMIT, "answer"),
          ("after Commit", COMMIT, "answered")]


class Between:
    """Hands ABCI frames on between CometBFT and the node, and kills the node at a chosen one."""

    def __init__(self, path, to):
        self.to, self.point, self.died, self.kill = to, None, threading.Event(), None
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                engine, _ = self.listener.accept()
            except OSError:
                return
            node = socket.socket(socket.AF_UNIX)
            try:
                node.connect(str(self.to))
            except OSError:
                engine.close()
                continue
            asked = []  # kinds of requests whose answers are due, in order
            threading.Thread(target=self.requests, args=(engine, node, asked), daemon=True).start()
            threading.Thread(target=self.answers, args=(engine, node, asked), daemon=True).start()

    def strikes(self, kind, where):
        if self.point != (kind, where):
            return False
        self.point = None
        self.kill()
        self.died.set()
        return True

    def requests(self, engine, node, asked):
        self.hand_on(engine, node, lambda frame: asked.append(request_kind(frame)) or (asked[-1], "request"))

    def answers(self, engine, node, asked):
        self.hand_on(node, engine, lambda _: (asked.pop(0), "answer"), "answered")

    def hand_on(self, source, sink, kind_of, afterwards=None):
        stream = source.makefile("rb")
        try:
            while frame := read_frame(stream):
                kind, where = kind_of(frame)
                if self.strikes(kind, where):
                    break
                sink.sendall(frame)
                if afterwards and self.strikes(kind, afterwards):
                    break
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def run(consortium):
    home = consortium.data / "node1"
    consortium.set_config(1, "abci", '"unix:cometbft/node.sock"')
    between = Between(home / "cometbft/abci.sock", home / "cometbft/node.sock")
    crash = consortium.folder / "crash"
    consortium.env.update(LD_PRELOAD=os.environ["CRASH_SHIM"], CRASH_SHIM_FILE=str(crash))
    between.kill = lambda: consortium.processes["cunzhengd", 1].kill()

    def start():
        consortium.start(1, ("cunzhengd",))
        consortium.wait(lambda: consortium.ledger(1) is not None, 30, "the node answers")
        consortium.start(1, ("cometbft",))

    start()
    consortium.wait(lambda: consortium.ledger(1)["writable"], 30, "the node is writable")
    consortium.run("cunzhengd", "account", "add", "--data", home, "--account-key", consortium.folder / "key.pub", "--name", "某公司")
    paths = []

    def deposit(check):
        path = consortium.folder / f"{len(paths)}.txt"
        path.write_text(f"{len(paths)} {os.urandom(8).hex()}\n")
        paths.append(path)
        return consortium.run("cunzheng", "deposit", "--node", consortium.url(1), "--key", consortium.folder / "key", path,
                              check=check)

    def crash_and_return(name, arm):
        deposit(True)
        arm()
        depositor = threading.Thread(target=deposit, args=(False,))
        depositor.start()
        process = consortium.processes["cunzhengd", 1]
        consortium.wait(lambda: process.poll() is not None, 30, f"the node dies {name}")
        # CometBFT ends by itself when its application is gone; whatever else it does, it starts anew.
        consortium.processes["cometbft", 1].send_signal(signal.SIGKILL)
        consortium.processes["cometbft", 1].wait()
        (home / "cometbft/node.sock").unlink(missing_ok=True)
        start()
        consortium.wait(lambda: consortium.validates(1), 60, "the engine goes on")
        depositor.join()
        # A submission that met the node without its engine does not keep it shut.
        consortium.wait(lambda: consortium.ledger(1)["writable"], 10, "the node is writable again")
        deposit(True)
        # What was under way is sent again, and was ordered once at most.
        for path in paths:
            if not pathlib.Path(f"{path}.receipt.json").exists():
                consortium.run("cunzheng", "deposit", "--node", consortium.url(1), "--key", consortium.folder / "key", path)
        say(f"killed {name}: both are back, size {consortium.ledger(1)['size']}")

    for _ in range(ROUNDS):
        for name, kind, where in POINTS:
            crash_and_return(name, lambda: setattr(between, "point", (kind, where)))
        for moment in ("before", "after"):
            crash_and_return(f"{moment} the synced write", lambda: crash.write_text(moment))

    head = consortium.ledger(1)
    assert head["size"] == 2 + len(paths), f"{len(paths)} deposits made a ledger of {head['size']} entries"
    for path in paths:
        consortium.run("cunzheng", "verify", path, "--trust", consortium.trust)
    consortium.signal(1, signal.SIGTERM, ("cunzhengd",))
    report = consortium.run("cunzhengd", "check", "--data", home)
    assert f"ok: {head['size']} entries" in report.stdout, report.stdout
    say(f"{len(paths)} deposits, each there once and verified; check: {report.stdout.strip().splitlines()[0]}")
    time.sleep(0.1)


if __name__ == "__main__":
    with_consortium(run, nodes=1)
