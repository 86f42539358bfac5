"""The page ``docs/guide/sign_in.rst``, followed from an empty folder: its programs, and its commands in their order."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from socket import create_connection
from typing import Any

from ..test_docs import DOCS, commands
from ..test_examples import load
from .node import EXAMPLES

PAGE = DOCS / "guide" / "sign_in.rst"
PORTS = ("5000", "5001", "5002", "5003")
#: What readers do once for their own Python, and tests have done already.
ALREADY = ("python3 -m venv", ". .venv/bin/activate", "pip install ")
#: Seconds for a server to come up on a slow machine.
PATIENCE = 60


class Tutorial:
    """What somebody has who follows the page; each command is a method's word.

    :ivar addresses: of provider, web app, single-page app and service.
    """

    def __init__(self, folder: Path, node_modules: Callable[[str], Path]) -> None:
        self.folder = folder
        self.secrets: list[str] = []
        self.servers: list[subprocess.Popen[bytes]] = []
        self._node_modules = node_modules
        self._ports = dict(zip(PORTS, map(str, load("servers").free_ports(0, 0, 0, 0)), strict=True))
        self.addresses = [f"http://127.0.0.1:{port}" for port in self._ports.values()]
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "CLIENT_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # From an empty folder nobody has this package but by installing it.
        self._environment = {**ours, "PATH": path, "PYTHONPATH": str(EXAMPLES.parent.parent), "NO_PROXY": "127.0.0.1"}

    def follow(self) -> None:
        """Do all that the page says."""
        for command in commands(PAGE):
            if not command.startswith(ALREADY):
                self._do(self._here(command))
        self._wait()

    def _here(self, text: str) -> str:
        """With the ports that are free; nothing else is another than on the page."""
        return re.sub("|".join(rf"\b{port}\b" for port in PORTS), lambda found: self._ports[found[0]], text)

    def _do(self, command: str) -> None:
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder /= words[1]
            self._save_programs()
        elif words[0] == "export":
            name, _, value = words[1].partition("=")
            self._environment[name] = self.secrets[-1] if value == "PASTE_IT_HERE" else value
        elif words[:3] == ["npm", "install", "--prefix"]:
            (self.folder / words[3] / "node_modules").symlink_to(self._node_modules(words[3]))
        elif words[0] == "node" or "run" in words or "http.server" in words:
            if words[0] == "node":
                self._wait()  # it discovers the provider when it starts
            self._serve(words)
        else:
            self.run(command)

    def _save_programs(self) -> None:
        text = PAGE.read_text()
        pattern = r"\.\. literalinclude:: \.\./\.\./examples/sign_in/(\S+)\n   :caption: (\S+)\n"
        shown = re.findall(pattern, text)
        assert len(shown) == text.count(".. literalinclude::") and all(source == name for source, name in shown)
        for name, _ in shown:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(self._here((EXAMPLES / name).read_text()))

    def run(self, command: str) -> None:
        """Run a command to its end; if it prints a secret, keep that."""
        words = shlex.split(command)
        done = subprocess.run(
            words, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        if secret := re.search(r"^client_secret +(\S{20,})$", done.stdout, re.M):
            self.secrets.append(secret[1])

    def _serve(self, words: list[str]) -> None:
        program = shutil.which(words[0], path=self._environment["PATH"])
        assert program is not None
        with (self.folder / f"server{len(self.servers)}.log").open("wb") as log:
            process = subprocess.Popen(
                [program, *words[1:]], cwd=self.folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.servers.append(process)

    def _wait(self) -> None:
        """Until all servers take connections."""
        deadline = time.monotonic() + PATIENCE
        for process, address in zip(self.servers, self.addresses, strict=False):
            while not _accepts(int(address.rpartition(":")[2])):
                assert process.poll() is None and time.monotonic() < deadline, self.logs()
                time.sleep(0.05)

    def logs(self) -> str:
        """What the servers wrote."""
        return "\n".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(self.folder.glob("server*.log")))

    def end(self) -> None:
        """End the servers."""
        for process in self.servers:
            process.terminate()
        for process in self.servers:
            process.wait(10)


def _accepts(port: int) -> bool:
    with suppress(OSError), closing(create_connection(("127.0.0.1", port), 1)):
        return True
    return False


def programs() -> list[str]:
    """All files of the example but what npm writes."""
    every: list[Any] = [path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*") if path.is_file()]
    return sorted(str(path) for path in every if "node_modules" not in path.parts and path.name != "package-lock.json")
