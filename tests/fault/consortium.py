"""A consortium of nodes on 127.0.0.1 under real CometBFT, for tests: laid out, started, signalled, asked."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

NODES = 4
NODES_MAX = 6  # with those that join later
PORTS = 10  # a node: HTTP, p2p, RPC, and links of `isolate`


def say(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


BEGAN = time.monotonic()


def free_ports():
    """The first of ten ports a node that nobody has, below those that the kernel hands out."""
    start = os.getpid() % 120
    for number in range(120):
        base = 20_000 + (start + number) % 120 * 100
        try:
            for port in (base + 10 * node + kind for node in range(NODES_MAX) for kind in range(PORTS)):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    raise AssertionError("no free ports from 20000 to 32000")


class Link:
    """TCP connections to one port of this machine, which can be cut: then nothing passes, as when a cable is out."""

    def __init__(self, port, to):
        self.to, self.up, self.pairs, self.lock = to, True, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if not self.up:
                    self.pairs.append((here, None))  # accepted, and silence
                    continue
            try:
                there = socket.create_connection(("127.0.0.1", self.to), timeout=5)
            except OSError:
                here.close()
                continue
            there.settimeout(None)
            with self.lock:
                self.pairs.append((here, there))
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                if not self.up:
                    return  # lost; the ends find out by their own timeouts, or when the link is back
                sink.sendall(data)
        except OSError:
            pass
        if self.up:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def set(self, up):
        with self.lock:
            self.up = up
            if up:
                for pair in self.pairs:
                    for end in filter(None, pair):
                        try:
                            end.shutdown(socket.SHUT_RDWR)
                        except OSError:
                            pass
                self.pairs.clear()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.set(True)


class Consortium:
    def __init__(self, folder, nodes=NODES):
        self.folder = folder
        self.data = folder / "c"
        self.base_port = free_ports()
        self.env = dict(os.environ, HOME=str(folder), CUNZHENG_PASSPHRASE="only for this test")
        self.processes, self.links = {}, []
        self.run("cunzhengd", "testnet", "--nodes", str(nodes), "--out", self.data, "--base-port", str(self.base_port))
        self.run("cunzheng", "keygen", "--out", folder / "key")
        self.trust = folder / "trust.json"
        shutil.copy(self.data / "node1/trust.json", self.trust)

    def run(self, *command, check=True, timeout=90):
        done = subprocess.run([str(part) for part in command], env=self.env, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def url(self, node):
        return f"http://127.0.0.1:{self.base_port + 10 * (node - 1)}"

    def rpc(self, node):
        return f"127.0.0.1:{self.base_port + 10 * (node - 1) + 2}"

    def set_config(self, node, key, value, file="config.toml"):
        path = self.data / f"node{node}" / file
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", path.read_text())
        assert count == 1, f"{path}: {key}"
        path.write_text(text)

    def isolate(self, node):
        """Puts links that can be cut between `node` and all others, for consensus and for cosignatures. Before they start."""
        at = self.base_port + 10 * (node - 1)
        free = iter(range(at + 3, at + PORTS))

        def link(port):
            between = next(free)
            self.links.append(Link(between, port))
            return between

        def replace(where, file, port, by):
            path = self.data / f"node{where}" / file
            path.write_text(path.read_text().replace(f"127.0.0.1:{port}", f"127.0.0.1:{by}"))
        for kind, file in ((0, "config.toml"), (1, "cometbft/config/config.toml")):
            inward = link(at + kind)
            for other in range(1, NODES + 1):
                if other != node:
                    replace(other, file, at + kind, inward)
        # Both sides dial; what the node itself dials goes out through links too, two of them to stay within its ports.
        for kind, file in ((0, "config.toml"), (1, "cometbft/config/config.toml")):
            for other in range(1, NODES + 1):
                if other != node and (kind == 1 or other == 1):
                    port = self.base_port + 10 * (other - 1) + kind
                    replace(node, file, port, link(port))

    def start(self, node, what=("cunzhengd", "cometbft"), shift_ms=0):
        """`shift_ms`: how far the node's own clock is off."""
        home = self.data / f"node{node}"
        commands = {"cunzhengd": ["cunzhengd", "run", "--data", str(home)],
                    "cometbft": ["cometbft", "start", "--home", str(home / "cometbft")]}
        for name in what:
            log = open(self.folder / f"{name}{node}.log", "ab")
            env = self.env
            if shift_ms and name == "cunzhengd":
                shift = self.folder / f"clock{node}"
                shift.write_text(f"{shift_ms} sync\n")
                env = dict(env, LD_PRELOAD=os.environ["CLOCK_SHIM"], CLOCK_SHIM_FILE=str(shift))
            self.processes[name, node] = subprocess.Popen(commands[name], env=env, stdout=log, stderr=log)
            if name == "cunzhengd":
                self.wait(lambda: (home / "cometbft/abci.sock").exists(), 30, f"node {node} starts")

    def signal(self, node, number, what=("cometbft", "cunzhengd")):
        for name in what:
            process = self.processes[name, node]
            process.send_signal(number)
            if number in (signal.SIGKILL, signal.SIGTERM):
                process.wait(timeout=60)

    def restart(self, node, **how):
        """Orderly, and until the node votes again."""
        self.signal(node, signal.SIGTERM, ("cunzhengd",))
        self.processes["cometbft", node].kill()
        self.processes["cometbft", node].wait()
        self.start(node, **how)
        self.wait(lambda: self.validates(node), 60, f"node {node} votes again")

    def kill(self, node):
        self.signal(node, signal.SIGKILL)
        (self.data / f"node{node}/cometbft/abci.sock").unlink(missing_ok=True)

    def wipe(self, node):
        """All its data but keys, configuration, and what keeps it from voting twice."""
        home = self.data / f"node{node}"
        shutil.rmtree(home / "ledger")
        for path in (home / "cometbft/data").iterdir():
            if path.name == "priv_validator_state.json":
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def cut(self, gone):
        for link in self.links:
            link.set(not gone)

    def stop_all(self):
        for link in self.links:
            link.close()
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        for process in self.processes.values():
            process.wait(timeout=30)

    def ledger(self, node):
        with urllib.request.urlopen(self.url(node) + "/v1/ledger", timeout=10) as answer:
            return json.load(answer)

    @staticmethod
    def wait(condition, seconds, what):
        end = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}")
            time.sleep(0.1)

    def validates(self, node):
        """Whether the node's engine has caught up and votes again: until then it counts among those that are gone."""
        with urllib.request.urlopen(f"http://{self.rpc(node)}/status", timeout=5) as answer:
            return not json.load(answer)["result"]["sync_info"]["catching_up"]

    def consensus(self, node):
        """Where the node's engine stands, for people: height/round/step, votes, and waiting transactions."""
        found = []
        for path in ("consensus_state", "num_unconfirmed_txs"):
            try:
                with urllib.request.urlopen(f"http://{self.rpc(node)}/{path}", timeout=2) as answer:
                    result = json.load(answer)["result"]
            except OSError as error:
                return str(error)
            found.append(result.get("round_state", result))
        state, waiting = found
        votes = [(v["round"], v["prevotes_bit_array"], v["precommits_bit_array"]) for v in state["height_vote_set"]]
        return f"{state['height/round/step']}, proposer {state['proposer']['index']}, {votes}, {waiting['total']} transactions wait"

    def agree(self, seconds=60, nodes=NODES):
        """All nodes come to the same head."""
        heads = []

        def same():
            heads[:] = [self.ledger(node) for node in range(1, nodes + 1)]
            return len({(head["size"], head["root"], head["app_hash"], head["time_unix_ms"]) for head in heads}) == 1
        self.wait(same, seconds, f"equal ledgers: {heads}")
        return heads[0]


def with_consortium(test, nodes=NODES):
    """Runs `test(consortium)`; on a failure shows the ends of all logs; leaves no process and no file."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cz-", dir="/tmp"))
    consortium = Consortium(folder, nodes)
    try:
        test(consortium)
    except BaseException:
        for node in sorted({node for _, node in consortium.processes}):
            print(f"== consensus of node {node}: {consortium.consensus(node)}", file=sys.stderr)
        for path in sorted(folder.glob("*.log")):
            print(f"== {path.name}\n" + "".join(path.read_text(errors="replace").splitlines(True)[-15:]), file=sys.stderr)
        raise
    finally:
        consortium.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
