#!/usr/bin/python3
"""The programs and the independent implementation of specs/vectors agree on receipts, in both directions.

Receipts that the generator made go through `cunzheng verify`; receipts that a running node and the client
made go through `generate.py --verify-receipt`, whole and altered. `cunzheng` and `cunzhengd` are on PATH.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "specs" / "vectors"
BY_HAND = ROOT / "tests" / "interop" / "receipt_by_hand_test.sh"


def program_verdict(receipt, evidence, trust):
    """What `cunzheng verify --json` says, in the generator's words."""
    command = ["cunzheng", "verify", evidence, "--receipt", receipt, "--json"]
    if trust:
        command += ["--trust", trust]
    done = subprocess.run(command, capture_output=True, timeout=60)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        # A trust file that does not load ends the command before there is a report.
        code = re.search(rb"\[(\w+)\]", done.stderr)
        return {"verdict": "trust_not_established" if done.returncode == 5 else "?", "error": code and code[1].decode()}
    assert report["exit_code"] == done.returncode, (done.returncode, report)
    bound = {name: report[name]["time_unix_s"] for name in ("t1", "t2") if name in report}
    error = report.get("error", {}).get("code")
    return {"verdict": report["verdict"], "error": error, **{f"{k}_unix_s": v for k, v in bound.items()}}


def generator_verdict(receipt, evidence, trust):
    command = [VECTORS / "generate.py", "--verify-receipt", receipt, "--evidence", evidence, "--trust", trust]
    done = subprocess.run(command, capture_output=True, timeout=60)
    return {k: v for k, v in json.loads(done.stdout).items() if k == "error" or v is not None}


def vectors_through_the_program(work):
    count, differing = 0, []
    for path in sorted((VECTORS / "receipt").glob("*.json")):
        for case in json.loads(path.read_bytes())["cases"]:
            (work / "r").write_text(case["receipt"], encoding="utf-8")
            (work / "e").write_bytes(base64.b64decode(case["evidence_b64"]))
            if "trust" in case:
                (work / "t").write_text(case["trust"], encoding="utf-8")
            found = program_verdict(work / "r", work / "e", work / "t" if "trust" in case else None)
            keys = ("verdict", "t1_unix_s", "t2_unix_s")
            expected = {k: case[k] for k in keys if k in case}
            expected["error"] = None if case["expect"] == "ok" else case["expect"]
            if found != expected:
                differing.append(f"{path.stem}: {case['desc']}: {found}, expected {expected}")
            count += 1
    for line in differing:
        print(line)
    assert not differing and count, f"{len(differing)} of {count} differ"
    print(f"{count} receipts of the generator: the program says the same")


class Node:
    def __init__(self, work):
        self.data = work / "node"
        run("cunzhengd", "init", "--data", self.data, "--origin", "interop.test/ledger", "--listen", "127.0.0.1:0")

    def __enter__(self):
        self.log = open(self.data.parent / "node.log", "wb")
        self.process = subprocess.Popen(["cunzhengd", "run", "--data", self.data], stderr=self.log)
        deadline = time.monotonic() + 30
        while not (self.data / "listen").exists() or not (self.data / "listen").read_text().strip():
            assert self.process.poll() is None and time.monotonic() < deadline, "the node does not start"
            time.sleep(0.05)
        self.url = "http://" + (self.data / "listen").read_text().strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


def run(*command):
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0, f"{command}: {done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout


def program_receipts_through_the_generator(work):
    node = Node(work)
    keys = {}
    for suite in ("secp256k1", "sm2"):
        keys[suite] = work / suite
        run("cunzheng", "keygen", "--out", keys[suite], "--suite", suite)
        run("cunzhengd", "account", "add", "--data", node.data, "--account-key", f"{keys[suite]}.pub", "--name", suite)
    deposits = work / "deposits"
    with node:
        for name, suite, options in (
            ("one", "secp256k1", ()),
            ("sm2", "sm2", ("--case", "(2026) 示例 1 号")),
            ("sealed", "secp256k1", ("--private", "--attr", "k=值")),
            ("later", "secp256k1", ()),
        ):
            folder = deposits / name
            folder.mkdir(parents=True)
            for i in range(1 if name == "one" else 5):
                (folder / f"证据 {i}.txt").write_text(f"{name} {i}\n" * (i + 1), encoding="utf-8")
            run("cunzheng", "deposit", "--node", node.url, "--key", keys[suite], *options, folder)
    trust = node.data / "trust.json"
    receipts = sorted(deposits.rglob("*.receipt.json"))
    for receipt in receipts:
        evidence = Path(str(receipt).removesuffix(".receipt.json"))
        found, said = generator_verdict(receipt, evidence, trust), program_verdict(receipt, evidence, trust)
        assert found["verdict"] == "valid" and found == said, (receipt, found, said)
    assert len(receipts) == 16, receipts
    print(f"{len(receipts)} receipts of the program: the generator says the same")
    altered_receipts(receipts[-1], trust, work)
    print(run(BY_HAND, receipts[0], str(receipts[0]).removesuffix(".receipt.json"), trust).decode().splitlines()[-1])


def altered_receipts(receipt, trust, work):
    """Both name the same error, whichever line of the file is damaged."""
    evidence = Path(str(receipt).removesuffix(".receipt.json"))
    lines = receipt.read_text(encoding="utf-8").splitlines(keepends=True)
    for i, line in enumerate(lines):
        for at in {len(line) // 4, len(line) // 2, 3 * len(line) // 4}:
            changed = line[:at] + ("1" if line[at] == "0" else "0") + line[at + 1 :]
            (work / "r").write_text("".join(lines[:i] + [changed] + lines[i + 1 :]), encoding="utf-8")
            said, found = program_verdict(work / "r", evidence, trust), generator_verdict(work / "r", evidence, trust)
            assert said == found, (i + 1, at, changed, said, found)


def main():
    os.environ["CUNZHENG_PASSPHRASE"] = "only for this test"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        os.environ["HOME"] = str(work)
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "CUNZHENG_NODE", "CUNZHENG_KEY"):
            os.environ.pop(variable, None)
        vectors_through_the_program(work)
        program_receipts_through_the_generator(work)


if __name__ == "__main__":
    sys.exit(main())
