#!/usr/bin/env bash
# The example provider and a client application, on this machine only. Sets itself up.
#   examples/run.sh           both, until Ctrl-C
#   examples/run.sh --check   walks through everything over HTTP, without a browser, and ends
# PROVIDER_PORT and CLIENT_PORT choose ports; PYTHON_FOR_EXAMPLES is a Python that has everything installed.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  "") program=examples/servers.py ;;
  --check) program=examples/check.py ;;
  *) sed -n '2,5s/^# //p' examples/run.sh >&2; exit 2 ;;
esac
python=${PYTHON_FOR_EXAMPLES:-}
if [ -z "$python" ]; then
  source examples/environment.sh
  environment examples/.venv ".[examples]"
  python=examples/.venv/bin/python
fi
exec "$python" "$program"
