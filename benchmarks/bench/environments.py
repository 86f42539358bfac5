"""The environment of each target, from the package index, with pinned versions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .places import ENVIRONMENTS, ROOT, TARGETS


def program(folder: str) -> str:
    """What runs a target's programs: a Python of its own, or node; set up if need be."""
    if (TARGETS / folder / "package.json").exists():
        return _node(folder)
    made = ENVIRONMENTS / folder
    python = made / "bin" / "python"
    requirements = TARGETS / folder / "requirements.txt"
    described = [requirements, ROOT / "setup.py"] if folder == "ours" else [requirements]
    _once(made, _stamp(*described), lambda: _install(made, python, requirements, folder == "ours"))
    return str(python)


def _stamp(*files: Path) -> str:
    parts = [file.read_bytes() for file in files] + [sys.version.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _once(made: Path, stamp: str, make: object) -> None:
    kept = made / ".stamp"
    if kept.exists() and kept.read_text() == stamp:
        return
    print(f"--- setting up {made.name}", file=sys.stderr)
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    assert callable(make)
    make()
    kept.write_text(stamp)


def _install(made: Path, python: Path, requirements: Path, with_ours: bool) -> None:
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "venv", str(made)], check=True)
    subprocess.run([*pip, "--requirement", str(requirements)], check=True)
    if with_ours:
        subprocess.run([*pip, "--no-deps", "--editable", str(ROOT)], check=True)


def _node(folder: str) -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        sys.exit("node and npm are missing: install Debian's packages, or leave the target node out with --target.")
    package = TARGETS / folder / "package.json"
    made = ENVIRONMENTS / folder

    def install() -> None:
        shutil.copy(package, made)
        # What has to be compiled is compiled here, with the headers that came with node: nothing is fetched from
        # anywhere but the package index.
        headers = {"npm_config_nodedir": str(Path(node).resolve().parents[1]), "npm_config_build_from_source": "true"}
        options = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([npm, "install", *options], cwd=made, check=True, env={**os.environ, **headers})

    _once(made, _stamp(package), install)
    found = package.with_name("node_modules")  # where node looks for what a program imports
    if not found.is_symlink():
        found.symlink_to(os.path.relpath(made / "node_modules", package.parent))
    return node
