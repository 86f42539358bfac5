"""Instructions per request of the hot paths: they do not depend on what else the machine does.

The provider and a bare Flask view with the same work are called in one process, as a server would call
them, under ``valgrind --tool=callgrind``. Counts are kept in ``instructions.json``; a path that costs 5 %
more than there is told, and the command ends with 1.

    python benchmarks/instructions.py                # count, compare with what is kept
    python benchmarks/instructions.py --keep         # count, keep
    python benchmarks/instructions.py --profile protected    # cProfile of one path, no valgrind
    python benchmarks/instructions.py --cpu          # microseconds of CPU, no valgrind: quick, noisy

Counts are comparable where Python and the packages are the same: the file names them, and with others
nothing is compared.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import importlib.metadata
import json
import os
import platform
import pstats
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hot_paths import PATHS, Paths

KEPT = Path(__file__).with_name("instructions.json")
#: A path may cost so much more than what is kept.
MORE = 1.05
#: Requests before counting, and counted.
WARM, COUNTED = 30, 100
_PACKAGES = ("Flask", "Flask-Login", "Flask-SQLAlchemy", "Flask-WTF", "SQLAlchemy", "Werkzeug", "oauthlib")


def environment() -> dict[str, str]:
    """What counts depend on."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "machine": platform.machine(), **versions}


def count(names: list[str], requests: int) -> dict[str, int]:
    """Instructions per request of each path, by a child process under valgrind."""
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is missing: install Debian's package of that name.")
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/out"]
        child = [sys.executable, __file__, "--child", "--requests", str(requests), *names]
        clean = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        done = subprocess.run([*command, *child], env=clean, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            sys.exit(done.stderr)
        # One dump before each path and one behind it; what lies between two paths is not told.
        totals = [
            int(found[1])
            for part in range(1, 2 * len(names) + 1)
            if (found := re.search(r"^(?:summary|totals): (\d+)", Path(f"{folder}/out.{part}").read_text(), re.M))
        ]
    return {name: totals[2 * index + 1] // requests for index, name in enumerate(names)}


def child(names: list[str], requests: int) -> None:
    """What runs under valgrind: each path between two calls of getppid, which dump the counters."""
    with Paths() as paths:
        for name in names:
            call = paths.call(name)
            repeat(call, WARM)
            gc.collect()
            gc.disable()
            os.getppid()
            repeat(call, requests)
            os.getppid()
            gc.enable()


def repeat(call: Callable[[], None], times: int) -> None:
    """Call so many times."""
    for _ in range(times):
        call()


def cpu(names: list[str], requests: int, rounds: int) -> dict[str, float]:
    """Microseconds of CPU per request: the median of rounds in which the paths take turns."""
    taken: dict[str, list[float]] = {name: [] for name in names}
    with Paths() as paths:
        calls = {name: paths.call(name) for name in names}
        for name in names:
            repeat(calls[name], WARM)
        for _ in range(rounds):
            for name in names:
                began = time.process_time()
                repeat(calls[name], requests)
                taken[name].append((time.process_time() - began) / requests * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def profile(name: str, requests: int) -> None:
    """Where the time of a path goes."""
    with Paths() as paths:
        call = paths.call(name)
        repeat(call, WARM)
        profiler = cProfile.Profile()
        profiler.enable()
        repeat(call, requests)
        profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def told(counts: dict[str, float], unit: str) -> None:
    """Print a table, with the ratio to the floor."""
    print(f"{'path':<28}{unit:>16}{'floor / it':>12}")
    for name, value in counts.items():
        floor = counts.get(PATHS[name])
        ratio = f"{floor / value:.3f}" if floor else ""
        print(f"{name:<28}{value:>16,.0f}{ratio:>12}")


def compare(counts: dict[str, int]) -> int:
    """Tell what costs more than what is kept; the exit status."""
    kept = json.loads(KEPT.read_text())
    if kept["environment"] != environment():
        print(f"Nothing is compared: kept were counts of {kept['environment']}, this is {environment()}.")
        return 0
    status = 0
    for name, now in counts.items():
        before = kept["instructions"].get(name)
        if before is not None and now > MORE * before:
            print(f"{name} costs {now / before:.1%} of what is kept: {before:,} before, {now:,} now.")
            status = 1
    return status


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PATHS)}; none: all")
    parser.add_argument("--requests", type=int, default=COUNTED, help="requests counted on each path")
    parser.add_argument("--rounds", type=int, default=15, help="of --cpu, in which the paths take turns")
    parser.add_argument("--keep", action="store_true", help="write the counts to instructions.json")
    parser.add_argument("--cpu", action="store_true", help="microseconds of CPU instead of instructions")
    parser.add_argument("--profile", action="store_true", help="cProfile of the paths instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.names or list(PATHS)
    if options.child:
        child(names, options.requests)
        return 0
    if options.profile:
        for name in names:
            profile(name, options.requests)
        return 0
    if options.cpu:
        told(cpu(names, options.requests, options.rounds), "microseconds")
        return 0
    counts = count(names, options.requests)
    told({**counts}, "instructions")
    if options.keep:
        KEPT.write_text(json.dumps({"environment": environment(), "instructions": counts}, indent=2) + "\n")
        return 0
    return compare(counts) if KEPT.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
