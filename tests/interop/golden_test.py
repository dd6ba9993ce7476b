#!/usr/bin/env python3
"""Receipts and packages of every release still verify, with the same times, by our programs and by the generator.

    golden_test.py            checks specs/vectors/golden/*/
    golden_test.py --record   writes a new release's expected.json; never for one that has been released
"""

import json
import os
import pathlib
import subprocess
import sys

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "specs" / "vectors"


CONTAINERS = {".evidence.zip": "--verify-package", ".disclosure.zip": "--verify-package", ".history.jsonl": "--verify-history"}


def run_json(*command):
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=dict(os.environ, XDG_CONFIG_HOME="/nonexistent"))
    assert run.stdout.startswith("{"), f"{command}\n{run.stdout}{run.stderr}"
    return json.loads(run.stdout)


def told(report, bounds):
    times = {f"{t}_unix_s": bounds[t]["time_unix_s"] for t in ("t1", "t2") if t in bounds}
    return {"verdict": report["verdict"], **times}


def also(report, *names):
    return {"verdict": report["verdict"], **{name: report[name] for name in names if report.get(name)}}


def outcomes(evidence, receipt, trust):
    """What our program and what the generator says of a receipt and its evidence."""
    ours = run_json("cunzheng", "verify", evidence, "--receipt", receipt, "--trust", trust, "--json")
    theirs = run_json(VECTORS / "generate.py", "--verify-receipt", receipt, "--evidence", evidence, "--trust", trust)
    return told(ours, ours), also(theirs, "t1_unix_s", "t2_unix_s")


def outcomes_of_container(path, option, trust):
    """The same of a package, a disclosure or a history, which bring their receipts along."""
    ours = run_json("cunzheng", "verify", path, "--trust", trust, "--json")
    theirs = run_json(VECTORS / "generate.py", option, path, "--trust", trust)
    if option == "--verify-history":
        newest = ours["receipts"][0]
        ours = {"verdict": ours["verdict"], "looks": ours["looks"], "t2_unix_s": newest["t2_unix_s"],
                "packages": [(p["look"], p["verdict"], p["t2_unix_s"]) for p in ours["packages"]]}
        theirs = also(theirs, "looks", "t2_unix_s", "packages")
        theirs["packages"] = [(p["look"], p["verdict"], p["t2_unix_s"]) for p in theirs["packages"]]
        return json.loads(json.dumps(ours)), json.loads(json.dumps(theirs))
    extra = {"recording": ours["recording"]} if "recording" in ours else {}
    return {**told(ours, ours["receipt"]), **extra}, also(theirs, "t1_unix_s", "t2_unix_s", "recording")


def main():
    record = sys.argv[1:] == ["--record"]
    checked = 0
    for release in sorted(p for p in (VECTORS / "golden").iterdir() if p.is_dir()):
        expected_path = release / "expected.json"
        expected = {} if not expected_path.exists() else json.loads(expected_path.read_text())
        found = {}
        trust = release / "trust.json"
        for path in sorted(p for p in release.rglob("*") if p.is_file()):
            kind = next((end for end in CONTAINERS if path.name.endswith(end)), None)
            evidence = path.with_name(path.name.removesuffix(".receipt.json"))
            if kind:
                name = str(path.relative_to(release))
                found[name], other = outcomes_of_container(path, CONTAINERS[kind], trust)
            elif evidence != path and not evidence.name.endswith(".history.jsonl"):
                name = str(evidence.relative_to(release))
                found[name], other = outcomes(evidence, path, trust)
            else:
                continue
            assert found[name] == other, f"{release.name}/{name}: program {found[name]}, generator {other}"
            checked += 1
        if record and not expected:
            expected_path.write_text(json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        else:
            assert found == expected, f"{release.name}: found {found}, expected {expected}"
    assert checked > 0, "nothing golden"
    print(f"{checked} golden receipts and packages verify")


if __name__ == "__main__":
    main()
