"""How large the steps are in which all that has ended is removed, and that they leave time to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_oauth2server.domain import purge

from ..support import Provider


class Watch:
    """A clock that stands still but for what is done and rested."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


class Heap:
    """Rows, each of which takes a while to remove."""

    def __init__(self, watch: Watch, rows: int, seconds: float) -> None:
        self.watch, self.rows, self.seconds = watch, rows, seconds
        self.limits: list[int] = []

    def remove(self, limit: int) -> int:
        self.limits.append(limit)
        removed = min(limit, self.rows)
        self.rows -= removed
        self.watch.now += removed * self.seconds
        return removed


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(purge, "time", watch)
    return watch


@pytest.fixture
def storage(provider: Provider) -> Iterator[Any]:
    with provider.app.app_context():
        yield provider.app.extensions["oauth2server"].storage


def everything(storage: Any, *heaps: Heap) -> int:
    return purge.Purger(storage, [heap.remove for heap in heaps], lambda: 0, 300).everything()


def test_a_quick_database_removes_a_thousand_at_once(storage: Any, watch: Watch) -> None:
    heap = Heap(watch, 5_000, 0.000001)
    assert everything(storage, heap) == 5_000
    assert heap.limits == [100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000]


def test_a_slow_one_few_so_that_nobody_waits_long_for_a_lock(storage: Any, watch: Watch) -> None:
    heap = Heap(watch, 1_000, 0.002)
    assert everything(storage, heap) == 1_000
    assert heap.limits[:3] == [100, 50, 100]
    assert max(heap.limits) == 100
    crawling = Heap(watch, 100, 1.0)
    assert everything(storage, crawling) == 100
    assert crawling.limits[:6] == [100, 50]


def test_it_rests_as_long_as_it_works_a_second_at_most(storage: Any, watch: Watch) -> None:
    everything(storage, Heap(watch, 400, 0.001), Heap(watch, 100, 0.05))
    assert watch.rests == pytest.approx([0.1, 0.2, 0.1, 1.0], abs=0.001)


def test_one_kind_is_done_before_the_next(storage: Any, watch: Watch) -> None:
    first, second = Heap(watch, 300, 0.0), Heap(watch, 0, 0.0)
    assert everything(storage, first, second) == 300
    assert (first.rows, second.limits) == (0, [100])
