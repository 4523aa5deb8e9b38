#!/usr/bin/env bash
# Makes the environment of the Makefile: envs/install.sh FOLDER [PYTHON].
# What would stop it is asked before anything is installed, and said in one message.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
python=${2:-}

stop() {
  printf '%s\n' "$*" >&2
  exit 1
}

fits() { # a shim of pyenv may be on the path and start nothing
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

if [ -n "$python" ]; then
  fits "$python" || stop "$python is not Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python3.11"
else
  # The first is the one that every test runs on.
  for python in python3.11 python3.13 python3.12 python3 python none; do
    ! fits "$python" || break
  done
  [ "$python" != none ] || stop "Python 3.11, 3.12 or 3.13 is needed, and none is on the path. Get \
one with the system's packages (apt-get install python3 python3-venv python3-dev; \
dnf install python3.12-devel), with uv (uv python install 3.11) or conda (conda create -n python \
python=3.11), then: make PYTHON=/path/to/python"
fi

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import ensurepip, venv' 2>/dev/null || stop "$python makes no environments: its parts \
venv and ensurepip are packed apart (apt-get install python$version-venv)"

# fairseq is published as source alone.
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
compile() { printf '#include <vector>\n#include "%s"\n' "$header" | "${CXX:-c++}" -x c++ -c -o /dev/null -; }
compile 2>/dev/null || stop "A C++ compiler and the headers of Python are needed, since fairseq is \
built from source: apt-get install g++ python$version-dev (or dnf install gcc-c++ python$version-devel, \
conda install gxx). Without them: $(compile 2>&1 | head -n 1)"

above=$folder
until [ -d "$above" ]; do above=$(dirname "$above"); done
[ -w "$above" ] || stop "$above cannot be written: make VENV=/path/elsewhere"
roomy() { # what the environment takes, and what pip unpacks on the way
  free=$(df -Pm "$above" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] || stop "The environment takes $1 MB with $2, and $above has $free MB left: \
make room, or make VENV=/path/elsewhere"
}
roomy 2500 "torch for processors alone"

torch=$(grep '^torch==' envs/requirements.in)
scratch=$(mktemp -d)
if [ -e "$folder" ]; then touch "$scratch/keep"; fi
trap '[ -e "$scratch/keep" ] || rm -rf "$folder"; rm -rf "$scratch"' EXIT
"$python" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --dry-run --retries 1 --timeout 15 --report "$scratch/report" "$torch" \
  >"$scratch/said" 2>&1 || stop "pip finds no $torch, so that it reaches no package index or one \
without it: connect, or name a proxy or mirror (HTTPS_PROXY, PIP_INDEX_URL, pip config). It says: \
$(grep -v ^WARNING "$scratch/said" | tail -n 1)"
! grep -q '"name": "nvidia' "$scratch/report" || roomy 7000 "torch for GPUs, which pip finds here"
touch "$scratch/keep"

# torch first and by itself: asked for by another package, pip takes a build of several gigabytes.
"${pip[@]}" install "$torch"
"${pip[@]}" install --no-deps -r envs/requirements.lock
"${pip[@]}" install --no-deps --no-build-isolation --editable .
