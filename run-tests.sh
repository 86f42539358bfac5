#!/usr/bin/env bash
# The whole test suite, docs build and doctests, lint and types. Sets itself up.
# Arguments go to pytest: ./run-tests.sh tests/flows -k consent; ./run-tests.sh --cov -n 2 measures coverage.
set -euo pipefail
cd "$(dirname "$0")"
source examples/environment.sh
environment .venv ".[all]"

unset PYTHONDONTWRITEBYTECODE # many processes import the same
if [ $# -gt 0 ]; then
  exec .venv/bin/python -m pytest "$@"
fi
# Side by side, each with its own output, told when it is done; the tests, which take longest, are told as they go on.
lint() { .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy; }
build() { .venv/bin/python -m sphinx -W --keep-going -q -b "$1" docs "docs/_build/$1" -d docs/_build/.doctrees; }
docs() { build html && build doctest; } # the second need not read them again
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
beside() {
  local part=$1 failed=0
  shift
  "$@" >"$logs/$part" 2>&1 || failed=1
  { echo; echo "--- $part$([ "$failed" = 0 ] || echo ": failed")"; cat "$logs/$part"; }
  return "$failed"
}
beside lint lint & pids=($!)
beside docs docs & pids+=($!)
echo "--- tests"
failed=()
.venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=10 || failed+=(tests)
for part in lint docs; do
  wait "${pids[0]}" || failed+=("$part")
  pids=("${pids[@]:1}")
done
[ "${#failed[@]}" = 0 ] || { echo "--- failed: ${failed[*]}"; exit 1; }
