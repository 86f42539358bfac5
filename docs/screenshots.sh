#!/usr/bin/env bash
# The pictures of the User Guide, made anew into docs/images/. Sets itself up; needs Debian's chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/environment.sh
environment .venv ".[all]"
exec .venv/bin/python -m tests.browser.screenshots
