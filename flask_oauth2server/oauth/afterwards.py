"""Work that hangs on a request, and is done when its view has returned: whatever the host does there is not ours to
commit, or to fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, after_this_request, current_app

from ..errors import OAuth2ServerError
from ..state import ServerState
from ..storage.unit import DATABASE_ERRORS

log = logging.getLogger(__name__)


def once_answered(server: ServerState, what: str, work: Callable[[], Any]) -> None:
    """Do *work* when the answer has been sent; nothing is raised, since the request is done.

    :param what: names the work in the log.
    """
    app = _app()

    def soon(response: Response) -> Response:
        response.call_on_close(lambda: _done(app, server, what, work))
        return response

    after_this_request(soon)


def before_answer(server: ServerState, what: str, work: Callable[[], Any]) -> None:
    """Do *work* on a session of its own before the answer is sent, so that whoever asks next finds it done. Where the
    app has one connection alone, or the database cannot do it now, it is done once the answer has been sent.

    :param what: names the work in the log.
    """
    app = _app()

    def now(response: Response) -> Response:
        if server.storage.has_one_connection() or not _done(app, server, what, work):
            response.call_on_close(lambda: _done(app, server, what, work))
        return response

    after_this_request(now)


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]


def _done(app: Flask, server: ServerState, what: str, work: Callable[[], Any]) -> bool:
    with app.app_context():
        try:
            work()
        except (OAuth2ServerError, *DATABASE_ERRORS) as error:
            server.storage.unit.rollback()
            log.error("could not %s: %s", what, error)
            return False
    return True
