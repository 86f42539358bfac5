"""What happens to these tests where there is no Node, or no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import node


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs; Node is not demanded."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node, "DEMANDED", [])
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_without_node_tests_are_skipped_and_say_so(bare: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="there is no node"):
        node.packages("service", bare)
    program(bare, "node", "echo v18.20.4")
    with pytest.raises(pytest.skip.Exception, match="there is no npm"):
        node.packages("service", bare)
    program(bare, "npm", "exit 1")
    with pytest.raises(pytest.skip.Exception, match=r"v18\.20\.4 is older than 20"):
        node.packages("service", bare)


def test_without_network_too(bare: Path) -> None:
    program(bare, "node", "echo v20.1.0")
    program(bare, "npm", "echo 'no such host' >&2; exit 1")
    with pytest.raises(pytest.skip.Exception, match="npm ci: no such host"):
        node.packages("service", bare)


def test_where_node_is_demanded_they_fail(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "DEMANDED", ["node"])
    with pytest.raises(pytest.fail.Exception, match="there is no node"):
        node.packages("service", bare)


@pytest.mark.parametrize("name", ["spa", "service"])
def test_lock_files_name_no_host(name: str) -> None:
    text = (node.EXAMPLES / name / "package-lock.json").read_text()
    assert '"resolved"' not in text and '"integrity"' in text
