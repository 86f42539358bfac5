"""What a contender does with an item. Jobs travel to other processes, so they are plain functions."""

from __future__ import annotations

import random
import time
from typing import Any

from flask_oauth2server.errors import Outdated, Unavailable

from ..support import bearer
from .crew import Contender

TOKEN, REVOKE, PING = "/oauth/token", "/oauth/revoke", "/oauth/ping/"
#: What stands for the status where there is no HTTP.
DELETED = 204


def post_token(contender: Contender, item: dict[str, Any]) -> Any:
    """One form to the token endpoint; its answer."""
    return contender.send(TOKEN, **item).json


def answer_page(contender: Contender, item: dict[str, Any]) -> Any:
    """The filled-in consent form; where the answer leads, or the page's text."""
    response = contender.send(item["path"], **item["sent"])
    return response.headers.get("Location") or response.text


def answer_own_page(contender: Contender, item: list[dict[str, Any]]) -> Any:
    """The consent form of the tab that has the contender's place."""
    return answer_page(contender, item[contender.place])


def refresh_or_revoke(contender: Contender, item: dict[str, Any]) -> list[dict[str, str]]:
    """The first in a pair refreshes on and on, the other one revokes what it began with; new tokens."""
    time.sleep(random.uniform(0, item["within"]))
    if contender.place == 1:
        contender.send(REVOKE, data={"token": item["revoked"]}, headers=item["headers"])
        return []
    gained: list[dict[str, str]] = []
    newest = item["refresh_token"]
    for _ in range(item["rounds"]):
        data = {"grant_type": "refresh_token", "refresh_token": newest}
        response = contender.send(TOKEN, data=data, headers=item["headers"])
        if response.status_code != 200:
            break
        gained.append(response.json)
        newest = response.json["refresh_token"]
    return gained


def refresh_or_sign_out(contender: Contender, item: dict[str, Any]) -> Any:
    """The first in a pair refreshes on and on, the other one signs the person out on the host's own page."""
    if contender.place == 0:
        return refresh_or_revoke(contender, item)
    time.sleep(random.uniform(0, item["within"]))
    contender.send("/logout", headers=item["session"]).close()
    return []


def sign_in_or_out(contender: Contender, item: dict[str, Any]) -> None:
    """The first in a pair lets the client in on and on, with a cookie that the other one's sign-out ends."""
    time.sleep(random.uniform(0, item["within"]))
    if contender.place == 1:
        contender.send("/logout", headers=item["session"]).close()
        return
    for _ in range(item["rounds"]):
        contender.send(item["path"], method="GET", headers=item["session"]).close()


def issue_or_purge(contender: Contender, item: dict[str, Any]) -> list[str]:
    """Issue tokens; for the first two in eight every one of them is followed by a clean-up."""
    values = []
    for _ in range(item["rounds"]):
        if contender.place < 2:
            contender.provider.app.extensions["oauth2server"].purger._next = 0.0  # it is time now
        answer = contender.send(TOKEN, **item["sent"])
        values.append(answer.json["access_token"])
        contender.send(PING, method="GET", headers=bearer(values[-1]))
    return values


def post_right_or_wrong(contender: Contender, item: dict[str, Any]) -> None:
    """Every other one in eight brings the right secret."""
    contender.send(TOKEN, **item["right" if contender.place % 2 else "wrong"])


def refresh_or_delete(contender: Contender, item: dict[str, Any]) -> Any:
    """The first in a pair refreshes on and on, the other one deletes the client; statuses of the first."""
    time.sleep(random.uniform(0, item["within"]))
    if contender.place == 0:
        return refresh_or_revoke(contender, {**item, "within": 0})
    provider = contender.provider
    with provider.app.app_context():
        while True:
            try:
                provider.oauth2.delete_client(provider.oauth2.get_client(item["client_id"]))
            except Unavailable:
                contender.seen.append(503)
            else:
                contender.seen.append(DELETED)
                return []


def make_key(contender: Contender, alg: str) -> str:
    """The key that signs, made by whoever comes first; its ``kid``."""
    with contender.provider.app.app_context():
        keys = contender.provider.app.extensions["oauth2server"].keys
        while True:
            try:
                keys.prepare(alg)
                contender.seen.append(200)
                return str(keys.signer(alg).kid)
            except Unavailable:
                contender.seen.append(503)
                time.sleep(random.uniform(0.05, 0.3))


def rotate_key(contender: Contender, item: dict[str, str]) -> bool:
    """Press "Rotate now" on a page that shows what all the others are shown; whether that did it."""
    with contender.provider.app.app_context():
        keys = contender.provider.app.extensions["oauth2server"].keys
        while True:
            try:
                keys.rotate(item["alg"], at_once=True, seen=item["seen"])
            except Outdated:
                contender.seen.append(303)
                return False
            except Unavailable:
                contender.seen.append(503)
                time.sleep(random.uniform(0.05, 0.3))
            else:
                contender.seen.append(200)
                return True
