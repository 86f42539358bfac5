"""Work that is done when the answer to a request has been sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Response, after_this_request, current_app

from ..errors import OAuth2ServerError
from ..state import ServerState
from ..storage.unit import DATABASE_ERRORS

log = logging.getLogger(__name__)


def once_answered(server: ServerState, what: str, work: Callable[[], Any]) -> None:
    """Do *work* when the answer to this request has been sent; nothing is raised, since the request is done.

    :param what: names the work in the log.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def do() -> None:
        with app.app_context():
            try:
                work()
            except (OAuth2ServerError, *DATABASE_ERRORS) as error:
                server.storage.unit.rollback()
                log.error("could not %s: %s", what, error)

    def soon(response: Response) -> Response:
        response.call_on_close(do)
        return response

    after_this_request(soon)
