#!/usr/bin/env bash
# The whole test suite, docs build and doctests, lint and types. Sets itself up.
# Arguments go to pytest: ./run-tests.sh tests/flows -k consent; ./run-tests.sh --cov -n 2 measures coverage.
set -euo pipefail
cd "$(dirname "$0")"
source examples/environment.sh
environment .venv ".[all]"

if [ $# -gt 0 ]; then
  exec .venv/bin/python -m pytest "$@"
fi
# Side by side, each with its own output, told when it is done.
lint() { .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy; }
build() { .venv/bin/python -m sphinx -W --keep-going -q -b "$1" docs "docs/_build/$1" -d "docs/_build/.doctrees-$1"; }
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
lint >"$logs/lint" 2>&1 & pids=($!)
build html >"$logs/html" 2>&1 & pids+=($!)
build doctest >"$logs/doctest" 2>&1 & pids+=($!)
failed=0
for part in lint html doctest; do
  wait "${pids[0]}" || failed=1
  pids=("${pids[@]:1}")
  echo "--- $part"
  cat "$logs/$part"
done
[ "$failed" = 0 ]
echo "--- tests"
.venv/bin/python -m pytest -n 3 --dist loadfile --durations=10
