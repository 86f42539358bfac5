"""One round: so many seconds of load on a server, and what came of it."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .driver import Client, sign_in
from .scenarios import Scenario
from .servers import Server, pinned

_LUA = Path(__file__).with_name("load.lua")
#: Connections at once; the same for all, so that latencies compare.
_CONNECTIONS = 4
_UNCOUNTED_STEPS = 5


class Round(NamedTuple):
    """What one target did in one round.

    :ivar rate: answers (or flows) a second.
    :ivar cpu: milliseconds of CPU of the workers for each.
    :ivar p50: median latency, milliseconds.
    :ivar p99: the same of the slowest hundredth.
    """

    done: int
    rate: float
    cpu: float
    p50: float
    p99: float


class Failed(Exception):  # noqa: N818
    """A target gave another answer than the scenario expects.

    :ivar target: its name.
    """

    def __init__(self, target: str, what: object) -> None:
        super().__init__(f"{target}: {what}")
        self.target = target


class Load:
    """Makes rounds of one scenario on one server.

    :param core: where the load is made; empty: anywhere.
    :param folder: for files that wrk reads.
    """

    def __init__(self, scenario: Scenario, server: Server, core: str, folder: Path) -> None:
        self._scenario, self._server, self._core = scenario, server, core
        self._file = folder / f"{server.target.name}.requests"
        self._requests: list[bytes] = []
        self._clients = [Client(server.port, server.target.habits)]
        if scenario.requests is not None:
            self._requests = scenario.requests(server.target.habits, server.dataset.tokens)
            self._file.write_bytes(b"".join(b"%d\n%s" % (len(each), each) for each in self._requests))
        else:
            self._clients += [Client(server.port, server.target.habits) for _ in range(_CONNECTIONS - 1)]
            for client in self._clients:
                sign_in(client)

    def warm(self, seconds: float) -> None:
        """Let it do what it does the first time only; each token is presented once, as far as time allows."""
        if self._scenario.requests is not None:
            self._send(seconds, "each")
        else:
            self._take_steps(seconds)

    def round(self, seconds: float) -> Round:
        """Measure.

        :raises Failed: if an answer was not as expected.
        """
        if self._scenario.warmed:
            self._note_uses(min(2.0, seconds))
        if self._scenario.requests is None:
            return self._take_steps(seconds)
        before = self._server.cpu()
        found = self._send(seconds, str(random.randrange(1 << 30)))
        spent = self._server.cpu() - before
        count = found["requests"]
        return Round(count, count / found["seconds"], 1000 * spent / count, found["p50"], found["p99"])

    def _note_uses(self, seconds: float) -> None:
        """Present the tokens, and have written what a target notes of that once a minute: a round is shorter, and
        would show many times what a minute has of it."""
        self.warm(seconds)
        settles = self._server.target.habits.settles
        if settles and seconds >= 1:
            time.sleep(settles)
            for _ in range(2):  # what is written follows the first answer, and the second one waits for it
                self._send_slowly(0, "each")

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()

    def _send(self, seconds: float, order: str) -> dict[str, Any]:
        wrk = shutil.which("wrk") if seconds >= 1 else None  # it counts in whole seconds
        found = self._send_by_wrk(wrk, seconds, order) if wrk else self._send_slowly(seconds, order)
        self._server.check_alive()
        if found["unexpected"] or found["errors"] or not found["requests"]:
            raise Failed(self._server.target.name, found)
        return found

    def _send_by_wrk(self, wrk: str, seconds: float, order: str) -> dict[str, Any]:
        options = ["-t1", f"-c{_CONNECTIONS}", f"-d{round(seconds)}s", "--timeout", "30s", "-s", str(_LUA)]
        address = f"http://127.0.0.1:{self._server.port}"
        arguments = [str(self._file), str(self._scenario.expected), order]
        command = [*pinned(self._core), wrk, *options, address, "--", *arguments]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        line = printed.stdout.partition("\nbench ")[2]
        if not line:
            raise Failed(self._server.target.name, f"wrk said {printed.stdout} {printed.stderr}")
        found: dict[str, Any] = json.loads(line)
        return found

    def _send_slowly(self, seconds: float, order: str) -> dict[str, Any]:
        """One after the other, by the driver: where there is no wrk, to see that the harness works."""
        taken, unexpected, begun = [], 0, time.perf_counter()
        chosen = iter(self._requests) if order == "each" else iter(lambda: random.choice(self._requests), None)
        for raw in chosen:
            head, _, body = raw.decode().partition("\r\n\r\n")
            first, *lines = head.split("\r\n")
            method, path, _version = first.split(" ")
            headers = dict(line.split(": ", 1) for line in lines if not line.startswith(("Host", "Content-Length")))
            started = time.perf_counter()
            answer = self._clients[0].ask(method, path, headers, body or None)
            taken.append(time.perf_counter() - started)
            unexpected += answer.status != self._scenario.expected
            if time.perf_counter() - begun > seconds:
                break
        return {
            "requests": len(taken),
            "seconds": time.perf_counter() - begun,
            "unexpected": unexpected,
            "errors": 0,
            **percentiles(taken),
        }

    def _take_steps(self, seconds: float) -> Round:
        """Each client takes its steps, side by side, so that the server need not wait for them."""
        steps = self._scenario.steps
        assert steps is not None
        try:
            with ThreadPoolExecutor(len(self._clients), initializer=_stay_on, initargs=(self._core,)) as pool:
                needed = list(pool.map(lambda client: steps.begin(client, seconds), self._clients))
                list(pool.map(partial(_walk, steps.step, most=_UNCOUNTED_STEPS), self._clients, needed))
                cpu, begun = self._server.cpu(), time.perf_counter()
                walk = partial(_walk, steps.step, until=begun + seconds)
                taken = [step for steps in pool.map(walk, self._clients, needed) for step in steps]
                elapsed, spent = time.perf_counter() - begun, self._server.cpu() - cpu
        except AssertionError as error:
            raise Failed(self._server.target.name, error) from error
        if not taken:
            raise Failed(self._server.target.name, f"nothing was done in {seconds} s")
        told = percentiles(taken)
        count = len(taken)
        return Round(count, count / elapsed, 1000 * spent / count, told["p50"], told["p99"])


def _stay_on(core: str) -> None:
    """Keep the current thread off the server's core."""
    if core:
        os.sched_setaffinity(0, {int(core)})


def _walk(
    step: Callable[[Client, Any], bool], client: Client, needed: Any, *, until: float = math.inf, most: float = math.inf
) -> list[float]:
    """How many seconds each step of one client took, until it is time or there is nothing left."""
    taken: list[float] = []
    while len(taken) < most and time.perf_counter() < until:
        started = time.perf_counter()
        if not step(client, needed):
            break
        taken.append(time.perf_counter() - started)
    return taken


def percentiles(taken: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile of seconds, in milliseconds."""
    ordered = sorted(taken)
    return {"p50": 1000 * statistics.median(ordered), "p99": 1000 * ordered[int(0.99 * (len(ordered) - 1))]}
