"""The arrows between the rooms point down only, and some things are imported in one room alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_oauth2server

PACKAGE = Path(flask_oauth2server.__file__).parent

#: Room by row; a file may import what stands in a lower row, and files of its own folder.
ROWS = [
    {"clock", "reasons"},
    {"errors"},
    {"config", "globals", "signals", "text"},
    {"models", "transport", "scopes", "development", "jose", "fetch"},
    {"storage"},
    {"domain"},
    {"registers"},
    {"state"},
    {"oauth", "resource"},
    {"features", "ui", "cli", "verbs", "doctor", "csrf", "rates", "testing"},
    {"extension"},
    {"__init__"},
]
ROW_OF = {room: number for number, row in enumerate(ROWS) for room in row}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imports(path: Path) -> Iterator[str]:
    """Dotted names that *path* imports, our own ones relative to the package; TYPE_CHECKING is no arrow."""
    tree = ast.parse(path.read_text())
    ignored = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        if id(node) in ignored:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            for alias in node.names:
                parts = [*base, *(node.module.split(".") if node.module else [alias.name])]
                if node.module and (PACKAGE.joinpath(*parts, alias.name).with_suffix(".py")).exists():
                    parts.append(alias.name)
                yield "flask_oauth2server." + ".".join(parts)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def own_imports(path: Path) -> set[str]:
    return {
        name.removeprefix("flask_oauth2server.") for name in imports(path) if name.startswith("flask_oauth2server.")
    }


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows_point_down(path: Path) -> None:
    room = name_of(path).partition("/")[0]
    for target in own_imports(path):
        other = target.partition(".")[0]
        if other == "__init__" or other not in ROW_OF:
            pytest.fail(f"{name_of(path)} imports {target}, which stands in no room")
        if other != room:
            assert ROW_OF[other] < ROW_OF[room], f"{name_of(path)} imports {target}"


def test_every_file_stands_in_a_room() -> None:
    assert {name_of(path).partition("/")[0] for path in FILES} == set(ROW_OF)


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.parent.name == "features" and p.stem != "__init__"], ids=name_of
)
def test_features_do_not_know_each_other(path: Path) -> None:
    assert not [target for target in own_imports(path) if target.startswith("features")]


def test_mixins_know_no_factory() -> None:
    assert own_imports(PACKAGE / "models" / "mixins.py") == {"clock"}


def users_of(library: str) -> set[str]:
    return {
        name_of(path).partition("/")[0]
        for path in FILES
        if any(name == library or name.startswith(f"{library}.") for name in imports(path))
    }


def test_only_the_adapter_and_grants_touch_oauthlib() -> None:
    assert users_of("oauthlib") <= {"oauth", "features"}


def test_one_file_imports_joserfc() -> None:
    assert users_of("joserfc") == {"jose"}


def test_queries_are_written_in_storage_alone() -> None:
    writers = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "select":
                writers.add(name_of(path).partition("/")[0])
    assert writers == {"storage"}


def test_commits_are_made_by_the_unit_of_work_alone() -> None:
    committers = {name_of(path) for path in FILES if ".commit()" in path.read_text()}
    assert committers == {"storage/unit"}


def test_globals_are_for_views_alone() -> None:
    users = {name_of(path) for path in FILES if "globals" in own_imports(path)}
    assert users <= {"__init__", "features/probe", "features/userinfo"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
