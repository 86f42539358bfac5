"""Four processes of eight threads each, every process with an app of its own on one database.

All is sent through the real app by WSGI. Whoever contends for the same item is let go by a barrier
at the same moment; contenders for one item are of different processes.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import got_request_exception

from flask_oauth2server.domain import secrets

from ..support import Provider
from . import forks
from .service import attach, hashed_cheaply

PROCESSES, THREADS = 4, 8
PAIR, EIGHT = 2, 8
_PATIENCE = 120
_TRIES = 30


@dataclass
class Outcome:
    """What one contender saw.

    :ivar item: which item it contended for.
    :ivar place: its place among the contenders of that item.
    :ivar status: of the last answer.
    :ivar seen: of all answers, those of 503 that were tried again among them.
    :ivar found: what the job wants to tell.
    """

    item: int
    place: int
    status: int
    seen: list[int]
    found: Any = None


@dataclass
class Race:
    """All outcomes, and what the apps raised."""

    outcomes: list[Outcome]
    raised: list[str]
    seconds: float

    def __post_init__(self) -> None:
        self.seen = Counter(status for outcome in self.outcomes for status in outcome.seen)

    def by_item(self) -> list[list[Outcome]]:
        """The outcomes of each item, in the order of the items."""
        sorted_: dict[int, list[Outcome]] = {}
        for outcome in self.outcomes:
            sorted_.setdefault(outcome.item, []).append(outcome)
        return [sorted_[item] for item in sorted(sorted_)]


class Contender:
    """One thread of the crew, and its way to the app."""

    def __init__(self, provider: Provider, place: int) -> None:
        self.provider = provider
        self.place = place
        self.seen: list[int] = []
        self._http = provider.app.test_client(use_cookies=False)

    def send(self, path: str, *, method: str = "POST", **options: Any) -> Any:
        """A request; tried again as long as the answer is 503 with ``Retry-After``, as it asks for."""
        for _ in range(_TRIES):
            response = self._http.open(path, method=method, **options)
            self.seen.append(response.status_code)
            if response.status_code != 503 or "Retry-After" not in response.headers:
                break
            time.sleep(random.uniform(0.05, 0.3))
        return response


Job = Callable[[Contender, Any], Any]


class Crew:
    """The processes; they stay until :meth:`close`.

    :param database_url: a prepared database.
    :param config: overrides of the apps' configuration.
    """

    def __init__(self, database_url: str, config: dict[str, Any] | None = None) -> None:
        context = forks.context()
        barriers = {size: [context.Barrier(size) for _ in range(PROCESSES * THREADS // size)] for size in (PAIR, EIGHT)}
        self._members = []
        for number in range(PROCESSES):
            here, there = context.Pipe()
            process = forks.start(_live, number, database_url, config, barriers, there)
            there.close()
            self._members.append((process, here))
        for _, pipe in self._members:
            self._hear(pipe)

    def race(self, job: Job, items: Sequence[Any], contenders: int = EIGHT) -> Race:
        """Let *contenders* at a time run *job(contender, item)* on each of *items*."""
        began = time.monotonic()
        for _, pipe in self._members:
            pipe.send((job, list(items), contenders))
        outcomes, raised = [], []
        for _, pipe in self._members:
            their_outcomes, their_raised = self._hear(pipe)
            outcomes += their_outcomes
            raised += their_raised
        return Race(outcomes, raised, time.monotonic() - began)

    def _hear(self, pipe: Any) -> Any:
        assert pipe.poll(_PATIENCE * 5), "a process of the crew says nothing"
        answer = pipe.recv()
        if isinstance(answer, str):
            raise AssertionError(f"a process of the crew failed:\n{answer}")
        return answer

    def close(self) -> None:
        """Send everybody home."""
        for process, pipe in self._members:
            pipe.close()
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()


def _live(number: int, database_url: str, config: Any, barriers: Any, pipe: Any) -> None:
    """One process of the crew: attach, then do what comes through the pipe until it is closed."""
    warnings.simplefilter("error")
    secrets.generate_password_hash = hashed_cheaply
    try:
        provider = attach(database_url, config)
        raised: list[str] = []
        remember = _remember(raised)
        got_request_exception.connect(remember, provider.app)
        pipe.send(None)
    except Exception:
        pipe.send(traceback.format_exc())
        return
    while True:
        try:
            job, items, contenders = pipe.recv()
        except EOFError:
            break
        try:
            outcomes = _run(number, provider, job, items, barriers[contenders])
            pipe.send((outcomes, list(raised)))
        except Exception:
            pipe.send(traceback.format_exc())
        raised.clear()
    with provider.app.app_context():
        provider.db.engine.dispose()


def _remember(raised: list[str]) -> Callable[..., None]:
    def remember(app: Any, exception: BaseException, **_: Any) -> None:
        raised.append("".join(traceback.format_exception(exception))[-3000:])

    return remember


def _run(number: int, provider: Provider, job: Job, items: list[Any], barriers: list[Any]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    failures: list[str] = []

    def contend(thread: int) -> None:
        index = thread * PROCESSES + number  # neighbours are of different processes
        size = PROCESSES * THREADS // len(barriers)
        group, place = divmod(index, size)
        barrier = barriers[group]
        try:
            for item in range(group, len(items), len(barriers)):
                contender = Contender(provider, place)
                barrier.wait(_PATIENCE)
                found = job(contender, items[item])
                outcomes.append(Outcome(item, place, contender.seen[-1], contender.seen, found))
        except Exception:
            failures.append(traceback.format_exc())
            barrier.abort()

    threads = [threading.Thread(target=contend, args=(thread,), daemon=True) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError("\n".join(failures))
    return outcomes
