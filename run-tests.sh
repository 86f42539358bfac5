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
echo "--- lint and types"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
echo "--- docs"
.venv/bin/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
.venv/bin/python -m sphinx -W --keep-going -q -b doctest docs docs/_build/doctest
echo "--- tests"
.venv/bin/python -m pytest -n 3 --dist loadfile --durations=10
