"""What was measured, as numbers for programs and as tables for people."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .rounds import NOISY, Cycle, Effort, Measured, figure
from .targets import ALL

#: Flows are compared with this peer, too: their bars are told as parts of its CPU.
PEER = "authlib"

Figures = dict[str, Any]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, tenth and ninetieth percentile."""
    if len(values) == 1:
        return {"median": values[0], "p10": values[0], "p90": values[0]}
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return {"median": statistics.median(values), "p10": tenths[0], "p90": tenths[-1]}


def figures(measured: Measured) -> dict[str, Figures]:
    """Of each target in one scenario."""
    return {name: _of_target(measured, name) for name in ALL if name in measured.memory and measured.cycles}


def _of_target(measured: Measured, name: str) -> Figures:
    cycles, floor = measured.cycles, ALL[name].floor
    rounds = [one for cycle in cycles for one in _rounds(cycle, name)]
    found: Figures = {
        "rate": spread([one.rate for one in rounds]),
        "cpu_ms": spread([one.cpu for one in rounds]),
        "p50_ms": statistics.median(one.p50 for one in rounds),
        "p99_ms": statistics.median(one.p99 for one in rounds),
        "memory_mib": measured.memory[name],
        "done": sum(one.done for one in rounds),
    }
    if name != floor and floor in cycles[0].before:
        for key, by_cpu in (("ratio", measured.by_cpu), ("cpu_ratio", True)):
            found[key] = {
                "to": floor,
                **spread([figure(c.rounds[name], by_cpu) / c.floor(floor, by_cpu) for c in cycles]),
            }
    if measured.by_cpu and name != PEER and PEER in measured.memory:
        parts = [_cpu(cycle, name) / cycle.rounds[PEER].cpu for cycle in cycles]
        found["cpu_of_peer"] = {"to": PEER, **spread(parts)}
    return found


def _rounds(cycle: Cycle, name: str) -> Iterator[Any]:
    for part in (cycle.before, cycle.rounds, cycle.after):
        if name in part:
            yield part[name]


def _cpu(cycle: Cycle, name: str) -> float:
    return statistics.mean(one.cpu for one in _rounds(cycle, name))


def as_json(all_measured: Sequence[Measured], effort: Effort) -> dict[str, Any]:
    """Everything, with what it was measured on."""
    return {
        "machine": machine(),
        "effort": effort._asdict(),
        "scenarios": {
            measured.scenario.name: {
                "title": measured.title,
                "compared": "cpu" if measured.by_cpu else "rate",
                "targets": figures(measured),
                "cycles": len(measured.cycles),
                "repeated": measured.repeated,
                "kept_noisy": measured.kept_noisy,
                "wrong": dict(measured.wrong),
            }
            for measured in all_measured
        },
    }


def machine() -> dict[str, str]:
    """What the figures depend on."""
    with open("/proc/cpuinfo") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(models)),
    }


# --- tables ---------------------------------------------------------------------------------------


def as_rst(all_measured: Sequence[Measured], effort: Effort) -> str:
    """A table for each scenario, and what is to be known about all."""
    parts = [_preface(effort)]
    for measured in all_measured:
        title = measured.title
        parts += [f"{title}\n{'~' * len(title)}", table(_lines(measured)), _notes(measured)]
    parts.append(_flows(all_measured))
    return "\n\n".join(part for part in parts if part) + "\n"


def _preface(effort: Effort) -> str:
    told = machine()
    return (
        f"{told['processor']}, {told['cores']} cores, {told['system']}, Python {told['python']}. "
        f"{effort.cycles} cycles a scenario, rounds of {effort.seconds:g} s. A ratio is taken within a cycle, to the "
        "mean of the floor's rounds before and after; told are its median and, in brackets, 10th and 90th percentile. "
        "A ratio of CPU is the floor's CPU for one answer, divided by the target's: it does not feel what else the "
        "machine does as much as a rate."
    )


def _lines(measured: Measured) -> Iterator[list[str]]:
    what = "flows/s" if measured.by_cpu else "requests/s"
    head = ["target", "ratio to its floor", "ratio of CPU", what, "CPU ms", "p50 ms", "p99 ms", "memory MiB"]
    found = figures(measured)
    beside_peer = any("cpu_of_peer" in of for of in found.values())
    yield [*head, *([f"CPU, parts of {PEER}'s"] if beside_peer else [])]
    for name, of in found.items():
        peer = [_ratio(of.get("cpu_of_peer"), "1")] if beside_peer else []
        yield [
            name,
            _ratio(of.get("ratio"), "1"),
            f"{of['cpu_ratio']['median']:.2f}" if "cpu_ratio" in of else "1",
            f"{of['rate']['median']:,.0f}" if of["rate"]["median"] >= 10 else f"{of['rate']['median']:.1f}",
            f"{of['cpu_ms']['median']:.3f}",
            f"{of['p50_ms']:.2f}",
            f"{of['p99_ms']:.2f}",
            f"{of['memory_mib']:.0f}",
            *peer,
        ]


def _ratio(of: Mapping[str, Any] | None, otherwise: str) -> str:
    if of is None:
        return otherwise
    return f"{of['median']:.2f} ({of['p10']:.2f}, {of['p90']:.2f})"


def _notes(measured: Measured) -> str:
    said = []
    if measured.by_cpu:
        said.append("Ratios are of CPU: the floor's for one, divided by the target's for one.")
    if measured.repeated:
        said.append(f"{measured.repeated} cycles were repeated: the floor moved by more than {NOISY:.0%}.")
    if measured.kept_noisy:
        said.append(f"{measured.kept_noisy} of those that count are noisy, too.")
    said += [f"Not measured: {name}, {why}." for name, why in measured.wrong.items()]
    return " ".join(said)


def _flows(all_measured: Sequence[Measured]) -> str:
    """What each target does in its flow."""
    shown = [measured for measured in all_measured if measured.by_cpu]
    folders = {ALL[name].folder: ALL[name] for measured in shown for name in figures(measured)}
    if not folders:
        return ""
    lines = [f"* {target.about['title']}: {target.about['flow']}." for target in folders.values()]
    return "What they do in a flow:\n\n" + "\n".join(lines)


def table(rows: Iterator[Sequence[str]]) -> str:
    """A simple table of reStructuredText; the first row is its head."""
    lines = list(rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = "  ".join("=" * width for width in widths)
    told = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([rule, told[0], rule, *told[1:], rule])
