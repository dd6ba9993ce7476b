#!/usr/bin/env python3
"""The long measurements of ./test.sh --full: ten million records, and half load for a while. Prints the table; fails only
when something breaks, since machines are noisy."""

import os
import pathlib
import subprocess
import sys

micro = pathlib.Path(os.environ["BENCH_MICRO"])
run = pathlib.Path(__file__).resolve().parent / "run.py"
sys.exit(subprocess.run([sys.executable, run, "--build", micro.parents[2], "--micro", micro, "--grow", "10000000",
                         "--soak", "600"]).returncode)
