#!/usr/bin/env bash
# Installs into a scratch prefix and builds a project of somebody else's against it (CMakeLists.txt here): once
# the verifier alone, with LevelDB and Boost out of CMake's sight, once with the client. Both then do their work.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/with_node.sh

fail() { echo "error: $*" >&2; exit 1; }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/cunzheng-consumer.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

cmake --preset release >/dev/null
cmake --build --preset release
cmake --install build/release --prefix "$scratch/prefix" >/dev/null
PATH=$scratch/prefix/bin:$PATH

echo "-- the verifier alone"
cmake -G Ninja -S tests/consumer -B "$scratch/verifier" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DVERIFIER_ONLY=ON \
  --no-warn-unused-cli -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON -DCMAKE_DISABLE_FIND_PACKAGE_leveldb=ON >/dev/null
cmake --build "$scratch/verifier"
! ldd "$scratch/verifier/verifier" | grep -E 'leveldb|boost|libssl' || fail "the verifier links more than it needs"

echo "-- verifier and client"
cmake -G Ninja -S tests/consumer -B "$scratch/both" -DCMAKE_PREFIX_PATH="$scratch/prefix" >/dev/null
cmake --build "$scratch/both"

mkdir "$scratch/work"
cd "$scratch/work"
echo "evidence of the consumer test" >evidence.txt
(umask 077; echo "only for this test" >passphrase)
deposit() { "$scratch/both/depositor" "$CUNZHENG_NODE" "$CUNZHENG_KEY" passphrase queue evidence.txt; }
(with_node "$scratch/work" deposit)
"$scratch/verifier/verifier" evidence.txt evidence.txt.receipt.json trust.json
status=0
"$scratch/verifier/verifier" trust.json evidence.txt.receipt.json trust.json >/dev/null || status=$?
[ $status = 1 ] || fail "the wrong file gave exit code $status, not 1"
echo "consumer: all as it should be"
