#!/usr/bin/env bash
# From a fresh clone to a verified receipt: installs what is missing, builds, runs a node on
# loopback, deposits FILE (or a sample), stops the node and verifies the receipt without it.
#
#   ./quickstart.sh [FILE] [--keep]
#
# What it made is left in .quickstart/; no process is, unless --keep asks for the node to stay.
set -euo pipefail
cd "$(dirname "$0")"
top=$PWD
calling_dir=$OLDPWD

usage() { sed -n '2,7s/^# \{0,1\}//p' quickstart.sh; }
fail() {
  echo "error: $1" >&2
  [ $# -lt 2 ] || echo "hint: $2" >&2
  exit 1
}
step() { printf '\n== %s\n' "$*"; }
# Shows a command as one would type it, then runs it.
show() {
  local word
  printf '$'
  for word in "${@//$top\//}"; do
    if [[ $word == *[[:space:]]* ]]; then word="'$word'"; fi
    printf ' %s' "$word"
  done
  printf '\n'
  "$@"
}

file="" keep=0
for argument in "$@"; do
  case $argument in
    --keep) keep=1 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) [ -z "$file" ] || { usage >&2; exit 2; }; file=$argument ;;
  esac
done
if [ -n "$file" ]; then
  [[ $file == /* ]] || file=$calling_dir/$file
  [ -f "$file" ] && [ -r "$file" ] || fail "$file is not a file that can be read"
fi

work=$top/.quickstart
kept_pid=$(cat "$work/cunzhengd.pid" 2>/dev/null) || kept_pid=""
if [ -n "$kept_pid" ] && [ "$(cat "/proc/$kept_pid/comm" 2>/dev/null)" = cunzhengd ]; then
  fail "a node that was kept is still running, process $kept_pid" "stop it: kill $kept_pid"
fi

# The node is this script's only background job, so ${!-} is its process from the moment that it exists.
node_runs() { [ -n "${!-}" ] && kill -0 "${!-}" 2>/dev/null; }
stop_node() {
  node_runs || return 0
  kill -TERM "${!-}"
  for _ in $(seq 150); do
    node_runs || break
    sleep 0.1
  done
  kill -KILL "${!-}" 2>/dev/null || true
  wait "${!-}" 2>/dev/null || true
}
finished=0
leave() {
  local status=$?
  trap - EXIT INT TERM HUP
  if [ $finished = 0 ] || [ $keep = 0 ]; then stop_node; fi
  if [ $finished = 0 ] && [ -s "$work/node.log" ]; then
    echo "The node's last words ($work/node.log):" >&2
    tail -5 "$work/node.log" >&2
  fi
  exit "$status"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step "Packages and build"
. .ci/deps.sh
need_packages build
started=$SECONDS
echo "building the two programs; the first time takes some minutes"
cmake --preset release >/dev/null
# On a terminal ninja shows its progress in one line.
quiet=(-- --quiet)
if [ -t 1 ]; then quiet=(); fi
cmake --build --preset release --target cunzhengd cunzheng "${quiet[@]}"
echo "built in $((SECONDS - started)) s: build/release/node/cunzhengd and build/release/client/cli/cunzheng"
cunzhengd=$top/build/release/node/cunzhengd
cunzheng=$top/build/release/client/cli/cunzheng

rm -rf "$work"
mkdir -m 700 "$work"
# A run of its own: settings and offline queue of the user's own client stay out of it.
unset "${!CUNZHENG_@}"
export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state
CUNZHENG_PASSPHRASE=$(head -c 24 /dev/urandom | base64)
export CUNZHENG_PASSPHRASE
if [ -n "$file" ]; then
  item=$work/$(basename "$file")
  cp --reflink=auto -- "$file" "$item"
else
  item=$work/sample.txt
  printf 'A photograph of the goods on offer, taken %s.\n' "$(date -u +%FT%TZ)" >"$item"
fi

step "A node on loopback"
show "$cunzhengd" init --data "$work/node" --origin quickstart.example/ledger --listen 127.0.0.1:0
show "$cunzheng" keygen --out "$work/key"
show "$cunzhengd" account add --data "$work/node" --account-key "$work/key.pub" --name "Quickstart 快速开始"
# A session of its own, so that Ctrl-C reaches this script and not the node that it will stop.
echo "\$ cunzhengd run --data .quickstart/node &"
setsid "$cunzhengd" run --data "$work/node" >"$work/node.log" 2>&1 &
for attempt in $(seq 300); do
  [ ! -s "$work/node/listen" ] || break
  node_runs || fail "the node ended at once"
  [ "$attempt" -lt 300 ] || fail "the node was not ready within 30 s"
  sleep 0.1
done
address=$(cat "$work/node/listen")
echo "the node serves at http://$address"

step "Deposit"
show "$cunzheng" deposit --node "http://$address" --key "$work/key" "$item"

step "The receipt"
show "$cunzheng" inspect "$item.receipt.json"

if [ $keep = 0 ]; then
  step "Verify, with the node stopped"
  stop_node
else
  step "Verify"
fi
cp "$work/node/trust.json" "$work/trust.json"
show "$cunzheng" verify "$item" --trust "$work/trust.json"

step "The same with one byte added: it must fail"
cp --reflink=auto "$item" "$work/changed"
printf x >>"$work/changed"
status=0
show "$cunzheng" verify "$work/changed" --receipt "$item.receipt.json" --trust "$work/trust.json" || status=$?
[ $status = 1 ] || fail "a changed file should have given exit code 1, not $status"

finished=1
printf '\nDone in %s s.\n' $SECONDS
if [ $keep = 1 ]; then
  echo $! >"$work/cunzhengd.pid"
  cat <<END

The node is still running, process $!. Deposit more:
  export CUNZHENG_PASSPHRASE='$CUNZHENG_PASSPHRASE'
  build/release/client/cli/cunzheng deposit --node http://$address --key .quickstart/key FILE
  build/release/client/cli/cunzheng verify FILE --trust .quickstart/trust.json
Stop it:
  kill $!
END
else
  echo "Evidence, receipt and trust file are in .quickstart/; the ledger that they came from is no more."
  rm -rf "$work/node" "$work/changed"
fi
