#!/usr/bin/env bash
# The fast tests on every Python that pyproject.toml allows and that is found: on the path, under
# pyenv or by uv. Environments are kept as .venv-<version>. tests/pythons.sh [VERSION…]
set -uo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 3.11 3.12 3.13

find_python() {
  local place
  for place in "python$1" ~/.pyenv/versions/"$1".*/bin/python \
    "$(uv python find --no-project "$1" 2>/dev/null)"; do
    "$place" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null || continue
    echo "$place"
    break
  done
}

outcomes=()
for version; do
  python=$(find_python "$version")
  if [ -z "$python" ]; then
    outcomes+=("$version: not found, so not tried")
  elif make PYTHON="$python" VENV=".venv-$version" fast; then
    outcomes+=("$version: passed")
  else
    outcomes+=("$version: FAILED")
  fi
done
printf 'Python %s\n' "${outcomes[@]}"
[[ ${outcomes[*]} != *FAILED* && ${outcomes[*]} == *passed* ]]
