#!/usr/bin/env python3
"""Receipts of every release still verify, with the same times, by our programs and by the generator.

    golden_test.py            checks specs/vectors/golden/*/
    golden_test.py --record   writes a new release's expected.json; never for one that has been released
"""

import json
import os
import pathlib
import subprocess
import sys

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "specs" / "vectors"


def outcome_of_program(evidence, receipt, trust):
    run = subprocess.run(
        ["cunzheng", "verify", evidence, "--receipt", receipt, "--trust", trust, "--json"],
        capture_output=True, text=True, env=dict(os.environ, XDG_CONFIG_HOME="/nonexistent"))
    report = json.loads(run.stdout)
    times = {f"{t}_unix_s": report[t]["time_unix_s"] for t in ("t1", "t2") if t in report}
    return {"verdict": report["verdict"], **times}


def outcome_of_generator(evidence, receipt, trust):
    run = subprocess.run(
        [VECTORS / "generate.py", "--verify-receipt", receipt, "--evidence", evidence, "--trust", trust],
        capture_output=True, text=True)
    report = json.loads(run.stdout)
    return {"verdict": report["verdict"], **{t: report[t] for t in ("t1_unix_s", "t2_unix_s") if report.get(t)}}


def main():
    record = sys.argv[1:] == ["--record"]
    checked = 0
    for release in sorted(p for p in (VECTORS / "golden").iterdir() if p.is_dir()):
        expected_path = release / "expected.json"
        expected = {} if not expected_path.exists() else json.loads(expected_path.read_text())
        found = {}
        for receipt in sorted(release.rglob("*.receipt.json")):
            evidence = receipt.with_name(receipt.name.removesuffix(".receipt.json"))
            name = str(evidence.relative_to(release))
            found[name] = outcome_of_program(evidence, receipt, release / "trust.json")
            other = outcome_of_generator(evidence, receipt, release / "trust.json")
            assert found[name] == other, f"{release.name}/{name}: program {found[name]}, generator {other}"
            checked += 1
        if record and not expected:
            expected_path.write_text(json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        else:
            assert found == expected, f"{release.name}: found {found}, expected {expected}"
    assert checked > 0, "no golden receipts"
    print(f"{checked} golden receipts verify")


if __name__ == "__main__":
    main()
