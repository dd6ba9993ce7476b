#!/usr/bin/env python3
"""Runs clang-tidy over the project's own sources, each only when something it depends on has changed.

    tidy.py BUILD_DIR [FILE…]      BUILD_DIR holds compile_commands.json of a finished build

A clean result is remembered in the user's cache under a hash of everything that could change it: the
configuration, the tool, the compile command, and the contents of the source and of every project
file that the compiler read for it (ninja's own dependency log). Where the checkout lies does not
count, so that one clone's run serves the next.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TOOL = "clang-tidy-14"
TOP = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "cunzheng" / "tidy"
AREAS = ("crypto", "ledger", "node", "client")


def dependencies(build):
    """Object file -> project files that it was compiled from."""
    listing = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True)
    table, current = {}, None
    for line in listing.stdout.splitlines():
        if line and not line.startswith((" ", "ninja:")):
            current = table.setdefault(line.split(":", 1)[0], [])
        elif line.strip() and current is not None:
            path = (build / line.strip()).resolve()
            if TOP in path.parents and build not in path.parents:
                current.append(path)
    return table


def key_of(unit, sources, fixed):
    key = hashlib.sha256(fixed)
    key.update(unit["command"].replace(str(TOP), ".").encode())
    for path in sorted(set(sources)):
        key.update(str(path.relative_to(TOP)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return key.hexdigest()


def check(path, build):
    # gcc-only warning options would otherwise be reported as unknown.
    run = subprocess.run(
        [TOOL, "--quiet", "-p", str(build), "--extra-arg=-Wno-unknown-warning-option", str(path)],
        capture_output=True, text=True)
    # What the analyzer thinks to see inside an installed header (Boost's coroutines, above all) is not ours to mend.
    places = re.findall(r"^(/[^:\n]+):\d+:\d+: (?:error|warning):", run.stdout, re.MULTILINE)
    clean = run.returncode == 0 or (places and not any(TOP in pathlib.Path(place).parents for place in places))
    return path, clean, run.stdout + ("" if clean else run.stderr)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    chosen = {pathlib.Path(name).resolve() for name in sys.argv[2:]}
    CACHE.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TOOL, "--version"], capture_output=True, check=True).stdout
    fixed = version + (TOP / ".clang-tidy").read_bytes()
    read_for = dependencies(build)

    todo, clean = {}, 0
    for unit in json.loads((build / "compile_commands.json").read_text()):
        path = (pathlib.Path(unit["directory"]) / unit["file"]).resolve()
        if not any(TOP / area in path.parents for area in AREAS) or (chosen and path not in chosen):
            continue
        command = shlex.split(unit["command"])
        output = command[command.index("-o") + 1]
        if output not in read_for:
            sys.exit(f"error: {output} has not been built\nhint: cmake --build {build}")
        mark = CACHE / key_of(unit, [path, *read_for[output]], fixed)
        if mark.exists():
            clean += 1
        else:
            todo[path] = mark

    failures = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, good, text in pool.map(lambda path: check(path, build), sorted(todo)):
            if good:
                todo[path].touch()
            else:
                failures += 1
                print(text, flush=True)
    print(f"clang-tidy: {clean + len(todo)} files, {clean} unchanged since they were clean, {failures} with findings")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
