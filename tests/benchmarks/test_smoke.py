"""The harness measures what it says: it runs from end to end, and what answers wrongly is not measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from docutils.core import publish_doctree

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from bench import probes, report, rounds, scenarios, targets  # noqa: E402
from bench.datasets import Dataset  # noqa: E402
from bench.driver import Client, Habits  # noqa: E402
from bench.load import Failed, Load, Round  # noqa: E402
from bench.rounds import Cycle, Effort, Measured  # noqa: E402
from bench.servers import Server  # noqa: E402


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The one command, with the packages of the tests."""
    environ = {**os.environ, "PYTHON": sys.executable}
    command = [str(BENCHMARKS / "run.sh"), "--smoke", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


def test_every_scenario_is_measured_and_told(tmp_path: Path) -> None:
    """Floor and ours, tiny. No time is asserted: the machine is busy with other tests."""
    numbers, told = tmp_path / "figures.json", tmp_path / "table.rst"
    done = run("--json", str(numbers), "--rst", str(told))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(numbers.read_text())["scenarios"]
    assert list(found) == [name for name, one in scenarios.ALL.items() if one.tokens == scenarios.SMALL]
    for name, scenario in found.items():
        assert scenario["wrong"] == {}, name
        assert list(scenario["targets"]) == ["floor", "ours"], name
        for figures in scenario["targets"].values():
            assert figures["done"] > 0 and figures["rate"]["median"] > 0 and figures["memory_mib"] > 1
            assert 0 < figures["p50_ms"] <= figures["p99_ms"]
        assert scenario["targets"]["ours"]["ratio"]["to"] == "floor"
        assert scenario["title"] in told.read_text()
    publish_doctree(told.read_text(), settings_overrides={"halt_level": 2, "report_level": 2})


class _SaysYes(BaseHTTPRequestHandler):
    """Lets everybody in: what a target would be that answers fast and wrongly."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "39")
        self.end_headers()
        number = hash(self.headers["Authorization"]) % 10
        self.wfile.write(f'{{"user": {number}, "name": "Person {number}", "a": 1}}'.ljust(39).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 100

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who makes load hangs up in the middle when the time is over."""


@pytest.fixture(scope="module")
def careless() -> Iterator[int]:
    """The port of a server that lets everybody in."""
    with _Server(("127.0.0.1", 0), _SaysYes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


PATHS = {name: f"/{name}" for name in ("login", "ping", "me", "authorize", "token", "introspect", "revoke", "metadata")}
TOKENS = [f"token-of-some-length-{number:04}" for number in range(50)]


@pytest.mark.parametrize("name", scenarios.ALL)
def test_a_target_that_answers_wrongly_is_not_measured(careless: int, name: str) -> None:
    client = Client(careless, Habits(PATHS))
    with pytest.raises(probes.Wrong):
        probes.probe(scenarios.ALL[name], client, TOKENS)
    client.close()


def load_on(port: int, scenario: str, folder: Path) -> Load:
    """Of a server that is no process of the harness."""

    class Running:
        pid = os.getpid()
        returncode = None

        def poll(self) -> None:
            return None

    process: Any = Running()
    server = Server(targets.ALL["floor"], Dataset("", TOKENS), port, process)
    return Load(scenarios.ALL[scenario], server, "", folder)


@pytest.mark.parametrize("seconds", [0.1, 1], ids=["driver", "wrk"])
def test_a_round_tells_what_was_done(careless: int, tmp_path: Path, seconds: float) -> None:
    """By the driver, and by wrk where it is."""
    if seconds >= 1 and shutil.which("wrk") is None:
        assert "wrk" not in os.environ.get("OAUTH2_TEST_DEMAND", "")
        pytest.skip("no wrk")
    load = load_on(careless, "protected-1e3", tmp_path)
    with closing(load):
        found = load.round(seconds)
    assert found.done > 10 and found.rate > 10 and 0 < found.p50 <= found.p99


@pytest.mark.parametrize("seconds", [0.1, 1], ids=["driver", "wrk"])
def test_a_round_with_another_answer_fails(careless: int, tmp_path: Path, seconds: float) -> None:
    load = load_on(careless, "refused", tmp_path)
    with closing(load), pytest.raises(Failed, match="unexpected"):
        load.round(seconds)


def one(rate: float, cpu: float = 1.0) -> Round:
    return Round(100, rate, cpu, 1.0, 2.0)


def test_ratios_are_taken_pair_by_pair() -> None:
    """The machine is half as fast in the second cycle, for all alike: no ratio moves."""
    cycles = [
        Cycle({"floor": one(1000)}, {"ours": one(900)}, {"floor": one(1000)}),
        Cycle({"floor": one(480)}, {"ours": one(450)}, {"floor": one(520)}),
    ]
    memory = {"floor": 1.0, "ours": 1.0}
    measured = Measured(scenarios.ALL["protected-1e3"], 1000, cycles, 0, 0, memory, {})
    ratio = report.figures(measured)["ours"]["ratio"]
    assert ratio == {"to": "floor", "median": 0.9, "p10": 0.9, "p90": 0.9}


def test_a_cycle_is_noisy_where_the_floor_moves() -> None:
    quiet = Cycle({"floor": one(1000)}, {"ours": one(10)}, {"floor": one(930)})
    noisy = Cycle({"floor": one(1000)}, {"ours": one(10)}, {"floor": one(910)})
    assert not quiet.is_noisy(False) and noisy.is_noisy(False)
    assert not noisy.is_noisy(True), "the CPU of the floor is the same"


class _Paced:
    """A load whose rates are known beforehand."""

    def __init__(self, *rates: float | Failed) -> None:
        self.rates = list(rates)

    def round(self, seconds: float) -> Round:
        rate = self.rates.pop(0)
        if isinstance(rate, Failed):
            raise rate
        return one(rate)


def test_noisy_cycles_are_repeated_but_not_for_ever() -> None:
    loads: Any = {"floor": _Paced(100, 50, 100, 50, 100, 100), "ours": _Paced(1, 2, 3)}
    cycles, repeated, noisy = rounds._cycles(loads, Effort(1, 2, 1), False, {})
    assert [cycle.rounds["ours"].rate for cycle in cycles] == [2, 3]
    assert (repeated, noisy) == (1, 1)


def test_a_target_that_fails_is_left_out_and_the_others_go_on() -> None:
    loads: Any = {"floor": _Paced(*[100] * 6), "ours": _Paced(1, 2, 3), "dot": _Paced(5, Failed("dot", "500"))}
    wrong: dict[str, str] = {}
    cycles, _, _ = rounds._cycles(loads, Effort(1, 2, 0), False, wrong)
    assert list(loads) == ["floor", "ours"] and wrong == {"dot": "dot: 500"}
    measured = Measured(scenarios.ALL["protected-1e3"], 1000, cycles, 0, 0, dict.fromkeys(loads, 1.0), wrong)
    assert list(report.figures(measured)) == ["floor", "ours"]
    assert "Not measured: dot" in report.as_rst([measured], Effort(1, 2, 0))
