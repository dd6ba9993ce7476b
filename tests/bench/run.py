#!/usr/bin/env python3
"""Measures a node on this machine: what a deposit costs, and beside it what the parts of it cost alone.

    run.py [--build build/release] [--seconds 10] [--grow RECORDS] [--soak SECONDS] [--json FILE]

Starts a node of its own on 127.0.0.1 in a temporary folder below the current one, loads it with `cunzheng bench`,
and stops it. CPU of the server is read from /proc, apart from the generator's. Every ratio is to a baseline that was
measured in the same run. README.md beside this file explains the lines.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
RECORDS_A_BATCH = 1000
MIB = 1 << 20


def progress(text):
    print(text, file=sys.stderr, flush=True)


class Node:
    """A node of a new ledger, with one account."""

    def __init__(self, programs, folder, settings=()):
        self.programs, self.data = programs, folder / "node"
        self.key = folder / "account.key"
        self.process = None
        # Nothing of the person who runs this, and no proxy.
        self.env = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8",
                    "CUNZHENG_PASSPHRASE": "only for this measurement", "CUNZHENG_KEY": str(self.key)}
        self.run("cunzhengd", "init", "--data", self.data, "--origin", "bench.example/ledger", "--listen", "127.0.0.1:0")
        config = self.data / "config.toml"
        for setting in settings:
            name, _, value = setting.partition("=")
            text, found = re.subn(rf"(?m)^{re.escape(name)} = .*$", f"{name} = {value}", config.read_text())
            if found != 1:
                raise SystemExit(f"error: --set {setting}: config.toml has {found} such names")
            config.write_text(text)
        self.run("cunzheng", "keygen", "--out", self.key)
        self.run("cunzhengd", "account", "add", "--data", self.data, "--account-key", f"{self.key}.pub", "--name", "Bench")

    def run(self, *command):
        done = subprocess.run([str(part) for part in command], env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"error: {' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def start(self):
        """Seconds from the start of the process to its readiness."""
        began = time.monotonic()
        self.process = subprocess.Popen([self.programs / "cunzhengd", "run", "--data", str(self.data)], env=self.env,
                                        stderr=subprocess.DEVNULL)
        listen = self.data / "listen"
        while not listen.exists() or not listen.read_text().strip():
            if self.process.poll() is not None or time.monotonic() - began > 120:
                raise SystemExit("error: the node did not start")
            time.sleep(0.001)
        self.env["CUNZHENG_NODE"] = "http://" + listen.read_text().strip()
        return time.monotonic() - began

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            self.process = None

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def memory(self, name):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise SystemExit(f"error: no {name} of the node")

    def disk_bytes(self):
        return sum(path.stat().st_size for path in (self.data / "ledger").iterdir())

    def load(self, **options):
        """One run of the generator; adds the server's CPU."""
        command = ["cunzheng", "bench", "--json"]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        before = self.cpu_s()
        result = json.loads(self.run(*command))
        result["server_cpu_s"] = self.cpu_s() - before
        result["elapsed_s"] = result["elapsed_us"] / 1e6
        if result["refused"]:
            raise SystemExit(f"error: refused: {result['refusals']}")
        return result


def micro(program, folder, blink):
    command = [program, "--benchmark_format=json"] + (["--benchmark_min_time=0.001"] if blink else [])
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        raise SystemExit(f"error: bench_micro: exit {done.returncode}\n{done.stderr}")
    units = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}
    result = {}
    for each in json.loads(done.stdout)["benchmarks"]:
        name = each["name"].replace("/real_time", "").partition("/iterations")[0]
        time_of = "real_time" if "real_time" in each["name"] else "cpu_time"
        result[name] = each[time_of] * units[each["time_unit"]]
    return result


def command_s(node, *command, repeats=15):
    """Median wall time of a whole command."""
    times = []
    for _ in range(repeats):
        began = time.monotonic()
        node.run(*command)
        times.append(time.monotonic() - began)
    return statistics.median(times)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, key, value, unit, baseline="", ratio=None, aim=""):
        self.rows.append({"key": key, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "aim": aim})

    def markdown(self):
        lines = ["| what | figure | beside | ratio | aim |", "| --- | --- | --- | --- | --- |"]
        for row in self.rows:
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            lines.append(f"| {row['key']} | {row['value']:,.4g} {row['unit']} | {row['baseline']} | {ratio} | {row['aim']} |"
                         if abs(row["value"]) < 100 else
                         f"| {row['key']} | {row['value']:,.0f} {row['unit']} | {row['baseline']} | {ratio} | {row['aim']} |")
        return "\n".join(lines)


def measure_deposits(node, base, seconds, table):
    verify_us = base["Secp256k1Verify"] * 1e6
    exchange_us = base["BeastExchange"] * 1e6
    progress("single deposits, as fast as they are answered")
    node.load(count=500, connections=16)
    rough = node.load(count=2_000, connections=64)
    count = max(200, int(rough["acknowledged"] / rough["elapsed_s"] * seconds))
    single = node.load(count=count, connections=64)
    rate = single["acknowledged"] / single["elapsed_s"]
    cpu_us = single["server_cpu_s"] / single["acknowledged"] * 1e6
    synced = 1 / base["LevelDbSyncedWrite/1024"]
    table.add("single deposits, 64 connections", rate, "/s", f"LevelDB synced writes, {synced:,.0f} /s", rate / synced)
    table.add("server CPU a single deposit", cpu_us, "us", f"one secp256k1 verification, {verify_us:.1f} us",
              cpu_us / verify_us, "1.8")
    table.add("the same", cpu_us, "us", f"verification + Beast exchange, {verify_us + exchange_us:.1f} us",
              cpu_us / (verify_us + exchange_us))
    table.add("generator CPU a single deposit", single["generator_cpu_us"] / single["acknowledged"], "us")

    progress("single deposits at half load")
    half = max(1, int(rate / 2))
    paced = node.load(count=max(100, int(half * seconds)), connections=64, rate=half)
    table.add(f"latency at {half:,} deposits/s, p50", paced["latency_us"]["p50"] / 1e3, "ms")
    table.add(f"latency at {half:,} deposits/s, p99", paced["latency_us"]["p99"] / 1e3, "ms", aim="30 ms")
    table.add("server CPU a deposit at half load", paced["server_cpu_s"] / paced["acknowledged"] * 1e6, "us",
              f"one secp256k1 verification, {verify_us:.1f} us",
              paced["server_cpu_s"] / paced["acknowledged"] * 1e6 / verify_us)


def measure_batches(node, base, seconds, table):
    progress(f"batches of {RECORDS_A_BATCH:,}")
    before = node.disk_bytes()
    warm = node.load(count=20, connections=4, batch=RECORDS_A_BATCH)
    rough = node.load(count=50, connections=4, batch=RECORDS_A_BATCH)
    count = max(20, min(2_000, int(rough["acknowledged"] / rough["elapsed_s"] * seconds)))
    load = node.load(count=count, connections=4, batch=RECORDS_A_BATCH)
    records = load["records"]
    cpu_us = load["server_cpu_s"] / records * 1e6
    sha_us = base["Sha256Of350Bytes"] * 1e6
    table.add("records in batches of 1,000", records / load["elapsed_s"], "/s", "the generator takes the other core")
    table.add("records a second of server CPU", 1e6 / cpu_us if cpu_us else 0, "/s", aim="150,000")
    table.add("server CPU a record", cpu_us, "us", f"SHA-256 of 350 bytes, {sha_us:.2f} us", cpu_us / sha_us)
    total = warm["records"] + rough["records"] + records
    table.add("bytes a record on disk", (node.disk_bytes() - before) / total, "bytes")


def measure_verify(node, base, folder, table):
    progress("verification")
    evidence = folder / "evidence.txt"
    evidence.write_text("evidence\n")
    node.run("cunzheng", "deposit", evidence)
    cold = command_s(node, "cunzheng", "verify", evidence, "--trust", node.data / "trust.json")
    started = command_s(node, "cunzheng", "--version")
    table.add("cold `cunzheng verify FILE`", cold * 1e3, "ms", f"`cunzheng --version`, {started * 1e3:.1f} ms", cold / started,
              "20 ms")
    warm = base["VerifyReceipt/secp256k1"] * 1e6
    table.add("verification in process", warm, "us", "one secp256k1 verification", warm / (base["Secp256k1Verify"] * 1e6))


def measure_digest(node, folder, length, table):
    progress(f"digests of {length // MIB} MiB")
    path = folder / "large"
    with open(path, "wb") as out:
        for _ in range(length // MIB):
            out.write(os.urandom(MIB))
    speeds = {}
    for name in ("sha256", "sm3"):
        speeds[name] = length / command_s(node, "openssl", "dgst", f"-{name}", path, repeats=3) / MIB
        table.add(f"`openssl dgst -{name}`", speeds[name], "MiB/s")
    times = []
    for _ in range(3):
        began = time.monotonic()
        done = subprocess.run(["cunzheng", "lookup", path], env=node.env, capture_output=True, text=True)
        times.append(time.monotonic() - began)
        # Nothing on the ledger has this digest; any other end would be no measurement.
        if done.returncode != 1 or "not_found" not in done.stderr:
            raise SystemExit(f"error: cunzheng lookup: exit {done.returncode}\n{done.stderr}")
    both = length / statistics.median(times) / MIB
    table.add("both digests at once, by `cunzheng lookup`", both, "MiB/s", "`openssl dgst -sm3`", both / speeds["sm3"], "1")
    path.unlink()


def measure_growth(node, records, table):
    """To `records` records, in ten steps: does anything but the disk grow?"""
    step = max(RECORDS_A_BATCH, records // 10)
    first_cpu = None
    began = time.monotonic()
    for number in range(10):
        load = node.load(count=step // RECORDS_A_BATCH, connections=4, batch=RECORDS_A_BATCH)
        cpu_us = load["server_cpu_s"] / load["records"] * 1e6
        first_cpu = first_cpu or cpu_us
        rate = load["records"] / load["elapsed_s"]
        resident = node.memory("VmRSS") / MIB
        progress(f"{(number + 1) * step:,} records: {rate:,.0f} /s, {cpu_us:.2f} us of CPU a record, {resident:,.0f} MiB resident")
        table.add(f"growth: the records up to {(number + 1) * step:,}", rate, "/s",
                  f"{cpu_us:.2f} us of server CPU a record; {resident:,.0f} MiB resident", cpu_us / first_cpu if first_cpu else None)
    table.add("growth: all of it, generator's own work included", 10 * step / (time.monotonic() - began), "/s")
    table.add("growth: bytes a record on disk", node.disk_bytes() / (10 * step), "bytes")
    table.add("growth: most memory", node.memory("VmHWM") / MIB, "MiB")
    node.stop()
    table.add("growth: start", node.start() * 1e3, "ms", aim="1,000 ms")
    node.load(count=100, connections=16)
    table.add("growth: resident after start and 100 deposits", node.memory("VmRSS") / MIB, "MiB")
    node.stop()
    began = time.monotonic()
    node.run("cunzhengd", "check", "--data", node.data)
    took = time.monotonic() - began
    table.add("growth: `cunzhengd check`", took, "s", f"{10 * step / took:,.0f} records/s")
    node.start()


def measure_soak(node, seconds, table):
    """Half of what the node can do, for long: is memory flat, is latency?"""
    rough = node.load(count=4_000, connections=64)
    rate = max(1, int(rough["acknowledged"] / rough["elapsed_s"] / 2))
    spans = 4
    for number in range(spans):
        load = node.load(count=max(100, int(rate * seconds / spans)), connections=64, rate=rate)
        resident = node.memory("VmRSS") / MIB
        progress(f"soak {number + 1} of {spans}: p99 {load['latency_us']['p99'] / 1e3:.1f} ms, {resident:,.0f} MiB resident")
        table.add(f"soak: p99, {number + 1} of {spans}, {rate:,} deposits/s", load["latency_us"]["p99"] / 1e3, "ms",
                  f"{resident:,.0f} MiB resident; max {load['latency_us']['max'] / 1e3:.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release", help="the build whose programs run")
    parser.add_argument("--micro", help="bench_micro; by default that of build/dev")
    parser.add_argument("--seconds", type=float, default=10, help="of load in each measurement")
    parser.add_argument("--grow", type=int, default=0, metavar="RECORDS", help="also grow a ledger to that size")
    parser.add_argument("--soak", type=float, default=0, metavar="SECONDS", help="also half load for that long")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the node's config.toml")
    parser.add_argument("--blink", action="store_true", help="as short as can be; the figures mean nothing")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    micro_program = pathlib.Path(options.micro or build.parent / "dev/tests/bench/bench_micro").resolve()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir="."))
    folder = folder.resolve()
    programs = folder / "bin"
    programs.mkdir()
    node = None
    try:
        for path in (build / "node/cunzhengd", build / "client/cli/cunzheng"):
            if not path.exists():
                raise SystemExit(f"error: {path} is missing: cmake --preset release && cmake --build --preset release")
            (programs / path.name).symlink_to(path)
        table = Table()
        progress("baselines")
        base = micro(micro_program, folder, options.blink)
        node = Node(programs, folder, options.set)
        table.add("start of an empty node", node.start() * 1e3, "ms")
        measure_deposits(node, base, options.seconds, table)
        measure_batches(node, base, options.seconds, table)
        table.add("resident memory of the node by now", node.memory("VmRSS") / MIB, "MiB")
        measure_verify(node, base, folder, table)
        measure_digest(node, folder, (8 if options.blink else 512) * MIB, table)
        if options.grow:
            node.stop()
            shutil.rmtree(node.data)
            node.key.unlink()
            pathlib.Path(f"{node.key}.pub").unlink()
            node = Node(programs, folder, options.set)
            node.start()
            measure_growth(node, options.grow, table)
        if options.soak:
            measure_soak(node, options.soak, table)
        print(table.markdown())
        print("\n| baseline or part, alone | us |\n| --- | --- |")
        for name, seconds in base.items():
            print(f"| `{name}` | {seconds * 1e6:,.2f} |")
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps({"figures": table.rows, "baselines_s": base}, indent=2) + "\n")
    finally:
        if node is not None:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
