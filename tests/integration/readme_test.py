#!/usr/bin/env python3
"""Runs the ```console blocks of README.md in order, in one shell and one empty folder, and compares
what they print with what is documented. Both programs have to be on PATH.

    readme_test.py [README]

A line that starts with "$ " is a command, lines that start with "> " go on with it, and the lines below
are its output, standard error included. In documented output "…" stands for any text within a line, and a
line that is "…" alone for any number of lines. Port 8750 is replaced by a free one, so that a node that
runs on this machine does not get in the way.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

TIME_LIMIT_S = 120
MARK = "readme-test-mark"


def console_blocks(text):
    return re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)


def steps(block):
    """[(command, [documented output lines])]"""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif found:
            found[-1][1].append(line)
        else:
            sys.exit(f"error: README: output without a command: {line}")
    return found


def pattern(documented):
    parts = []
    for line in documented:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(".*".join(re.escape(piece) for piece in line.rstrip().split("…")) + r"\n")
    return re.compile("".join(parts))


def without_terminal_noise(text):
    """Trailing blanks of a line are invisible in a document."""
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def main():
    top = pathlib.Path(__file__).resolve().parent.parent.parent
    readme = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else top / "README.md"
    text = readme.read_text().replace("8750", free_port())
    todo = [step for block in console_blocks(text) for step in steps(block)]
    if not todo:
        sys.exit(f"error: {readme} has no console blocks")

    with tempfile.TemporaryDirectory(prefix="cunzheng-readme.") as folder:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CUNZHENG_")}
        environment.update(HOME=folder, LC_ALL="C.UTF-8", NO_COLOR="1")
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            environment.pop(name, None)
        shell = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=folder, env=environment, text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 start_new_session=True)
        # Whatever the transcript leaves running belongs to the shell's process group.
        end = lambda: os.killpg(shell.pid, signal.SIGKILL)
        watchdog = threading.Timer(TIME_LIMIT_S, end)
        watchdog.start()
        failures = 0
        try:
            for command, documented in todo:
                # The exit status survives the marker, so that the next command may ask for $?.
                shell.stdin.write(f"{command}\n{{ status=$?; printf '\\n%s\\n' {MARK}; (exit $status); }}\n")
                shell.stdin.flush()
                output = ""
                while f"\n{MARK}\n" not in output:
                    line = shell.stdout.readline()
                    if not line:
                        sys.exit(f"error: the shell ended, or {TIME_LIMIT_S} s were over, in: {command}\n{output}")
                    output += line
                printed = without_terminal_noise(output[: output.index(f"\n{MARK}\n")])
                if pattern(documented).fullmatch(printed):
                    print(f"as documented: {command}")
                else:
                    failures += 1
                    print(f"DIFFERS: {command}\n-- documented:\n" + "\n".join(documented) + f"\n-- printed:\n{printed}")
        finally:
            watchdog.cancel()
            end()
            shell.wait()
    print(f"{len(todo)} commands, {failures} differ")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
