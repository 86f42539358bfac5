"""Data sets: made once for each target and size, kept, and copied for what writes to them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .places import BENCHMARKS, POSTGRESQL, ROOT, TARGETS
from .targets import Target

#: Data sets up to this size are copied, so that each scenario begins with the same.
COPIED = 10_000
#: Files that no row depends on.
_VIEWS = ("app", "urls", "grants")


class Dataset(NamedTuple):
    """Where a target finds its rows, and the tokens that are presented."""

    url: str
    tokens: list[str]


def surroundings(**values: str) -> dict[str, str]:
    """The environment variables of a target's program: few, so that nothing of the caller's changes a figure."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "OAUTH2_TEST_POSTGRESQL") if name in os.environ}
    return {**kept, "PYTHONPATH": str(BENCHMARKS), **values}


@contextmanager
def dataset(target: Target, tokens: int, folder: Path, data: Path, program: str) -> Iterator[Dataset]:
    """The rows of *target* with so many tokens.

    :param folder: where a copy may be put.
    :param data: where data sets are kept.
    :param program: what runs the target's programs.
    """
    if target.database == "postgresql":
        name = f"bench_{target.name}_{tokens}"
        url = POSTGRESQL.rpartition("/")[0] + f"/{name}"
        facts = folder / f"{name}.json"
        _prepare(target, program, url, tokens, facts)
        try:
            yield Dataset(url, json.loads(facts.read_text())["tokens"])
        finally:
            script = "import sys; from bench.filling import drop; drop(sys.argv[1])"
            subprocess.run([program, "-c", script, url], check=True, env=surroundings())
        return
    kept = _kept(target, tokens, data, program)
    path = kept
    if tokens <= COPIED:
        path = folder / f"{target.name}.sqlite"
        shutil.copy(kept, path)
    yield Dataset(f"sqlite:///{path}", json.loads(kept.with_suffix(".json").read_text())["tokens"])


def _kept(target: Target, tokens: int, data: Path, program: str) -> Path:
    data.mkdir(exist_ok=True)
    name = "_".join(part for part in (target.folder, target.rows) if part)
    path = data / f"{name}-{_stamp(target.folder)}-{tokens}.sqlite"
    if not path.with_suffix(".json").exists():
        for old in data.glob(f"{name}-*-{tokens}.*"):
            old.unlink()
        _prepare(target, program, f"sqlite:///{path}", tokens, path.with_suffix(".json"))
    return path


def _stamp(folder: str) -> str:
    """Changes where a data set would come out another."""
    files = sorted(file for file in (TARGETS / folder).iterdir() if file.is_file() and file.suffix != ".json")
    if folder != "ours":  # ours has its model of a person there
        files = [file for file in files if file.stem not in _VIEWS]
    files += [BENCHMARKS / "bench" / "facts.py", BENCHMARKS / "bench" / "filling.py"]
    if folder == "ours":
        files += sorted((ROOT / "flask_oauth2server" / "models").glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _prepare(target: Target, program: str, url: str, tokens: int, facts: Path) -> None:
    begun = time.perf_counter()
    script = "prepare.mjs" if target.folder == "node" else "prepare.py"
    command = [program, script, url, str(tokens), str(facts)]
    environ = surroundings(BENCH_SETTINGS=json.dumps(dict(target.settings)) if target.rows else "{}")
    subprocess.run(command, cwd=TARGETS / target.folder, check=True, env=environ)
    if tokens > COPIED:
        print(f"--- {target.name}: {tokens:,} tokens in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
