"""Workers and databases that die under load: nothing is half-written, and all goes on by itself."""

from __future__ import annotations

import base64
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ..conftest import DEMANDED, close
from ..support import Client, Provider
from .conftest import prepared
from .figures import report
from .load import Load, Lost, Service, assert_nothing_is_half_written

#: How often something is killed under load.
KILLS = 6
RESTARTS = 3


def load_on(service: Service, provider: Provider) -> Load:
    """Applications of ada, who has allowed their client before."""
    client: Client = provider.client()
    ada = provider.browser("ada")
    client.tokens(ada)
    cookie = ada.http.get_cookie("session").value
    basic = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    return Load(service, client, cookie, {"Authorization": f"Basic {basic}"})


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_worker_leaves_nothing_half_written(
    kind: str, tmp_path: Path, database_urls: Callable[[str], str]
) -> None:
    url = f"sqlite:///{tmp_path}/provider.sqlite" if kind == "sqlite" else database_urls(kind)
    provider = prepared(url)
    service = Service(url, tmp_path / "gunicorn.log")
    try:
        service.wait()
        load = load_on(service, provider)
        began, killed = time.monotonic(), set()
        with load.running():
            while len(killed) < KILLS:
                load.wait_for_rounds(3)
                with suppress(Lost):
                    victim = service.pid()
                    os.kill(victim, signal.SIGKILL)
                    killed.add(victim)
            load.wait_for_rounds(3)
        service.wait()
        load.one_round(3)  # with a consent page
        assert service.pid() not in killed
    finally:
        service.stop()
    rows = assert_nothing_is_half_written(provider)
    close(provider)
    seconds = round(time.monotonic() - began, 1)
    report("killed workers", database=kind, seconds=seconds, kills=KILLS, seen=dict(load.seen), **load.done, **rows)
    assert load.failures == []
    assert load.done["rounds"] > KILLS
    assert set(load.seen) <= {200, 302, 303, 503, "lost", "superseded"}
    assert load.seen["lost"] > 0, "nothing was under way when the workers died"


class Cluster:
    """A PostgreSQL of our own, which may be restarted.

    :param programs: the folder of ``initdb`` and ``pg_ctl``.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="oauth2-test-"))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(self._folder, "postgres")
        self.url = f"postgresql+psycopg://tester@127.0.0.1:{self._port}/postgres"
        self._data = str(self._folder / "data")
        try:
            self._run("initdb", "--pgdata", self._data, "--username", "tester", "--auth", "trust", "--no-sync")
            options = f"-h 127.0.0.1 -p {self._port} -k {self._folder} -c fsync=off"  # no power is cut
            self._control("start", "--options", options)
        except BaseException:
            self.remove()
            raise

    def restart(self, mode: str) -> None:
        """Stop the server, in the given mode, and start it again."""
        self._control("restart", "--mode", mode)

    def remove(self) -> None:
        """Stop it for good and remove its files."""
        with suppress(subprocess.CalledProcessError):
            self._control("stop", "--mode", "immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, *arguments: str) -> None:
        log = str(self._folder / "log")
        self._run("pg_ctl", "--pgdata", self._data, "--log", log, "--wait", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # The server inherits what it is given: a pipe would never end.
        with (self._folder.parent / f"{self._folder.name}.out").open("w+b") as output:
            try:
                subprocess.run(
                    command,
                    cwd=self._folder,
                    check=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=120,
                )
            finally:
                os.unlink(output.name)


def postgresql_programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` are, if they are here and may be run."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return None
        if shutil.which("runuser") is None:
            return None
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve()] if on_path else []
    found += [Path(path) for path in sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)]
    return next((path.parent for path in found if (path.parent / "pg_ctl").exists()), None)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for these tests alone."""
    programs = postgresql_programs()
    if programs is None:
        reason = "no initdb and pg_ctl, or nobody to run them as"
        if "postgresql" in DEMANDED:
            pytest.fail(reason)
        pytest.skip(reason)
    made = Cluster(programs)
    yield made
    made.remove()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_restarted_under_load_is_waited_for(mode: str, cluster: Any, tmp_path: Path) -> None:
    provider = prepared(cluster.url)
    service = Service(cluster.url, tmp_path / "gunicorn.log")
    try:
        service.wait()
        load = load_on(service, provider)
        close(provider)
        began = time.monotonic()
        with load.running():
            for _ in range(RESTARTS):
                load.wait_for_rounds(3)
                cluster.restart(mode)
                load.wait_for_rounds(5)
        seconds = round(time.monotonic() - began, 1)
        load.one_round(3)
        report("restarted database", mode=mode, seconds=seconds, restarts=RESTARTS, seen=dict(load.seen), **load.done)
        rows = assert_nothing_is_half_written(provider)
        report("restarted database, rows", mode=mode, **rows)
    finally:
        service.stop()
        close(provider)
    assert load.failures == []
    assert load.seen[503] > 0, "nothing was under way when the database went"
    assert service.log.read_text().count("Booting worker") == 2, "a worker had to be replaced"
    assert set(load.seen) <= {200, 302, 303, 400, 503, "superseded"}
