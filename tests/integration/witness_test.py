#!/usr/bin/env python3
"""One operator and three outside witnesses, two of whose times a receipt needs: their lines come into receipts, a dead
witness delays nobody, one that dies between answers goes on, and an operator that forks its ledger is refused."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class Stage:
    def __init__(self, folder):
        self.folder, self.processes = folder, {}
        self.env = dict(os.environ, HOME=str(folder), CUNZHENG_PASSPHRASE="only for this test")

    def run(self, *command, expect=0):
        done = subprocess.run([str(part) for part in command], env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == expect, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self, name, *command):
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([str(part) for part in command], env=self.env, stdout=log, stderr=log)
        self.wait(lambda: self.address(name) is not None, f"{name} starts")

    def address(self, name):
        listen = self.folder / name / "listen"
        return listen.read_text().strip() if listen.exists() else None

    def stop(self, name, number=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(timeout=30)
        (self.folder / name / "listen").unlink(missing_ok=True)

    @staticmethod
    def wait(condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            time.sleep(0.05)

    def get(self, path, name="node"):
        with urllib.request.urlopen(f"http://{self.address(name)}{path}", timeout=10) as answer:
            return answer.read().decode()

    def node(self, folder="node"):
        self.start(folder, "cunzhengd", "run", "--data", self.folder / folder)

    def witness(self, number):
        self.start(f"w{number}", "cunzhengd", "witness", "run", "--data", self.folder / f"w{number}")

    def deposit(self, name, node="node"):
        path = self.folder / name
        path.write_text(f"{name} {time.time()}\n")
        self.run("cunzheng", "deposit", "--node", f"http://{self.address(node)}", "--key", self.folder / "key", path)
        return path

    def witnessed(self, path):
        """How many witnesses have signed the checkpoint that covers the record, as the node knows it now."""
        index = json.loads(pathlib.Path(f"{path}.receipt.json").read_text())["index"]
        note = self.get(f"/v1/checkpoints/{index + 1}")
        return sum(f"\u2014 witness{number}.example.net " in note for number in (1, 2, 3))

    def receipt(self, path):
        """The receipt as the node gives it out now, in the place of the first one."""
        receipt = pathlib.Path(f"{path}.receipt.json")
        sha256 = json.loads(json.loads(receipt.read_text())["record"])["digest"]["sha256"]
        record = json.loads(self.get(f"/v1/records?sha256={sha256}"))["items"][0]["record_id"]
        fresh = json.loads(self.get(f"/v1/receipts/{record}"))
        manifest = json.loads(receipt.read_text()).get("manifest")
        if manifest is not None:
            fresh["manifest"] = manifest
        receipt.write_text(json.dumps(fresh, ensure_ascii=False))

    def verify(self, path):
        return json.loads(self.run("cunzheng", "verify", path, "--trust", self.folder / "trust.json", "--json"))


def set_config(path, key, value):
    text = path.read_text()
    assert f'\n{key} = ""' in text, f"{key} in {path}"
    path.write_text(text.replace(f'\n{key} = ""', f'\n{key} = "{value}"'))


def fork(stage):
    """The operator goes on from an older copy of its ledger, with its memory of having run removed."""
    stage.stop("node")
    shutil.copytree(stage.folder / "node", stage.folder / "copy")
    stage.node()
    stage.deposit("only-in-the-one.txt")
    one = stage.deposit("covered.txt")
    stage.wait(lambda: stage.witnessed(one) == 3, "three witnesses")
    stage.stop("node")
    stage.node("copy")
    other = stage.deposit("only-in-the-other.txt", "copy")
    stage.deposit("more.txt", "copy")
    stage.deposit("still-more.txt", "copy")
    log = stage.folder / "copy.log"
    stage.wait(lambda: log.read_text().count("a witness does not cosign") == 3, "three refusals")
    assert all(any((stage.folder / f"w{number}/evidence").iterdir()) for number in (1, 2, 3))
    receipt = json.loads(pathlib.Path(f"{other}.receipt.json").read_text())
    assert "witness" not in receipt["attestations"][-1]["checkpoint"]
    report = stage.verify(other)
    assert report["t2"]["source"] == "cosignatures" and report["witnesses"] == [], report
    stage.stop("copy")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cz-", dir="/tmp"))
    stage = Stage(folder)
    try:
        stage.run("cunzhengd", "init", "--data", folder / "node", "--origin", "example.org/ledger", "--listen", "127.0.0.1:0")
        stage.run("cunzheng", "keygen", "--out", folder / "key")
        stage.run("cunzhengd", "account", "add", "--data", folder / "node", "--account-key", folder / "key.pub", "--name", "某公司")
        listed = []
        for number in (1, 2, 3):
            name = f"witness{number}.example.net"
            key = stage.run("cunzhengd", "witness", "init", "--data", folder / f"w{number}", "--name", name, "--listen", "127.0.0.1:0")
            stage.run("cunzhengd", "witness", "add", "--data", folder / f"w{number}", "--trust", folder / "node/trust.json")
            listed.append({"id": name, "key": key, "name": {"en": f"Witness {number}", "zh": f"见证 {number}"}})
            stage.witness(number)
        (folder / "witnesses.json").write_text(json.dumps(listed, ensure_ascii=False))
        stage.run("cunzhengd", "propose", "witnesses", folder / "witnesses.json", "-w", "2", "--witness-f", "1", "--data", folder / "node")
        set_config(folder / "node/config.toml", "nodes",
                   " ".join(f"witness{number}.example.net={stage.address(f'w{number}')}" for number in (1, 2, 3)))
        stage.node()
        shutil.copy(folder / "node/trust.json", folder / "trust.json")
        assert json.loads((folder / "trust.json").read_text())["version"] == 2

        first = stage.deposit("first.txt")
        stage.wait(lambda: stage.witnessed(first) == 3, "three witnesses have signed")
        stage.receipt(first)
        report = stage.verify(first)
        assert len(report["witnesses"]) == 3, report
        # What a witness serves to monitors is the same tree.
        name = next((folder / "w1/logs").iterdir()).stem
        assert stage.get(f"/{name}/checkpoint", "w1").splitlines()[:3] == stage.get("/checkpoint").splitlines()[:3]

        # A dead witness delays nobody; back again, it goes on from where it was.
        address = stage.address("w3")
        stage.stop("w3", signal.SIGKILL)
        second = stage.deposit("second.txt")
        stage.wait(lambda: stage.witnessed(second) == 2, "two witnesses have signed")
        config = folder / "w3/config.toml"
        config.write_text(config.read_text().replace('listen = "127.0.0.1:0"', f'listen = "{address}"'))
        stage.witness(3)
        third = stage.deposit("third.txt")
        stage.wait(lambda: stage.witnessed(third) == 3, "three again")

        fork(stage)

        # The trust file without witnesses knows none of their lines; and a second instance is refused.
        stage.run("cunzhengd", "witness", "run", "--data", folder / "w1", expect=8)
        print("witnesses signed, one was killed and came back, and a fork was refused by all three")
    except BaseException:
        for path in sorted(folder.glob("*.log")):
            print(f"== {path.name}\n" + "".join(path.read_text(errors="replace").splitlines(True)[-15:]))
        raise
    finally:
        for process in stage.processes.values():
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
