#!/usr/bin/env bash
# One stage of ./test.sh (tests/suites.cmake):
#   suite.sh format              sources are as clang-format leaves them
#   suite.sh preset NAME TARGETS ARGS…   builds those targets of the preset (a list, or "all") and runs its
#                                tests that the ctest options ARGS select
#   suite.sh fuzz                builds every fuzzer and runs each from its seed corpus
set -euo pipefail
cd "$(dirname "$0")/.."

# The first finding ends a program, so that no test passes over one.
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp

case $1 in
  format)
    git ls-files '*.cpp' '*.h' | xargs clang-format-14 --dry-run --Werror
    ;;
  preset)
    preset=$2 targets=$3
    shift 3
    cmake --preset "$preset" >/dev/null
    # shellcheck disable=SC2086  # a list of words
    cmake --build --preset "$preset" --target $targets
    # No tests at all would be a mistake in the selection, not a success.
    exec ctest --test-dir "build/$preset" --no-tests=error "$@"
    ;;
  fuzz)
    cmake --preset fuzz >/dev/null
    cmake --build --preset fuzz --target fuzzers
    exec ctest --test-dir build/fuzz --no-tests=error --label-regex fuzz --parallel "$(nproc)"
    ;;
  *)
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
