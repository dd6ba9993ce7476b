#!/usr/bin/env bash
# Runs one fuzzer from its seed corpus for CUNZHENG_FUZZ_SECONDS (5): run.sh FUZZER CORPUS
# What it finds on the way stays in the build; an input that crashes is kept beside the fuzzer.
set -euo pipefail
fuzzer=$1 seeds=$2
[ -n "$(ls -A "$seeds" 2>/dev/null)" ] || { echo "error: $seeds has no seeds" >&2; exit 1; }
mkdir -p "$fuzzer.corpus"
exec "$fuzzer" "$fuzzer.corpus" "$seeds" -max_total_time="${CUNZHENG_FUZZ_SECONDS:-5}" -timeout=10 -max_len=65536 \
  -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$fuzzer.crash."
