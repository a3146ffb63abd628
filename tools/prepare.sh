#!/usr/bin/env bash
# What ./run and ./test have in common: installing what is missing, and building with progress. Sourced.
#
# Packages come by apt-get, as root or by sudo; none is ever removed. Where an older Boost holds the place
# of the one that is needed, that one's packages are unpacked into the cache and CMake is told where.

cache=${SIGHTER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/sighter}
boost_root=
boost_least=1.81

say() { printf '%s\n' "$*"; }

have() { dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 127; fi
}

# Sets `missing` to those of the packages named that are not installed; one look-up for all of them.
find_missing() {
  local there package
  there=" $(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii *//p' | tr '\n' ' ')"
  missing=
  for package in "$@"; do
    case "$there" in *" $package "*) ;; *) missing="$missing $package" ;; esac
  done
}

# The newest Boost whose headers are installed as a package: "1.81", or nothing.
installed_boost() {
  dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' 'libboost1.*-dev' 2>/dev/null |
    sed -n 's/^ii *libboost\([0-9.]*\)-dev$/\1/p' | sort -V | tail -1
}

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; } # LEAST VERSION

# The Boost packages to install; nothing where all is well, or where one has to be unpacked.
boost_packages() {
  local there
  there=$(installed_boost)
  if [ -z "$there" ]; then
    if [ -n "$(apt-cache search --names-only "^libboost$boost_least-dev\$")" ]; then
      echo "libboost$boost_least-dev libboost-json$boost_least-dev"
    else
      echo "libboost-dev libboost-json-dev"
    fi
  elif at_least "$boost_least" "$there"; then
    have "libboost-json$there-dev" || echo "libboost-json$there-dev"
  fi
}

unpack_boost() {
  boost_root=$cache/boost-$boost_least
  [ ! -f "$boost_root/complete" ] || return 0
  say "Boost $(installed_boost) is installed and stays; $boost_least, which is needed, is unpacked into $boost_root"
  local work package
  work=$boost_root.part.$$
  mkdir -p "$work/packages"
  for package in "libboost$boost_least-dev" libboost-{json,container,system}"$boost_least"{-dev,.0}; do
    (cd "$work/packages" && apt-get download -qq "$package" 2>errors) || { rm -rf "$work"; give_up "$package"; }
  done
  for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$work"; done
  rm -rf "$work/packages" "$boost_root"
  touch "$work/complete"
  mv "$work" "$boost_root"
}

give_up() {
  say "Could not install what is needed. As root, run:"
  say "  apt-get install --no-remove --no-install-recommends $*"
  exit 1
}

# prepare [tests]
prepare() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say "This is no Debian or Ubuntu, so nothing is installed. What is needed: g++ 12, CMake 3.25, Ninja, python3,"
    say "Boost $boost_least with JSON, OpenSSL, SQLite, fmt, toml++, RE2 and PCRE2, with their headers; GoogleTest for ./test."
    return 0
  fi
  local wanted=(g++ cmake ninja-build pkg-config python3 python3-pip ca-certificates libssl-dev libsqlite3-dev
    libfmt-dev libre2-dev libpcre2-dev libtomlplusplus-dev libmimalloc-dev)
  [ "${1:-}" != tests ] || wanted+=(git libgtest-dev libgmock-dev python3-jinja2)
  local missing boost log
  find_missing "${wanted[@]}"
  boost=$(installed_boost)
  if [ -n "$missing" ] || [ -z "$boost" ] || ! at_least "$boost_least" "$boost" || [ -n "$(boost_packages)" ]; then
    # A fresh machine knows no packages yet, and an old list names versions that are gone.
    [ -f "$cache/boost-$boost_least/complete" ] && [ -z "$missing" ] || as_root apt-get update -qq >/dev/null 2>&1 || true
    missing="$missing${missing:+ }$(boost_packages)"
  fi
  if [ -n "${missing// /}" ]; then
    say "Installing the compiler, build tools and libraries (apt-get, nothing is removed):"
    say " $missing" | tr -s ' '
    mkdir -p build
    log=build/install.log
    # shellcheck disable=SC2086  # a list of words
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends $missing >"$log" 2>&1; then
      grep -E '^E:|not found|unmet|Conflicts' "$log" | head -5
      # shellcheck disable=SC2086
      give_up $missing
    fi
  fi
  boost=$(installed_boost)
  if [ -n "$boost" ] && ! at_least "$boost_least" "$boost"; then unpack_boost; fi
}

# What CMake has to be told about what is not in the system's own place.
cmake_paths() {
  [ -z "$boost_root" ] || printf -- '-DCMAKE_PREFIX_PATH=%s' "$boost_root/usr"
}

# build_targets FOLDER LOG [target...]: ninja with a line of progress; on failure the compiler's words.
build_targets() {
  local folder=$1 log=$2 started=$SECONDS last=$SECONDS line count
  shift 2
  if ninja -C "$folder" -n "$@" 2>/dev/null | grep -q 'no work to do'; then return 0; fi
  [ ! -t 1 ] || printf '  starting'
  if ! {
    NINJA_STATUS='[%f/%t] ' ninja -C "$folder" -j "${JOBS:-$(nproc)}" "$@" 2>&1 | tee "$log" |
      while IFS= read -r line; do
        count=$(sed -n 's/^\[\([0-9]*\)\/\([0-9]*\)\].*/\1 of \2/p' <<<"${line:0:40}")
        [ -n "$count" ] || continue
        if [ -t 1 ]; then
          printf '\r  %s, %d s ' "$count" $((SECONDS - started))
        elif [ $((SECONDS - last)) -ge 20 ]; then
          last=$SECONDS
          printf '  %s, %d s\n' "$count" $((SECONDS - started))
        fi
      done
    [ "${PIPESTATUS[0]}" = 0 ]
  }; then
    [ ! -t 1 ] || printf '\n'
    grep -m1 -A25 '^FAILED' "$log" || tail -20 "$log"
    say "The build failed; all of it is in $log."
    return 1
  fi
  [ ! -t 1 ] || printf '\r                                \r'
}

# configure PRESET FOLDER LOG [-Doption...]
configure() {
  local preset=$1 folder=$2 log=$3
  shift 3
  # shellcheck disable=SC2046  # one word or none
  if cmake --preset "$preset" -B "$folder" $(cmake_paths) "$@" >"$log" 2>&1; then return 0; fi
  grep -A6 'CMake Error' "$log" | head -20
  say "CMake stopped; all of it is in $log."
  return 1
}
