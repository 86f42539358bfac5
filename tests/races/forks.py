"""Processes forked from one that has imported everything and has had one provider do everything once.

What that one has compiled (models, statements, templates, addresses) they have from the beginning; begun by themselves
each would take seconds for it, and more so than for its task.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM = f"{__package__}.warm"


def context() -> Any:
    """The context of :mod:`multiprocessing` whose processes begin so."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([WARM])
    return forks


def start(target: Callable[..., None], *arguments: Any) -> Any:
    """Begin a process that ends with this one."""
    process = context().Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def gunicorn(listener: Any, log: Path, environment: dict[str, str], *arguments: str) -> None:
    """Be gunicorn, which listens at *listener* and writes to *log*."""
    with log.open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(environment)
    sys.argv = ["gunicorn", *arguments, "--bind", f"fd://{listener.fileno()}"]
    from gunicorn.app.wsgiapp import run

    run()
