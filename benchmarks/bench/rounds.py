"""The rounds of a scenario: interleaved, the floor before and after, noisy ones repeated."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from subprocess import CalledProcessError
from typing import NamedTuple

from . import environments, probes
from .datasets import dataset
from .driver import Client
from .load import Failed, Load, Round
from .scenarios import Scenario
from .servers import Server, cores, serving
from .targets import ALL, Target

#: A cycle in which a floor's own figure moved by more than this, from before to after, is repeated.
NOISY = 0.08


class Cycle(NamedTuple):
    """Each target's round, and those of the floors before and after them."""

    before: Mapping[str, Round]
    rounds: Mapping[str, Round]
    after: Mapping[str, Round]

    def is_noisy(self, by_cpu: bool) -> bool:
        """Whether a floor differs from itself."""
        return any(
            abs(figure(first, by_cpu) - figure(self.after[name], by_cpu))
            > NOISY * max(figure(first, by_cpu), figure(self.after[name], by_cpu))
            for name, first in self.before.items()
        )

    def floor(self, name: str, by_cpu: bool) -> float:
        """What the targets of this cycle are compared with: between before and after."""
        return (figure(self.before[name], by_cpu) + figure(self.after[name], by_cpu)) / 2


def figure(of: Round, by_cpu: bool) -> float:
    """What is compared: the rate, or of flows how many fit into a second of CPU."""
    return 1000 / max(of.cpu, 1e-9) if by_cpu else of.rate


class Measured(NamedTuple):
    """All of one scenario.

    :ivar tokens: of the data set.
    :ivar cycles: those that count.
    :ivar repeated: how many were thrown away because they were noisy.
    :ivar kept_noisy: how many of those that count are noisy all the same.
    :ivar memory: the most memory of each target's workers, MiB.
    :ivar wrong: what targets that were not measured did.
    """

    scenario: Scenario
    tokens: int
    cycles: Sequence[Cycle]
    repeated: int
    kept_noisy: int
    memory: Mapping[str, float]
    wrong: Mapping[str, str]

    @property
    def title(self) -> str:
        """What the scenario is called, with the number of tokens that there were."""
        return self.scenario.title.format(tokens=self.tokens)

    @property
    def by_cpu(self) -> bool:
        """Whether CPU is compared, and not the rate: where a driver takes steps one after the other."""
        return self.scenario.steps is not None


class Effort(NamedTuple):
    """How much is measured.

    :ivar seconds: of a round.
    :ivar cycles: of a scenario.
    :ivar repeats: so many noisy cycles are repeated.
    """

    seconds: float
    cycles: int
    repeats: int


class Street(NamedTuple):
    """Targets that are served side by side.

    :ivar folder: for files, removed with them.
    :ivar wrong: what became of those that could not be served, by their names.
    """

    tokens: int
    folder: Path
    servers: Mapping[str, Server]
    wrong: Mapping[str, str]


@contextmanager
def street(
    targets: Sequence[Target], tokens: int, programs: Mapping[str, str], data: Path, **values: str
) -> Iterator[Street]:
    """Serve *targets*, each with a data set of that size, or of its own.

    :param programs: for a folder that is not to have an environment of its own, what runs its programs.
    :param data: where data sets are kept.
    :param values: for marks in settings.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        servers: dict[str, Server] = {}
        wrong: dict[str, str] = {}
        for target in targets:
            program = programs.get(target.folder) or environments.program(target.folder)
            try:
                rows = stack.enter_context(dataset(target, target.tokens or tokens, folder, data, program))
                served = serving(target, rows, program, cores().server, folder, **values)
                servers[target.name] = stack.enter_context(served)
            except (RuntimeError, CalledProcessError) as error:
                _say(target.name, error, wrong)
        yield Street(tokens, folder, servers, wrong)


def measure(scenario: Scenario, served: Street, effort: Effort) -> Measured:
    """Try each target, and load those that answer rightly, one after the other."""
    wrong, loads = dict(served.wrong), {}
    for name, server in served.servers.items():
        try:
            with closing(Client(server.port, server.target.habits)) as client:
                probes.probe(scenario, client, server.dataset.tokens)
            load = Load(scenario, server, cores().load, served.folder)
            load.warm(min(1.0, effort.seconds))
            loads[name] = load
        except (probes.Wrong, Failed) as error:
            _say(name, error, wrong)
    cycles, repeated, noisy = _cycles(loads, effort, scenario.steps is not None, wrong)
    for load in loads.values():
        load.close()
    memory = {name: served.servers[name].memory() for name in loads}
    return Measured(scenario, served.tokens, cycles, repeated, noisy, memory, wrong)


def _say(name: str, error: Exception, wrong: dict[str, str]) -> None:
    wrong[name] = str(error)
    print(f"!!! {name} is not measured: {error}", file=sys.stderr)


def _cycles(
    loads: dict[str, Load], effort: Effort, by_cpu: bool, wrong: dict[str, str]
) -> tuple[list[Cycle], int, int]:
    """Cycles until there are enough; how many were repeated, and how many of those returned are noisy.

    A target that fails is taken out of *loads*, and said to be *wrong*.
    """
    cycles: list[Cycle] = []
    repeated = noisy = 0
    while len(cycles) < effort.cycles and loads:
        try:
            cycle = _cycle(loads, effort.seconds, len(cycles))
        except Failed as error:
            _give_up(error, loads, wrong)
            continue
        if cycle.is_noisy(by_cpu) and repeated < effort.repeats:
            repeated += 1
            continue
        noisy += cycle.is_noisy(by_cpu)
        cycles.append(cycle)
    return cycles, repeated, noisy


def _give_up(error: Failed, loads: dict[str, Load], wrong: dict[str, str]) -> None:
    """What cannot be compared without the target that failed is given up with it."""
    for name in [name for name in loads if error.target in (name, ALL[name].floor)]:
        _say(name, error, wrong)
        del loads[name]


def _cycle(loads: Mapping[str, Load], seconds: float, number: int) -> Cycle:
    """All targets once; who begins changes from cycle to cycle."""
    floors = [name for name in loads if ALL[name].floor == name]
    others = [name for name in loads if name not in floors]
    turn = number % max(1, len(others))
    before = {name: loads[name].round(seconds) for name in floors}
    rounds = {name: loads[name].round(seconds) for name in others[turn:] + others[:turn]}
    after = {name: loads[name].round(seconds) for name in floors}
    return Cycle(before, rounds, after)
