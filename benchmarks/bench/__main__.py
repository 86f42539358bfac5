"""Measures the provider beside the floor and its peers.

    ./run.sh                                     all targets, all scenarios: about half an hour
    ./run.sh --variants                          ours on other servers and databases, with their floors
    ./run.sh --scenario protected-1e3 --target ours --target authlib
    ./run.sh --smoke                             floor and ours, tiny: does the harness work?

The floor of each target is measured, too. See README.rst.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import report, scenarios, targets
from .places import DATA
from .rounds import Effort, Measured, measure, street
from .scenarios import Scenario
from .targets import Target

_REDIS = "redis://127.0.0.1:6379/6"


#: So small are the data sets of a smoke run.
_FEW = 100


def main() -> int:
    """Measure, tell; 1 if a target was wrong."""
    chosen = _options()
    if shutil.which("wrk") is None:
        print("--- there is no wrk: requests are sent one after the other by the driver", file=sys.stderr)
    all_measured = []
    effort = Effort(chosen.seconds, chosen.cycles, chosen.repeats)
    for measured in _smoke(chosen, effort) if chosen.smoke else _whole(chosen, effort):
        all_measured.append(measured)
        print(report.as_rst([measured], effort).partition("\n\n")[2], flush=True)
        _write(chosen, all_measured, effort)  # what there is so far, should the rest be stopped
    return int(any(measured.wrong for measured in all_measured))


def _whole(chosen: argparse.Namespace, effort: Effort) -> Iterator[Measured]:
    """Each scenario on servers of its own."""
    for scenario in _scenarios(chosen):
        served = _targets(chosen, scenario)
        if served:
            with street(served, min(scenario.tokens, chosen.tokens), {}, DATA, redis=chosen.redis) as servers:
                yield measure(scenario, servers, effort)


def _smoke(chosen: argparse.Namespace, effort: Effort) -> Iterator[Measured]:
    """All scenarios on the same servers, with this Python's own packages."""
    programs = dict.fromkeys(("floor", "ours"), sys.executable)
    served = [targets.ALL[name] for name in ("floor", "ours")]
    with tempfile.TemporaryDirectory() as folder, street(served, _FEW, programs, Path(folder)) as servers:
        for scenario in _scenarios(chosen):
            yield measure(scenario, servers, effort)


def _scenarios(chosen: argparse.Namespace) -> list[Scenario]:
    if chosen.scenario:
        return [scenarios.ALL[name] for name in chosen.scenario]
    found = list(scenarios.ALL.values())
    return [scenario for scenario in found if scenario.tokens == scenarios.SMALL] if chosen.smoke else found


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="run.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--scenario", action="append", choices=scenarios.ALL, metavar="NAME", help="again for more")
    options.add_argument("--target", action="append", choices=targets.ALL, metavar="NAME", help="again for more")
    options.add_argument("--variants", action="store_true", help="ours on other servers and databases")
    options.add_argument("--cycles", type=int, help="rounds of each target in a scenario")
    options.add_argument("--seconds", type=float, help="of a round")
    options.add_argument("--repeats", type=int, help="noisy cycles of a scenario that are repeated")
    options.add_argument("--tokens", type=int, default=10_000_000, help="no data set is larger")
    options.add_argument("--redis", default=_REDIS, help="for the cache that is shared")
    options.add_argument("--smoke", action="store_true", help="tiny, with this Python's own packages")
    options.add_argument("--list", action="store_true", help="print the names of scenarios and targets")
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--rst", type=Path, metavar="FILE")
    chosen = options.parse_args()
    usual = {"cycles": 1, "seconds": 0.2, "repeats": 0} if chosen.smoke else {"cycles": 5, "seconds": 3.0, "repeats": 3}
    for name, value in usual.items():
        if getattr(chosen, name) is None:
            setattr(chosen, name, value)
    if chosen.list:
        print("scenarios:", *scenarios.ALL, "\ntargets:", *targets.ALL)
        sys.exit()
    return chosen


def _targets(chosen: argparse.Namespace, scenario: Scenario) -> list[Target]:
    """The targets of a scenario, with their floors."""
    if chosen.target:
        wanted: Sequence[Target] = [targets.ALL[name] for name in chosen.target]
    else:
        wanted = targets.VARIANTS if chosen.variants else targets.PEERS
    served = [target for target in wanted if target.serves(scenario.name, scenario.path)]
    names = {name for target in served for name in (target.floor, target.name)}
    return [target for name, target in targets.ALL.items() if name in names]


def _write(chosen: argparse.Namespace, all_measured: Sequence[Measured], effort: Effort) -> None:
    if chosen.json:
        chosen.json.write_text(json.dumps(report.as_json(all_measured, effort), indent=2) + "\n")
    if chosen.rst:
        chosen.rst.write_text(report.as_rst(all_measured, effort))


if __name__ == "__main__":
    sys.exit(main())
