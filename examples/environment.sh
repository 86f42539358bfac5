# Sourced by run.sh and run-tests.sh.

# environment FOLDER WHAT: a virtual environment in FOLDER with this checkout and WHAT installed;
# made anew when the requirements have changed.
environment() {
  local folder=$1 what=$2 stamp
  stamp="$what $(cat setup.py pyproject.toml | cksum)"
  if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  echo "--- setting up $folder"
  "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || { echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 1; }
  "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$what"
  echo "$stamp" > "$folder/.stamp"
}
