"""What the providers of one process share, since making it anew takes longer than most tests.

It is the work of Jinja, Werkzeug and SQLAlchemy, and comes out the same each time: compiled templates, the
functions that build addresses, compiled statements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.engine import Engine
from werkzeug.routing import Rule


class _Compiled(BytecodeCache):
    """Templates that another app of this process has compiled already."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, Any]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._codes.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key] = bucket.checksum, bucket.code


class _Route(Rule):
    """Compiles the function that builds its addresses when one is asked for: for most routes none ever is."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled: list[Callable[..., tuple[str, str]]] = []

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            if not compiled:
                compiled.append(super(_Route, self)._compile_builder(append_unknown))
            return compiled[0](rule, **values)

        return build


class App(Flask):
    """An app whose templates and routes cost no more than they have to."""

    url_rule_class = _Route
    jinja_options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}


#: For each set of options the engine that was first connected with them: statements are compiled for its dialect.
_FIRST: dict[str, Engine] = {}
#: How many statements are kept of each.
_STATEMENTS = 2000


class Database(SQLAlchemy):
    """A db whose engines know the statements that an earlier one has compiled."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:
        engine = super()._make_engine(bind_key, {"query_cache_size": _STATEMENTS, **options}, app)
        told = {name: value for name, value in options.items() if name not in ("url", "connect_args")}
        first = _FIRST.setdefault(f"{engine.url.drivername} {told}", engine)
        if first.dialect.server_version_info is not None:  # it has been connected
            engine.dialect = engine.pool._dialect = first.dialect
            engine._compiled_cache = first._compiled_cache
        return engine
