"""Node, and the packages that the examples have pinned."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..conftest import DEMANDED

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "sign_in"
#: The oldest that openid-client knows.
OLDEST = 20


def missing() -> str | None:
    """Why there can be no tests with Node here, or None."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=60).stdout
    found = re.match(r"v(\d+)\.", version)
    return None if found and int(found[1]) >= OLDEST else f"node {version.strip()} is older than {OLDEST}"


def no_node(reason: str) -> None:
    """Skip; fail where Node is demanded."""
    if "node" in DEMANDED:
        pytest.fail(reason)
    pytest.skip(reason)


def packages(name: str, cache: Path) -> Path:
    """The folder ``node_modules`` of an example, installed once for each lock file.

    :param name: the folder of the example that has the lock file.
    :param cache: where installed packages are kept.
    """
    reason = missing()
    if reason is not None:
        no_node(reason)
    files = [EXAMPLES / name / file for file in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = cache / f"{name}-{digest}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for file in files:
                shutil.copy(file, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
            if done.returncode != 0:
                no_node(f"npm ci: {done.stderr[-500:]}")
            (folder / "done").touch()
    return folder / "node_modules"


class RefusalError(Exception):
    """The library has refused what it was given.

    :ivar code: the error that the provider has answered, the claim that is not as it has to be, or the library's code.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(f"{answer['error']}: {answer['message']}")
        self.code: str = answer["error"]


class Library:
    """openid-client in a process of its own."""

    def __init__(self, folder: Path, node_modules: Path) -> None:
        (folder / "node_modules").symlink_to(node_modules)
        shutil.copy(Path(__file__).parent / "library.mjs", folder)
        self.process = subprocess.Popen(
            ["node", "library.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, operation: str, client: str | None = None, **parameters: Any) -> Any:
        """What the library answers.

        :raises RefusalError: if it throws.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"operation": operation, "client": client, **parameters}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node has ended"
        answer = json.loads(line)
        if "error" in answer:
            raise RefusalError(answer)
        return answer["result"]

    def end(self) -> None:
        """End the process."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
