"""The hot paths that are counted do what they say; what they cost is not looked at here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_each_path_is_called_and_told() -> None:
    command = [sys.executable, "instructions.py", "--cpu", "--requests", "1", "--rounds", "1"]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"^(\S.*?)  +[\d,]+", done.stdout, re.MULTILINE)
    assert told == list(json.loads((BENCHMARKS / "instructions.json").read_text())["instructions"])
