"""The benchmarks of growth, purge and memory run, and tell what they are to tell; nothing is timed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import growth, id_tokens, memory, purge


@pytest.mark.parametrize("benchmark", [growth, purge, memory, id_tokens])
def test_each_says_how_it_is_called(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        benchmark.main(["--help"])
    assert f"python {benchmark.__name__.replace('.', '/')}.py" in capsys.readouterr().out


def test_growth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--sizes", "20", "40", "--chain", "3", "6", "--rounds", "1"]
    growth.main(["--of", "tokens", "chain", *sizes, "--json", str(tmp_path / "growth.json")])
    assert "tokens of many clients and users" in capsys.readouterr().out
    found: dict[str, Any] = json.loads((tmp_path / "growth.json").read_text())
    assert {kind: one["sizes"] for kind, one in found.items()} == {"tokens": [20, 40], "chain": [3, 6]}
    for one in found.values():
        assert list(one["milliseconds"]) == list(growth.OPERATIONS)
        for cells in one["milliseconds"].values():
            assert len(cells) == 2
            assert all(cell["median"] > 0 for cell in cells)


def test_id_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    id_tokens.main(["--rounds", "2", "--times", "1", "--json", str(tmp_path / "id_tokens.json")])
    told = capsys.readouterr().out
    found = json.loads((tmp_path / "id_tokens.json").read_text())
    assert list(found) == ["code flow", "refresh"]
    for took in found.values():
        assert list(took) == list(id_tokens.KINDS)
        assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in took.values())
    assert "1.00 (1.00, 1.00)" in told  # the flow without an ID token, to itself


def test_what_is_not_flat_is_marked() -> None:
    cells = [growth.Cell(2.0, 3.0), growth.Cell(2.5, 9.0), growth.Cell(2.51, 3.0)]
    table = growth.table([10, 100, 1000], {"refresh": cells})
    assert table.splitlines() == [
        "=========  ===========  ===========  =============",
        "operation  10           100          1,000",
        "=========  ===========  ===========  =============",
        "refresh    2.00 (3.00)  2.50 (9.00)  2.51 (3.00) !",
        "=========  ===========  ===========  =============",
    ]


def test_purge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    purge.main(["--rows", "500", "--seconds", "0.5", "--json", str(tmp_path / "purge.json")])
    assert "Small steps removed" in capsys.readouterr().out
    found = json.loads((tmp_path / "purge.json").read_text())
    assert list(found["answers"]) == ["no purge", "small steps", "purge"]
    assert all(len(times["protected"]) == len(times["issuance"]) > 0 for times in found["answers"].values())
    assert found["steps"] > 0
    assert found["steps"] + found["purge"]["rows"] >= 450
    assert 0 < found["purge"]["longest"] < found["purge"]["seconds"]


def test_memory_of_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory.main(["--requests", "60", "--each", "20", "--json", str(tmp_path / "memory.json")])
    assert "Per 100,000 requests" in capsys.readouterr().out
    found = json.loads((tmp_path / "memory.json").read_text())
    assert [asked >= due for (asked, _), due in zip(found, (0, 20, 40, 60), strict=True)] == [True] * 4
    assert all(resident > 10_000 for _, resident in found)


def test_memory_in_process(capsys: pytest.CaptureFixture[str]) -> None:
    memory.main(["--requests", "60", "--in-process"])
    told = capsys.readouterr().out
    assert "first half: " in told
    assert "second half: " in told


def test_the_slope_leaves_out_what_comes_first() -> None:
    warm = [(number * 10_000, 5_000 + number * 7) for number in range(1, 11)]
    assert memory.slope([(0, 100), *warm]) == pytest.approx(70)
