"""What the checks look at: one app, and what several of them would have to ask for twice."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from flask import Flask

from .. import clock
from ..domain import redirect_uris
from ..state import ServerState
from ..transport import is_loopback_host
from . import network

_HOST = re.compile(r"\w+://([^/]*)")


class Redirect(NamedTuple):
    """A redirect URI of a client, and its host."""

    client: Any
    uri: str
    host: str


class Patient:
    """One app under examination.

    :param app: the app.
    :param server: its parts.
    """

    def __init__(self, app: Flask, server: ServerState) -> None:
        self.app = app
        self.server = server
        self.settings: Mapping[str, Any] = server.settings
        self.config: Mapping[str, Any] = app.config
        self.storage = server.storage.doctor
        self._answers: dict[str, network.Answer | network.Unreachable] = {}
        #: When the last answer came.
        self.fetched_at = clock.now()

    @cached_property
    def issuer(self) -> str:
        """The issuer as configured, or an empty string."""
        return self.settings["OAUTH2_ISSUER"] or ""

    @cached_property
    def is_public(self) -> bool:
        """Whether clients elsewhere reach it: its issuer is not this computer."""
        found = _HOST.match(self.issuer)
        return found is not None and not is_loopback_host(found[1])

    @cached_property
    def workers(self) -> int | None:
        """How many processes serve the app, as far as the environment tells; None: it does not."""
        arguments = _gunicorn_workers(os.environ.get("GUNICORN_CMD_ARGS", ""))
        told = [arguments, os.environ.get("WEB_CONCURRENCY"), getattr(sys.modules.get("uwsgi"), "numproc", None)]
        numbers = [int(number) for number in told if number is not None and str(number).isdecimal()]
        return numbers[0] if numbers else None

    @cached_property
    def has_workers(self) -> bool:
        """Whether several processes are known to serve it."""
        return (self.workers or 1) > 1

    @cached_property
    def clients(self) -> list[Any]:
        """The latest enabled clients, so many of each type as checks look through."""
        return self.storage.latest_clients()

    @cached_property
    def redirects(self) -> list[Redirect]:
        """All redirect URIs of these clients."""
        return [
            Redirect(client, uri, redirect_uris.host(uri))
            for client in self.clients
            for uri in client.client_metadata.get("redirect_uris") or ()
        ]

    @cached_property
    def has_more_clients(self) -> bool:
        """Whether there are clients that are not looked through."""
        return self.storage.has_more_clients()

    def fetched(self, url: str) -> network.Answer:
        """What *url* answers to a GET; it is asked once.

        :raises Unreachable: with the reason.
        """
        if url not in self._answers:
            try:
                self._answers[url] = network.fetch(url)
            except network.Unreachable as error:
                self._answers[url] = error
            self.fetched_at = clock.now()
        answer = self._answers[url]
        if isinstance(answer, network.Unreachable):
            raise answer
        return answer


def _gunicorn_workers(arguments: str) -> str | None:
    """The number behind ``--workers`` or ``-w``; the last one counts."""
    try:
        text = " ".join(shlex.split(arguments))
    except ValueError:
        return None
    found = re.findall(r"(?:^|\s)(?:--workers[= ]|-w[= ]?)(\d+)(?=\s|$)", text)
    return found[-1] if found else None
