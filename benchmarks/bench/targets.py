"""What is measured: each target is a folder, each variant of it a line here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from .driver import Habits
from .places import TARGETS

GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--log-level", "warning", "app:app")
GRANIAN = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning")
SYNC = (*GUNICORN, "--worker-class", "sync", "--workers", "1")
FOUR = (*GUNICORN, "--worker-class", "sync", "--workers", "4")
THREADS = (*GUNICORN, "--worker-class", "gthread", "--workers", "1", "--threads", "4")
ONE_GRANIAN = (*GRANIAN, "--workers", "1", "--blocking-threads", "1", "app:app")
NODE = ("app.mjs", "{port}")


class _Fields(NamedTuple):
    name: str
    #: Under ``targets/``, and the environment of the same name.
    folder: str
    #: What the environment's Python or node is called with.
    command: tuple[str, ...]
    #: The application's own settings.
    settings: Mapping[str, Any] = {}
    database: str = "sqlite"
    #: Targets of one folder share data sets, unless they name rows of their own.
    rows: str = ""
    #: Of its data set, where that is not the scenario's.
    tokens: int = 0
    #: The target that its ratios are taken to.
    floor: str = "floor"
    #: Which scenarios it can serve; empty: all but those that are left out.
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Target(_Fields):
    """A program that is served and measured."""

    @cached_property
    def about(self) -> dict[str, Any]:
        """Its ``target.json``: title, what it does in its flow, addresses."""
        found: dict[str, Any] = json.loads((TARGETS / self.folder / "target.json").read_text())
        return found

    @property
    def habits(self) -> Habits:
        """How it is spoken to."""
        return Habits(self.about["paths"], self.about.get("secret_in_form", False), self.about.get("settles", 0))

    def serves(self, scenario: str, path: str) -> bool:
        """Whether it is to be measured in *scenario*, which asks at *path*."""
        named = not self.only or scenario in self.only
        return named and scenario not in self.without and path in self.about["paths"]


#: Slow or costly to make with so many tokens, and of no other order than with a million.
_TEN_MILLION = ("protected-1e7", "protected-user-1e7")
_PROTECTED = ("protected-1e3", "protected-user-1e3", "protected-1e6")
_SERVED = (*_PROTECTED, "client-credentials", "introspection", "code-flow", "refresh")


def _ours(name: str, **fields: Any) -> Target:
    fields = {"command": SYNC, "only": _SERVED, **fields}
    return Target(name=name, folder="ours", **fields)


def _floor(name: str, **fields: Any) -> Target:
    fields = {"command": SYNC, "only": _SERVED, "floor": name, **fields}
    return Target(name=name, folder="floor", **fields)


#: All on gunicorn's sync worker, one of them, on SQLite; node is its own server.
PEERS = (
    Target("floor", "floor", SYNC),
    Target("ours", "ours", SYNC),
    Target("authlib", "authlib", SYNC, without=_TEN_MILLION),
    Target("dot", "dot", SYNC, {"tuned": True}, rows="tuned", without=_TEN_MILLION),
    Target("dot_default", "dot", SYNC, {"tuned": False}, without=_TEN_MILLION),
    Target("flask_oauthlib", "flask_oauthlib", SYNC, without=_TEN_MILLION),
    Target("node", "node", NODE, without=_TEN_MILLION),
)

#: Ours besides, and the floors that they are compared with.
VARIANTS = (
    _floor("floor_one_table", settings={"one_table": True}, floor="floor", only=_PROTECTED),
    _ours("ours_1e3", tokens=1_000, floor="ours_1e3", only=_TEN_MILLION),
    _ours("ours_1e7", floor="ours_1e3", only=_TEN_MILLION),
    _ours("ours_cache", settings={"OAUTH2_TOKEN_CACHE": 60}, only=_PROTECTED),
    _ours(
        "ours_cache_redis", settings={"OAUTH2_TOKEN_CACHE": 60, "OAUTH2_TOKEN_CACHE_URL": "{redis}"}, only=_PROTECTED
    ),
    _ours("ours_4_workers", command=FOUR),
    _ours("ours_gthread", command=THREADS),
    _floor("floor_granian", command=ONE_GRANIAN),
    _ours("ours_granian", command=ONE_GRANIAN, floor="floor_granian"),
    _ours(
        "ours_granian_cache",
        command=ONE_GRANIAN,
        settings={"OAUTH2_TOKEN_CACHE": 60},
        floor="floor_granian",
        only=_PROTECTED,
    ),
    _floor("floor_postgresql", database="postgresql"),
    _ours("ours_postgresql", database="postgresql", floor="floor_postgresql"),
    _ours("ours_postgresql_4_workers", database="postgresql", command=FOUR, floor="floor_postgresql"),
)

ALL = {target.name: target for target in (*PEERS, *VARIANTS)}
