"""A flood of refused requests: what is kept of it, and what the recorder costs the token endpoint.

Two providers on one database, one with ``OAUTH2_ENABLE_FAILURES`` and one without, take turns in short
rounds: refused requests, and good ones among them. Ratios are taken pair by pair.

    python benchmarks/flood.py --requests 50000
    python benchmarks/flood.py --database postgresql+psycopg://postgres@127.0.0.1/flood
"""

from __future__ import annotations

import argparse
import base64
import io
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Integer
from sqlalchemy.orm import mapped_column

from flask_oauth2server import OAuth2Server, Scope

#: Refused requests of one round; good ones are a twentieth of them, spread evenly.
ROUND, EVERY = 500, 20


class Target:
    """A provider, called as a server would call it."""

    def __init__(self, database: str, recorder: bool) -> None:
        self.app = Flask("flood")
        self.app.config.update(
            SECRET_KEY="a secret of the benchmark",
            SQLALCHEMY_DATABASE_URI=database,
            OAUTH2_ISSUER="https://provider.example",
            OAUTH2_ENABLE_FAILURES=recorder,
            OAUTH2_ENABLE_RATE_LIMITS=False,
        )
        self.db = SQLAlchemy(self.app)

        class User(UserMixin, self.db.Model):  # type: ignore[name-defined]
            id = mapped_column(Integer, primary_key=True)

        LoginManager(self.app).user_loader(lambda key: self.db.session.get(User, int(key)))
        self.oauth2 = OAuth2Server(db=self.db, user_model=User)
        self.oauth2.scopes.register(Scope("read", "Read"))
        self.oauth2.init_app(self.app)

    def prepare(self) -> tuple[str, str]:
        """Make the tables and a client; its id and secret."""
        with self.app.app_context():
            self.db.drop_all()
            self.db.create_all()
            client, secret = self.oauth2.create_client(name="Flood", scopes=["read"])
            assert secret is not None
            return client.client_id, secret

    def post(self, client_id: str, secret: str, **form: str) -> int:
        """A token request; the status of its answer, after which everything is closed."""
        body = urlencode(form).encode()
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/oauth/token",
            "SERVER_NAME": "provider.example",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.1",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Basic {pair}",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "https",
            "wsgi.version": (1, 0),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        status: list[str] = []

        def start_response(line: str, *_: Any) -> Any:
            status.append(line)

        answer = self.app(environ, start_response)
        for _part in answer:
            pass
        answer.close()
        return int(status[0][:3])


def round_of(target: Target, client_id: str, secret: str, number: int) -> tuple[float, float]:
    """Seconds that the refused requests of a round took, and the good ones."""
    refused = good = 0.0
    for index in range(ROUND):
        wrong = [("x" * 60, {"grant_type": "client_credentials"}), (secret, {"grant_type": "password"})][index % 2]
        name = client_id if index % 4 else f"made-up-{number}-{index}"
        started = time.perf_counter()
        status = target.post(name, wrong[0], **wrong[1])
        refused += time.perf_counter() - started
        assert status in (400, 401), status
        if index % EVERY == 0:
            started = time.perf_counter()
            status = target.post(client_id, secret, grant_type="client_credentials", scope="read")
            good += time.perf_counter() - started
            assert status == 200, status
    return refused, good


def pairs(with_it: Target, without: Target, client: Sequence[str], requests: int) -> Iterator[tuple[Any, Any]]:
    """The same rounds of both, in turns; which one begins changes."""
    for number in range(max(1, requests // ROUND)):
        order = (with_it, without) if number % 2 else (without, with_it)
        took = {target: round_of(target, client[0], client[1], number) for target in order}
        yield took[with_it], took[without]


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000, help="refused requests that the recorder sees")
    parser.add_argument("--database", help="default: a SQLite file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or f"sqlite:///{Path(folder)}/flood.sqlite"
        with_it, without = Target(database, True), Target(database, False)
        client = with_it.prepare()
        for target in (with_it, without):
            round_of(target, *client, 0)  # warm
        found = list(pairs(with_it, without, client, arguments.requests))
        report(with_it, found)


def report(target: Target, found: Sequence[tuple[Any, Any]]) -> None:
    """Print what was kept, and the ratios."""
    models = target.oauth2.models
    with target.app.app_context():
        records = target.app.extensions["oauth2server"].records
        records.flush()
        kept = target.db.session.query(models.Failure).count()
        counted = target.db.session.query(models.DailyCount.count).filter_by(name="refused", client_pk=0).scalar()
    print(f"refused requests      {len(found) * ROUND:,} with the recorder, as many without")
    print(f"rows kept             {kept:,}")
    print(f"counted               {counted:,} (with those of the warm-up)")
    for number, name in enumerate(("refused request", "good request")):
        ratios = [with_it[number] / without[number] for with_it, without in found]
        spread = statistics.quantiles(ratios, n=10) if len(ratios) > 1 else [ratios[0]] * 9
        total = sum(pair[0][number] for pair in found) / sum(pair[1][number] for pair in found)
        print(f"{name:<22}{statistics.median(ratios):.3f} (median; p10 {spread[0]:.3f}, p90 {spread[-1]:.3f})", end="")
        print(f", {total:.3f} in all, with the recorder to without")


if __name__ == "__main__":
    main()
