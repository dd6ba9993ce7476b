#!/usr/bin/env bash
# Builds the packages, unpacks them into a scratch root, and uses what is there: both programs make a deposit
# and verify it, the unit file is what systemd accepts, completion completes.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/with_node.sh

fail() { echo "error: $*" >&2; exit 1; }
scratch=$(mktemp -d "${TMPDIR:-/tmp}/cunzheng-package.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

echo "-- packages"
cmake --preset release >/dev/null
cmake --build --preset release
rm -rf build/release/packages
(cd build/release && cpack --config CPackConfig.cmake -B packages >/dev/null)
version=$(sed -n 's/^project(cunzheng VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
architecture=$(dpkg --print-architecture)
programs=build/release/packages/cunzheng_${version}_$architecture.deb
development=build/release/packages/libcunzheng-dev_${version}_$architecture.deb
for package in "$programs" "$development"; do
  [ -f "$package" ] || fail "$package was not made; there are: $(ls build/release/packages)"
  dpkg-deb -x "$package" "$root"
done
# What the programs link has to be asked for by name, or they do not start elsewhere.
depends=$(dpkg-deb -f "$programs" Depends)
for library in libc6 libssl3 libsecp256k1-1 libleveldb1d; do
  [[ $depends == *$library* ]] || fail "$programs does not depend on $library: $depends"
done
[[ $depends != *-dev* ]] || fail "$programs depends on a development package: $depends"
for path in usr/bin/cunzheng usr/bin/cunzhengd usr/lib/systemd/system/cunzhengd.service \
  usr/lib/systemd/system/cunzheng-cometbft.service usr/lib/sysusers.d/cunzheng.conf \
  usr/share/bash-completion/completions/cunzheng usr/share/bash-completion/completions/cunzhengd \
  usr/share/zsh/vendor-completions/_cunzheng usr/share/fish/vendor_completions.d/cunzheng.fish \
  usr/share/doc/cunzheng/copyright usr/share/doc/cunzheng/specs/receipt.md \
  usr/include/cunzheng/client/verify/verify.h; do
  [ -e "$root/$path" ] || fail "no $path in the packages"
done
! dpkg-deb -c "$programs" | grep -E '\.(a|h)$' || fail "$programs holds development files"
for package in "$programs" "$development"; do
  ! dpkg-deb -c "$package" | awk '{print $2}' | grep -vx root/root || fail "$package has files that are not root's"
done
mkdir "$scratch/control"
dpkg-deb -e "$programs" "$scratch/control"
for script in postinst prerm postrm; do sh -n "$scratch/control/$script"; done

echo "-- the programs, from the scratch root"
PATH=$root/usr/bin:$PATH
[ "$(command -v cunzheng)" = "$root/usr/bin/cunzheng" ] || fail "another cunzheng is in the way"
[ "$(cunzheng --version)" = "cunzheng $version" ] || fail "cunzheng --version says $(cunzheng --version)"
[ "$(cunzhengd --version)" = "cunzhengd $version" ] || fail "cunzhengd --version says $(cunzhengd --version)"
mkdir "$scratch/work"
echo "evidence of the package test" >"$scratch/work/evidence.txt"
(with_node "$scratch/work" cunzheng deposit evidence.txt)
cunzheng verify "$scratch/work/evidence.txt" --trust "$scratch/work/trust.json"
echo >>"$scratch/work/evidence.txt"
status=0
cunzheng verify "$scratch/work/evidence.txt" --trust "$scratch/work/trust.json" >/dev/null 2>&1 || status=$?
[ $status = 1 ] || fail "changed evidence gave exit code $status, not 1"

echo "-- completion"
for case in "cunzhengd acc:account" "cunzheng dep:deposit" "cunzheng deposit --no:--node" "cunzhengd account ad:add"; do
  completed=$(bash -c '
    . "$1"; read -ra COMP_WORDS <<<"$2"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _cunzheng; printf "%s\n" "${COMPREPLY[@]}"' - \
    "$root/usr/share/bash-completion/completions/cunzheng" "${case%:*}")
  grep -qx -- "${case#*:}" <<<"$completed" || fail "completion of '${case%:*}' gave: $completed"
done
if command -v zsh >/dev/null; then zsh -n "$root/usr/share/zsh/vendor-completions/_cunzheng"; fi
if command -v fish >/dev/null; then fish -n "$root/usr/share/fish/vendor_completions.d/cunzheng.fish"; fi

if command -v systemd-analyze >/dev/null; then
  echo "-- the unit files"
  mkdir "$scratch/units"
  for unit in cunzhengd.service cunzheng-cometbft.service; do
    # The program is where the scratch root is; everything else is judged as it will be installed.
    sed "s#/usr/bin/cunzhengd#$root/usr/bin/cunzhengd#" "$root/usr/lib/systemd/system/$unit" >"$scratch/units/$unit"
  done
  for unit in cunzhengd.service cunzheng-cometbft.service; do
    complaints=$(systemd-analyze verify --man=no "$scratch/units/$unit" 2>&1 | grep cunzheng || true)
    [ -z "$complaints" ] || fail "systemd-analyze verify: $complaints"
    systemd-analyze security --offline=true --threshold=20 --no-pager "$scratch/units/$unit" | tail -1
  done
  mkdir -p "$root/etc"
  systemd-sysusers --root="$root" cunzheng.conf
  grep -q '^cunzheng:.*:/var/lib/cunzheng:' "$root/etc/passwd" || fail "sysusers made no user"
fi
echo "package: all as it should be"
