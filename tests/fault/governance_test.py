#!/usr/bin/env python3
"""Four institutions change their ledger while it runs: a key is rotated, a member suspended and taken back, a fifth
joins, one leaves. Trust files are followed, receipts of before are renewed, and what a few of them try alone is refused."""

import json
import os
import pathlib
import shutil
import signal
import urllib.request

from consortium import say, with_consortium


class Governance:
    def __init__(self, consortium):
        self.c, self.folder = consortium, consortium.folder
        self.account = ""

    def daemon(self, *command, node, expect=0):
        done = self.c.run("cunzhengd", *command, "--data", self.c.data / f"node{node}", check=False)
        text = done.stdout + done.stderr
        assert done.returncode == expect, f"cunzhengd {command} on node {node}: exit {done.returncode}\n{text}"
        return done

    def carry(self, *change, by=(1, 2, 3)):
        """Proposes through the first node, approves through the others; returns the proposal's id."""
        proposal = self.daemon("propose", *change, node=by[0]).stdout.strip()
        for node in by[1:]:
            self.daemon("approve", proposal, node=node)
        return proposal

    def deposit(self, name, node):
        path = self.folder / name
        path.write_text(f"{name} through node {node}\n")
        self.c.run("cunzheng", "deposit", "--node", self.c.url(node), "--key", self.folder / "key", path)
        return path

    def verify(self, path, expect=0, trust=None):
        done = self.c.run("cunzheng", "verify", path, "--trust", trust or self.c.trust, check=False)
        assert done.returncode == expect, f"verify {path}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}"
        return done.stdout

    def update_trust(self, version, node=1):
        """Follows the chain; signatures of other members take a moment to arrive."""
        def followed():
            done = self.c.run("cunzheng", "trust", "update", "--node", self.c.url(node), "--trust", self.c.trust, check=False)
            return done.returncode == 0 and json.loads(self.c.trust.read_text())["version"] == version
        self.c.wait(followed, 30, f"trust version {version}")

    def validators(self):
        with urllib.request.urlopen(f"http://{self.c.rpc(1)}/validators", timeout=5) as answer:
            return int(json.load(answer)["result"]["total"])

    def join(self, node):
        """A new institution's node: everything but the peers comes from `init --join`."""
        data = self.c.data / f"node{node}"
        self.c.run("cunzhengd", "init", "--join", self.c.data / "node1/genesis.json", "--data", data, "--member",
                   f"member{node}.example.org", "--name-zh", "成员五", "--name-en", "Member Five", "--role", "arbitration",
                   "--listen", self.c.url(node).removeprefix("http://"))
        first = (self.c.data / "node1/cometbft/config/config.toml").read_text()
        peers = [line for line in first.splitlines() if line.startswith("persistent_peers")][0]
        config = data / "cometbft/config/config.toml"
        text = config.read_text().replace('persistent_peers = ""', peers).replace("127.0.0.1:26657", self.c.rpc(node))
        config.write_text(text.replace("0.0.0.0:26656", f"127.0.0.1:{self.c.base_port + 10 * (node - 1) + 1}"))
        config = data / "config.toml"
        members = " ".join(f"member{other}.example.org={self.c.url(other).removeprefix('http://')}" for other in range(1, node))
        text = config.read_text().replace("127.0.0.1:26657", self.c.rpc(node))
        config.write_text(text.replace('members = ""', f'members = "{members}"'))
        return data / "member.json"


def rotate(g, first):
    new_key = g.daemon("keys", "next", "--purpose", "cosign", node=2).stdout.strip()
    g.c.restart(2)
    proposal = g.daemon("propose", "key-rotate", "member2.example.org", "--purpose", "cosign", "--key", new_key, node=1).stdout.strip()
    g.c.wait(lambda: proposal in g.daemon("proposals", node=3).stdout, 10, "the third member sees the proposal")
    assert "approved by 1 of 3 needed: member1.example.org" in g.daemon("proposals", node=3).stdout
    refused = g.daemon("approve", proposal, node=1, expect=7)
    assert "already" in refused.stderr, refused.stderr
    g.daemon("approve", proposal, node=3)
    # Not yet: two of three.
    assert json.loads((g.c.data / "node1/trust.json").read_text())["version"] == 1
    g.daemon("approve", proposal, node=4)
    old_trust = g.folder / "trust-1.json"
    shutil.copy(g.c.trust, old_trust)
    g.update_trust(2)
    say("a cosigning key was rotated; the trust file of version 2 follows from version 1")
    path = g.deposit("after-rotation.txt", 2)
    g.verify(path)
    for each in first:
        g.verify(each, trust=old_trust)
        g.c.run("cunzheng", "renew", each, "--node", g.c.url(3), "--trust", g.c.trust)
        g.verify(each)
    say("receipts of before count fully again once renewed")


def refuse(g):
    for command, code in ((("thresholds", "-f", "1", "-k", "2", "--govern", "3"), 7),
                          (("member-remove", "member4.example.org", "--reason", "r"), 7),
                          (("member-suspend", "member9.example.org", "--reason", "r"), 7),
                          (("key-rotate", "member1.example.org", "--purpose", "cosign", "--key", "x"), 1),
                          (("member-suspend", "member4.example.org", "--reason", "r", "--thresholds", "a"), 2)):
        before = g.c.ledger(1)["size"]
        g.daemon("propose", *command, node=1, expect=code)
        assert g.c.ledger(1)["size"] == before
    g.daemon("approve", "00" * 32, node=1, expect=1)
    say("what is unsafe, unknown or malformed is refused and leaves no entry")


def suspend(g):
    assert g.validators() == 4
    g.carry("member-suspend", "member4.example.org", "--reason", "out of reach", "--thresholds", "0,3,3")
    g.deposit("while-suspended.txt", 1)
    g.c.wait(lambda: g.validators() == 3, 30, "three validators")
    refused = g.daemon("account", "add", "--account-key", g.folder / "key.pub", "--name", "n", node=4, expect=7)
    assert "suspended" in refused.stderr, refused.stderr
    g.carry("member-resume", "member4.example.org", "--reason", "back", "--thresholds", "1,3,3")
    g.deposit("after-resumption.txt", 4)
    g.c.wait(lambda: g.validators() == 4, 30, "four validators")
    g.update_trust(4)
    say("a member was suspended, could neither act nor vote, and was taken back")


def join(g):
    member = g.join(5)
    g.carry("member-add", str(member), "--thresholds", "1,4,4")
    g.update_trust(5)
    g.c.start(5)
    g.c.wait(lambda: g.c.ledger(5)["writable"], 60, "the fifth node answers")
    size = g.c.agree(nodes=5)["size"]
    g.c.wait(lambda: g.c.validates(5), 60, "the fifth node votes")
    path = g.deposit("through-the-fifth.txt", 5)
    assert "of 5" in g.verify(path)
    # With one of the old four gone the fifth's vote and cosignature are needed, and come.
    g.c.kill(1)
    path = g.deposit("without-the-first.txt", 5)
    g.verify(path)
    g.c.start(1)
    g.c.wait(lambda: g.c.validates(1), 60, "node 1 votes again")
    say(f"a fifth institution joined at size {size}, ordered and cosigned")


def leave(g):
    g.carry("member-remove", "member4.example.org", "--reason", "wound up", "--thresholds", "1,3,3", by=(1, 2, 3, 5))
    g.update_trust(6, node=5)
    g.c.wait(lambda: g.validators() == 4, 30, "four validators")
    path = g.deposit("after-the-departure.txt", 5)
    g.verify(path)
    g.daemon("account", "add", "--account-key", g.folder / "key.pub", "--name", "n", node=4, expect=7)
    say("a member left; its node is refused")


def run(consortium):
    g = Governance(consortium)
    for node in range(1, 5):
        consortium.start(node)
    consortium.wait(lambda: consortium.ledger(1)["writable"], 30, "the first node answers")
    g.daemon("account", "add", "--account-key", g.folder / "key.pub", "--name", "某公司", node=1)
    first = [g.deposit(f"first{node}.txt", node) for node in (1, 3)]
    say("four nodes take deposits")
    rotate(g, first)
    refuse(g)
    suspend(g)
    join(g)
    leave(g)
    # A verifier that starts at version 1 and asks another node comes to the same end.
    late = g.folder / "late.json"
    shutil.copy(g.folder / "trust-1.json", late)
    consortium.run("cunzheng", "trust", "update", "--node", consortium.url(3), "--trust", late)
    assert late.read_text() == consortium.trust.read_text()
    head = consortium.agree(nodes=5)
    for node in range(1, 6):
        consortium.signal(node, signal.SIGTERM, ("cunzhengd",))
        consortium.processes["cometbft", node].kill()
        consortium.processes["cometbft", node].wait()
    for node in range(1, 6):
        report = consortium.run("cunzhengd", "check", "--data", consortium.data / f"node{node}")
        assert f"ok: {head['size']} entries" in report.stdout, report.stdout
    say(f"six versions of the trust file; five ledgers agree at size {head['size']} and check clean")


if __name__ == "__main__":
    with_consortium(run)
