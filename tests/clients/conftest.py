"""Packages of Node, installed once and kept where pytest keeps what it has found before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import node


@pytest.fixture(scope="session")
def node_modules(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The installed packages of an example by its name; skips where there is no Node, or no network."""
    cache = request.config.cache.mkdir("node")  # type: ignore[union-attr]
    return lambda name: node.packages(name, cache)


@pytest.fixture(scope="module")
def library(node_modules: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[node.Library]:
    """openid-client."""
    library = node.Library(tmp_path_factory.mktemp("library"), node_modules("service"))
    yield library
    library.end()
