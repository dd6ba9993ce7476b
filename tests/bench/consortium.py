#!/usr/bin/env python3
"""Four nodes under CometBFT beside CometBFT's own kvstore: the same generator, configuration, machine and run.

    consortium.py [--build build/release] [--seconds 10] [--variants 50:8,100:8,300:8,1000:8,100:1] [--json FILE]

The generator hands transactions to the four CometBFTs in turn (broadcast_tx_commit, one connection each worker) and waits
for each to be committed: signed deposits of one record and of 1,000 for Cunzheng, values of the same lengths for kvstore,
which checks, signs and syncs nothing of its own. Then `cunzheng bench` deposits through one node until receipts have 3 of
4 cosignatures. A variant is timeout_commit in ms and the largest block in MiB; README.md says what was chosen from them. CometBFT v0.38 is found on PATH.
"""

import argparse
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

NODES = 4
BASE_PORT = 24_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def progress(text):
    print(text, file=sys.stderr, flush=True)


class Chain:
    """Four CometBFTs with an application each: Cunzheng's node, or the kvstore that CometBFT has inside."""

    def __init__(self, folder, programs, kvstore, timeout_commit, block_mib):
        self.folder, self.kvstore, self.processes = folder, kvstore, []
        self.env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
                    "CUNZHENG_PASSPHRASE": "only for this measurement"}
        folder.mkdir()
        self.run("cunzhengd", "testnet", "--nodes", NODES, "--out", folder / "c", "--base-port", BASE_PORT)
        self.run("cunzheng", "keygen", "--out", folder / "key")
        for home in self.homes():
            path = home / "cometbft/config/config.toml"
            text = path.read_text().replace('timeout_commit = "100ms"', f'timeout_commit = "{timeout_commit}ms"')
            if kvstore:
                text = re.sub(r'(?m)^proxy_app = .*$', 'proxy_app = "kvstore"', text)
                text = text.replace("filter_peers = true", "filter_peers = false")
            path.write_text(text)
            path = home / "cometbft/config/genesis.json"
            genesis = json.loads(path.read_text())
            genesis["consensus_params"]["block"]["max_bytes"] = str(block_mib << 20)
            # `app_state` is compared byte for byte.
            path.write_text(json.dumps(genesis, separators=(",", ":")))

    def homes(self):
        return [self.folder / f"c/node{node}" for node in range(1, NODES + 1)]

    def run(self, *command):
        done = subprocess.run([str(part) for part in command], env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"error: {' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def rpc(self, node):
        return BASE_PORT + 10 * node + 2

    def url(self, node):
        return f"http://127.0.0.1:{BASE_PORT + 10 * node}"

    def start(self):
        for home in self.homes():
            log = open(home / "log", "ab")
            if not self.kvstore:
                self.spawn(["cunzhengd", "run", "--data", home], log)
                self.wait(lambda: (home / "cometbft/abci.sock").exists(), "the node starts")
            self.spawn(["cometbft", "start", "--home", home / "cometbft"], log)
        for node in range(NODES):
            self.wait(lambda: self.height(node) >= 1, "the first block")
        if not self.kvstore:
            self.run("cunzhengd", "account", "add", "--data", self.homes()[0], "--account-key", self.folder / "key.pub",
                     "--name", "Bench", "--records-per-day", 10**9, "--bytes-per-day", 10**12)

    def spawn(self, command, log):
        self.processes.append(subprocess.Popen([str(part) for part in command], env=self.env, stdout=log, stderr=log))

    def height(self, node):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rpc(node)}/status", timeout=5) as answer:
            return int(json.load(answer)["result"]["sync_info"]["latest_block_height"])

    @staticmethod
    def wait(condition, what):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"error: not within 60 s: {what}")

    def cpu_us(self):
        """Of all processes of the chain so far."""
        total = 0
        for process in self.processes:
            fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total * 1_000_000 // TICKS_PER_S

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def generate(chain, lines, workers, seconds):
    """What came of it: committed, by the second, latencies in ms, refusals."""
    latencies, refused, lock = [], [], threading.Lock()
    turn = iter(lines)
    end = time.monotonic() + seconds

    def work(number):
        connection = http.client.HTTPConnection("127.0.0.1", chain.rpc(number % NODES), timeout=30)
        while time.monotonic() < end:
            with lock:
                line = next(turn, None)
            if line is None:
                return
            body = '{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_commit","params":{"tx":"' + line + '"}}'
            began = time.monotonic()
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            took = time.monotonic() - began
            result = answer.get("result", {})
            good = result.get("check_tx", {}).get("code") == 0 and result.get("tx_result", {}).get("code") == 0
            with lock:
                (latencies if good else refused).append(took * 1000 if good else answer)
    began, cpu = time.monotonic(), chain.cpu_us()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu = time.monotonic() - began, chain.cpu_us() - cpu
    if refused:
        raise SystemExit(f"error: {len(refused)} transactions were refused, the first: {json.dumps(refused[0])[:400]}")
    latencies.sort()
    count = len(latencies)
    return {"rate": count / took, "p50": latencies[count // 2], "p99": latencies[min(count - 1, count * 99 // 100)],
            "cpu_us": cpu / count}


def as_values(lines):
    """kvstore's transactions: a key of its own and a value, as long as the deposit."""
    for number, line in enumerate(lines):
        length = len(line) * 3 // 4 - 12
        yield base64.b64encode(f"k{number:09d}=".encode() + b"v" * length).decode()


def measure(programs, interval, block_mib, seconds):
    found = {}
    batches = {"single": (1, 40_000), "1,000 records": (1000, 1_000)}
    with tempfile.TemporaryDirectory(prefix="cz-bench-", dir=".") as name:
        folder = pathlib.Path(name).resolve()
        lines = {}
        for kvstore in (False, True):
            chain = Chain(folder / ("kvstore" if kvstore else "cunzheng"), programs, kvstore, interval, block_mib)
            try:
                chain.start()
                for what, (records, count) in batches.items():
                    if not kvstore:
                        path = folder / f"batches{records}"
                        chain.run("cunzheng", "bench", "--node", chain.url(0), "--key", chain.folder / "key", "--count", count,
                                  "--batch", records, "--write", path)
                        lines[what] = path.read_text().split()
                    # One iterator for both loads: what the first one sent is not sent again.
                    workload = as_values(lines[what]) if kvstore else iter(lines[what])
                    for load, workers in (("one at a time", 1), ("64 at once" if records == 1 else "16 at once",
                                                               64 if records == 1 else 16)):
                        found[what, load, kvstore] = generate(chain, workload, workers, seconds)
                        progress(f"{interval} ms, {block_mib} MiB, {'kvstore' if kvstore else 'cunzheng'}, {what}, {load}: "
                                 f"{found[what, load, kvstore]}")
                if not kvstore:
                    for load, connections in (("one at a time", 1), ("64 at once", 64)):
                        done = json.loads(chain.run("cunzheng", "bench", "--node", chain.url(0), "--key", chain.folder / "key",
                                                    "--count", 40_000, "--connections", connections, "--seconds", seconds,
                                                    "--json"))
                        found["receipt", load, False] = {
                            "rate": done["acknowledged"] * 1e6 / done["elapsed_us"],
                            "p50": done["latency_us"]["p50"] / 1000, "p99": done["latency_us"]["p99"] / 1000}
            finally:
                chain.stop()
                shutil.rmtree(chain.folder, ignore_errors=True)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--variants", default="50:8,100:8,300:8,1000:8,100:1")
    parser.add_argument("--json")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    programs = f"{build}/node:{build}/client/cli"
    rows, raw = [], {}
    for variant in options.variants.split(","):
        interval, block_mib = map(int, variant.split(":"))
        found = measure(programs, interval, block_mib, options.seconds)
        raw[variant] = {" / ".join((what, load, "kvstore" if kvstore else "cunzheng")): value
                         for (what, load, kvstore), value in found.items()}
        for (what, load, kvstore), ours in found.items():
            if kvstore:
                continue
            beside = found.get((what, load, True))
            ratio = f"{ours['rate'] / beside['rate']:.2f}" if beside else ""
            theirs = f"{beside['rate']:,.0f} /s, p50 {beside['p50']:,.0f} ms" if beside else ""
            cpu = f"{ours['cpu_us']:,.0f} ({beside['cpu_us']:,.0f}) us" if beside else ""
            rows.append(f"| {interval} ms, {block_mib} MiB | {what}, {load} | {ours['rate']:,.0f} /s | {ours['p50']:,.0f} / {ours['p99']:,.0f} ms "
                        f"| {theirs} | {ratio} | {cpu} |")
    print("| timeout_commit, block | what | committed | p50 / p99 | kvstore | ratio | CPU of all processes a transaction (kvstore) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(raw, indent=1))


if __name__ == "__main__":
    main()
