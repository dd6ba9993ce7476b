#!/usr/bin/env python3
"""`cunzheng capture` beside Chromium alone, on the pages of the test site, in the same run.

    capture.py [--build build/release] [--rounds 3] [--json FILE]

For each page: wall time of a capture with its deposit, beside Chromium's own headless load with a screenshot; how many of
the response bodies that came are in the package; the package's bytes beside those of the bodies in it. A node of its own
runs on 127.0.0.1. README.md says how to read it.
"""

import argparse
import io
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
sys.dont_write_bytecode = True
from capture_site import Site  # noqa: E402
from cli_test import PASSPHRASE, Node  # noqa: E402

PAGES = ["/", "/frames", "/lazy", "/encodings", "/infinite/5", "/tall", "/many/300"]


def timed(command, env):
    begin = time.monotonic()
    done = subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return time.monotonic() - begin


def measure(args, site, node, work):
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    env = {**os.environ, "HOME": str(work), "CUNZHENG_PASSPHRASE": PASSPHRASE}
    key = work / "key"
    subprocess.run(["cunzheng", "keygen", "--out", key], env=env, check=True, capture_output=True)
    node.run("account", "add", "--account-key", f"{key}.pub", "--name", "Bench")
    node.start()
    rows = []
    for path in PAGES:
        url, ours, alone = site.http(path), [], []
        for number in range(args.rounds):
            package = work / "page.evidence.zip"
            package.unlink(missing_ok=True)
            command = ["cunzheng", "capture", url, "--out", package, "--node", node.url, "--key", key, "--allow-local", "--ask-nobody",
                       "--pause", 0, *sandbox]
            for argument in site.browser_arguments():
                command += ["--browser-argument", argument]
            ours.append(timed(command, env))
            profile = work / f"profile{number}"
            alone.append(timed(["chromium", "--headless", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
                                f"--screenshot={work / 'alone.png'}", *sandbox, *site.browser_arguments(), url], env))
            shutil.rmtree(profile, ignore_errors=True)
        with zipfile.ZipFile(package) as outer:
            with zipfile.ZipFile(io.BytesIO(outer.read("capture.wacz"))) as wacz:
                report = json.loads(wacz.read("evidence/completeness.json"))["counts"]
                archive = wacz.getinfo("archive/data.warc.gz").file_size
        came = report["bodies_whole"] + report["missed"] + report["cut_length"] + report["cut_time"]
        rows.append({"page": path, "seconds": statistics.median(ours), "chromium_seconds": statistics.median(alone),
                     "bodies": report["bodies_whole"], "bodies_came": came, "body_bytes": report["body_bytes"],
                     "archive_bytes": archive, "package_bytes": package.stat().st_size})
        print(f"{path}: {rows[-1]['seconds']:.1f} s", file=sys.stderr, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    build = args.build.resolve()
    os.environ["PATH"] = f"{build / 'client/cli'}:{build / 'node'}:{os.environ['PATH']}"
    work = pathlib.Path(tempfile.mkdtemp(prefix="cz-bench-capture-"))
    node = Node(work / "node", "bench.test/ledger")
    try:
        with Site() as site:
            rows = measure(args, site, node, work)
    finally:
        node.stop()
        shutil.rmtree(work)
    print("| page | capture | Chromium alone | ratio | bodies in the package | body bytes | archive | package |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for r in rows:
        print(f"| `{r['page']}` | {r['seconds']:.1f} s | {r['chromium_seconds']:.1f} s | "
              f"{r['seconds'] / r['chromium_seconds']:.1f} | {r['bodies']} of {r['bodies_came']} | {r['body_bytes']:,} | "
              f"{r['archive_bytes']:,} | {r['package_bytes']:,} |")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
