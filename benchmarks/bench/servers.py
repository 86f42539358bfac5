"""One target, served: started, pinned, looked at in ``/proc``, stopped."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from .datasets import Dataset, surroundings
from .places import TARGETS
from .targets import Target

_TICK = os.sysconf("SC_CLK_TCK")
_STARTS_WITHIN = 60.0


class Cores(NamedTuple):
    """Numbers of the cores, as taskset takes them; empty where there is one only."""

    server: str
    load: str


def cores() -> Cores:
    """The last core makes the load; a server has the first, and several workers share it."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2 or shutil.which("taskset") is None:
        return Cores("", "")
    return Cores(str(available[0]), str(available[-1]))


def pinned(core: str) -> list[str]:
    """The beginning of a command that stays on a core."""
    return ["taskset", "--cpu-list", core] if core else []


class Server:
    """A running target."""

    def __init__(self, target: Target, dataset: Dataset, port: int, process: subprocess.Popen[bytes]) -> None:
        self.target, self.dataset, self.port = target, dataset, port
        self._process = process

    def workers(self) -> list[int]:
        """Process ids of those that answer: the children, or the process itself."""
        children = _children(self._process.pid)
        return children or [self._process.pid]

    def cpu(self) -> float:
        """Seconds of CPU that its workers have taken so far."""
        return sum(_ticks(pid) for pid in self.workers()) / _TICK

    def memory(self) -> float:
        """The most memory that its workers have had, MiB; pages that they share are counted for each."""
        return sum(_peak(pid) for pid in self.workers()) / 1024

    def check_alive(self) -> None:
        """:raises RuntimeError: if it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.target.name} has ended with {self._process.returncode}")


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        found = (Path(f"/proc/{pid}/task") / str(pid) / "children").read_text().split()
        # A helper that only tracks resources answers nobody.
        return [int(child) for child in found if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]
    return []


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])  # utime, stime


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def serving(target: Target, dataset: Dataset, program: str, core: str, folder: Path, **values: str) -> Iterator[Server]:
    """Serve *target*; what it prints goes to a file of *folder*, and is shown if it does not start.

    :param values: for marks in its settings, such as ``redis``.
    """
    port = _free_port()
    settings = json.dumps(dict(target.settings))
    for name, value in values.items():
        settings = settings.replace(f"{{{name}}}", value)
    command = [*pinned(core), program, *(part.format(port=port) for part in target.command)]
    environ = surroundings(BENCH_DATABASE=dataset.url, BENCH_SETTINGS=settings)
    log = folder / f"{target.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=TARGETS / target.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield Server(target, dataset, port, process)
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{log.stem} does not start:\n{log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children: they are a session of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
