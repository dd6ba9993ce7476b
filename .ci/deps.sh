# Installs the Debian packages that a build or a test run needs, and only those that are missing:
# with everything in place it needs neither network nor root. Sourced by quickstart.sh and test.sh.
#
#   need_packages build    compiler, CMake, libraries
#   need_packages test     the same, and what only tests and lint use
#
# CUNZHENG_SKIP_DEPS=1 leaves the system as it is, for systems that provide the same things otherwise.

packages_build="build-essential cmake ninja-build ccache pkg-config libssl-dev libsecp256k1-dev libleveldb-dev
  libsnappy-dev libboost1.81-dev libcli11-dev libspdlog-dev libfmt-dev libtomlplusplus-dev prometheus-cpp-dev"
packages_test="git clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev doctest-dev libbenchmark-dev python3
  python3-cryptography python3-jsonschema python3-yaml openssl curl jq iproute2 procps"

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
