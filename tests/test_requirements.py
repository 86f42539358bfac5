"""``tests/REQUIREMENTS.rst`` says which test holds each requirement, and what it says is so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import docutils.core
import docutils.nodes
import pytest

TESTS = Path(__file__).parent
PAGE = TESTS / "REQUIREMENTS.rst"
#: How many lines the list of security requirements has.
SECURITY_LINES = 130
BEHAVIOURS = 12
WAITING = "Lines that wait for a feature"
#: Files that were written for lines that no other test covered.
WRITTEN_FOR_IT = ["features/test_requirements.py", "flows/test_requirements.py", "test_original.py"]

_REFERENCE = re.compile(r"(tests/[a-z0-9_/]+\.py)((?:::[A-Za-z_0-9]+)+)")


@cache
def document() -> Any:
    """The page as docutils reads it; anything that is malformed is an error."""
    settings = {"halt_level": 2, "report_level": 2, "input_encoding": "utf-8"}
    return docutils.core.publish_doctree(PAGE.read_text(encoding="utf-8"), settings_overrides=settings)


def section(title: str) -> Any:
    """The section of that title."""
    (found,) = (s for s in document().findall(docutils.nodes.section) if s[0].astext() == title)
    return found


def rows(within: Any) -> list[list[Any]]:
    """The cells of all rows of all tables, without their headings."""
    return [list(row) for body in within.findall(docutils.nodes.tbody) for row in body]


def references(cell: Any) -> list[str]:
    """What the last cell of a row names."""
    return [literal.astext() for literal in cell.findall(docutils.nodes.literal)]


ROWS = rows(document())
NAMED = sorted({name for row in ROWS for name in references(row[-1])})


@cache
def found_in(path: str) -> set[str]:
    """Names of the tests in a file, as ``::test_name`` or ``::TestClass::test_name``."""

    def walk(body: list[Any], before: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                yield from walk(node.body, f"{before}::{node.name}")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{before}::{node.name}"
            elif isinstance(node, ast.Assign):
                yield from (f"{before}::{target.id}" for target in node.targets if isinstance(target, ast.Name))

    found = set(walk(ast.parse((TESTS.parent / path).read_text(encoding="utf-8")).body, ""))
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def numbers(title: str) -> list[int]:
    """The first column of a section's numbered tables."""
    return [int(row[0].astext()) for row in rows(section(title)) if row[0].astext().isdigit()]


def waiting(word: str) -> list[int]:
    """The numbers behind *word* among the lines that wait."""
    items = section(WAITING).findall(docutils.nodes.list_item)
    return [int(found[1]) for item in items if (found := re.match(rf"{word} (\d+)\b", item.astext()))]


def test_there_is_a_test_for_each_line_of_a_table() -> None:
    assert len(ROWS) > 200
    for row in ROWS:
        told = row[-1].astext()
        named = references(row[-1])
        assert named, f"no test is named for: {row[-2].astext()}"
        assert told == ",\n".join(named), f"something else stands beside the tests: {told}"
        assert all(cell.astext().strip() for cell in row)


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name: str) -> None:
    found = _REFERENCE.fullmatch(name)
    assert found, f"{name} is not of the form tests/path.py::test_name"
    path, test = found.groups()
    assert (TESTS.parent / path).is_file()
    assert test in found_in(path)


def test_no_name_is_given_twice_in_a_row() -> None:
    for row in ROWS:
        named = references(row[-1])
        assert len(named) == len(set(named)), row[0].astext()


def test_every_line_of_the_security_list_is_covered_or_waits() -> None:
    covered = numbers("Security")
    assert covered == sorted(set(covered)), "out of order, or twice"
    assert set(covered) | set(waiting("Security")) == set(range(1, SECURITY_LINES + 1))
    assert {row[1].astext() for row in rows(section("Security"))} == {"M", "S"}


def test_every_behaviour_of_the_original_is_covered_or_waits() -> None:
    covered = numbers("Behaviours of the original")
    pending = waiting("Behaviour")
    assert sorted([*covered, *pending]) == list(range(1, BEHAVIOURS + 1))


def test_nothing_stands_in_a_table_of_the_lines_that_wait() -> None:
    assert rows(section(WAITING)) == []
    assert all(list(feature.findall(docutils.nodes.list_item)) for feature in section(WAITING).findall(_is_feature))


def _is_feature(node: Any) -> bool:
    return isinstance(node, docutils.nodes.section) and node[0].astext() != WAITING


@pytest.mark.parametrize("file", WRITTEN_FOR_IT)
def test_a_test_that_was_written_for_a_line_is_named_there(file: str) -> None:
    path = f"tests/{file}"
    assert {f"{path}{test}" for test in found_in(path)} <= set(NAMED)


def test_a_name_that_is_wrong_would_be_noticed() -> None:
    known = found_in("tests/test_verbs.py")
    assert "::TestClients::test_defaults" in known
    assert "::test_defaults" not in known
    assert "::works" not in known
    assert "::test_token_answers_as_specified" in found_in("tests/fuzz/test_requests.py")
