#!/usr/bin/env bash
# Installs what is missing for building (and, with `tests`, for testing). Never removes a package: where
# another Boost is installed, Boost's own packages are unpacked into the cache and CMake is told where.
# Sourced by ./run and ./test; sets boost_root when it unpacked one.
set -euo pipefail

cache=${SIGHTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sighter}
boost_root=

say() { printf '%s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo "$@"; else return 1; fi
}

have_package() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

boost_packages() {
  if apt-cache show libboost1.81-dev >/dev/null 2>&1; then
    echo libboost1.81-dev libboost-json1.81-dev
  else
    echo libboost-dev libboost-json-dev
  fi
}

# A Boost of another version holds the place of the one that is wanted: unpack that one beside it.
unpack_boost() {
  boost_root=$cache/boost
  [ -f "$boost_root/usr/include/boost/version.hpp" ] && return 0
  say "Boost: another version is installed; 1.81 goes into $boost_root"
  mkdir -p "$boost_root/debs"
  (cd "$boost_root/debs" && apt-get download -qq libboost1.81-dev libboost-json1.81-dev libboost-json1.81.0 libboost-container1.81-dev libboost-container1.81.0 libboost-system1.81-dev libboost-system1.81.0)
  for deb in "$boost_root"/debs/*.deb; do dpkg-deb -x "$deb" "$boost_root"; done
  rm -rf "$boost_root/debs"
}

prepare() {
  command -v apt-get >/dev/null 2>&1 || { say "no apt-get here: install g++, CMake 3.25, Ninja, Boost 1.81, OpenSSL, SQLite, fmt, RE2, PCRE2, toml++ and run again"; return 0; }
  local wanted="g++ cmake ninja-build pkg-config python3 python3-pip ca-certificates libssl-dev libsqlite3-dev libfmt-dev libre2-dev libpcre2-dev libtomlplusplus-dev"
  [ "${1:-}" = tests ] && wanted="$wanted libgtest-dev libgmock-dev"
  local missing="" package
  for package in $wanted; do have_package "$package" || missing="$missing $package"; done
  if ! dpkg-query -W 'libboost1.81-dev' >/dev/null 2>&1 || ! have_package libboost-json1.81-dev; then
    [ -n "$(apt-cache search --names-only '^libboost1.81-dev$' 2>/dev/null)" ] || as_root apt-get update -qq || true
    if dpkg-query -W -f='${Package} ${Status}\n' 'libboost1.*-dev' 2>/dev/null | grep 'ok installed' | grep -qv 'libboost1.81' && apt-cache show libboost1.81-dev >/dev/null 2>&1; then
      unpack_boost
    else
      for package in $(boost_packages); do have_package "$package" || missing="$missing $package"; done
    fi
  fi
  [ -z "$missing" ] && return 0
  say "installing:$missing"
  as_root apt-get update -qq || true
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-remove --no-install-recommends $missing >"${TMPDIR:-/tmp}/sighter-install.log" 2>&1; then
    tail -3 "${TMPDIR:-/tmp}/sighter-install.log"
    say "could not install; as root: apt-get install --no-remove$missing"
    exit 1
  fi
}

cmake_paths() {
  local paths=
  [ -z "$boost_root" ] || paths="$boost_root/usr"
  [ ! -d "$cache/llama/lib/cmake" ] || paths="${paths:+$paths;}$cache/llama"
  [ -z "$paths" ] || printf -- '-DCMAKE_PREFIX_PATH=%s' "$paths"
}
