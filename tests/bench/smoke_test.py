#!/usr/bin/env python3
"""run.py measures everything that it should, and says so. What it measures is not judged: machines are noisy."""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(os.environ["BENCH_MICRO"]).parents[2]
done = subprocess.run([sys.executable, HERE / "run.py", "--build", build, "--micro", os.environ["BENCH_MICRO"], "--blink",
                       "--seconds", "0.2", "--grow", "10000", "--soak", "1", "--json", "bench_smoke.json"],
                      capture_output=True, text=True)
assert done.returncode == 0, done.stderr
result = json.loads(pathlib.Path("bench_smoke.json").read_text())
for name, seconds in result["baselines_s"].items():
    assert seconds > 0, name
for name in ("Secp256k1Verify", "BeastExchange", "LevelDbSyncedWrite/1024", "Sha256Of350Bytes", "VerifyBatch/1",
             "VerifyBatch/1000", "ApplyBlock/1/1", "VerifyReceipt/secp256k1", "DigestFileOf64MiB"):
    assert name in result["baselines_s"], name
figures = {row["key"]: row for row in result["figures"]}
for name in ("server CPU a single deposit", "records in batches of 1,000", "bytes a record on disk", "cold `cunzheng verify FILE`",
             "both digests at once, by `cunzheng lookup`", "growth: start", "growth: `cunzhengd check`"):
    assert figures[name]["value"] > 0, name
    assert f"| {name} |" in done.stdout, name
print("measured", len(figures), "figures and", len(result["baselines_s"]), "baselines")
