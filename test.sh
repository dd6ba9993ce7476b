#!/usr/bin/env bash
# Everything that a change has to pass: unit, vector, property, fault and crash tests; the same code
# under AddressSanitizer, UBSan and ThreadSanitizer; the fuzzers for a few seconds each; format and
# lint; the package. Ends in ctest's own summary. Stages: tests/README.md.
#
#   ./test.sh            what every change needs
#   ./test.sh --quick    the tests of the plain build alone, for work in progress
#   ./test.sh --full     longer crash runs, ten million records, a soak, and 300 s for each fuzzer
set -euo pipefail
cd "$(dirname "$0")"

mode=standard
case ${1:-} in
  "") ;;
  --quick) mode=quick ;;
  --full) mode=full ;;
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' test.sh; exit 0 ;;
  *) sed -n '6,8s/^# \{0,1\}//p' test.sh >&2; exit 2 ;;
esac

. .ci/deps.sh
need_packages test
need_cometbft

# Tests must not meet the settings, keys or proxies of the person who runs them.
unset "${!CUNZHENG_@}" http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
# Python's modules come from Debian, so its own interpreter goes first.
export PATH=/usr/bin:/bin:$PATH LC_ALL=C.UTF-8 CTEST_OUTPUT_ON_FAILURE=1

cmake --preset dev >/dev/null
cmake --build --preset dev

# Configuration "suites" adds the stages that build and run another preset (tests/suites.cmake).
case $mode in
  quick) exec ctest --test-dir build/dev --label-exclude full ;;
  standard) exec ctest --test-dir build/dev --build-config suites --label-exclude full ;;
  full) CUNZHENG_FULL=1 CUNZHENG_FUZZ_SECONDS=300 exec ctest --test-dir build/dev --build-config suites ;;
esac
