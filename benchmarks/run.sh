#!/usr/bin/env bash
# Measures the provider beside the floor and its peers; sets itself up. See README.rst, or ./run.sh --help.
set -euo pipefail
cd "$(dirname "$0")"
smoke=0
for argument in "$@"; do
  case $argument in --smoke | --help | -h) smoke=1 ;; esac
done
if [ $smoke = 0 ] && ! command -v wrk >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq wrk
  else
    echo "wrk is missing: install Debian's package of that name." >&2
    exit 1
  fi
fi
exec "${PYTHON:-python3}" -m bench "$@"
