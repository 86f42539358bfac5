"""The example servers as processes on this machine, started and ended together.

``python examples/servers.py`` runs the provider and the client application until Ctrl-C.
"""

import contextlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
_PATIENCE = 30.0  # seconds for a server to come up
_POLL = 0.05


class ServerError(Exception):
    """A server did not start, or ended by itself."""


class Servers:
    """Running servers.

    :ivar urls: the address of each by name.
    :ivar client_secret: the secret of the client ``demo``.
    """

    def __init__(self, ports, folder, quiet):
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self.client_secret = secrets.token_urlsafe(40)
        self._ports = ports
        self._folder = Path(folder)
        self._quiet = quiet
        self._processes = {}

    def start(self):
        """Start them, and wait until each accepts connections."""
        for name in self._ports:
            with contextlib.ExitStack() as stack:
                log = stack.enter_context(self._log(name).open("wb")) if self._quiet else None
                self._processes[name] = subprocess.Popen(
                    [sys.executable, str(HERE / f"{name}.py")],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT if log else None,
                    start_new_session=True,  # a Ctrl-C comes here alone, and they are ended from here
                )
        deadline = time.monotonic() + _PATIENCE
        for name, port in self._ports.items():
            while not _accepts(port):
                self.check()
                if time.monotonic() > deadline:
                    raise ServerError(f"{name} did not start in {_PATIENCE:.0f} seconds.\n{self.logs()}")
                time.sleep(_POLL)
        self.check()

    def check(self):
        """Raise if one has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise ServerError(f"{name} ended with {process.returncode}.\n{self.logs()}")

    def wait(self):
        """Return never, but raise if one ends."""
        while True:
            self.check()
            time.sleep(0.5)

    def end(self):
        """End them, politely first."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self):
        """The end of what each wrote, if it was not shown already."""
        paths = [self._log(name) for name in self._ports]
        return "\n".join(f"--- {path.stem}\n{path.read_text()[-4000:]}" for path in paths if path.exists())

    def _log(self, name):
        return self._folder / f"{name}.log"

    @property
    def environment(self):
        """What they are told."""
        environment = {
            **os.environ,
            "DATABASE_URL": f"sqlite:///{self._folder}/provider.sqlite",
            "CLIENT_ID": "demo",
            "CLIENT_SECRET": self.client_secret,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }
        for name, prefix in (("provider", "PROVIDER"), ("client_app", "CLIENT"), ("published_example", "PUBLISHED")):
            environment.pop(f"{prefix}_URL", None)
            if name in self._ports:
                environment.update({f"{prefix}_PORT": str(self._ports[name]), f"{prefix}_URL": self.urls[name]})
        return environment


@contextlib.contextmanager
def running(ports, *, quiet=False):
    """Servers on *ports* while the block lasts, with a database that goes with them.

    :param ports: the port of each server by the name of its file.
    :param quiet: keep what they write to :meth:`Servers.logs`.
    """
    with tempfile.TemporaryDirectory(prefix="oauth2server-") as folder:
        servers = Servers(ports, folder, quiet)
        try:
            servers.start()
            yield servers
        finally:
            # An impatient second Ctrl-C must leave no orphan.
            before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
            servers.end()
            for number, handler in before.items():
                signal.signal(number, handler)


def _accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_ports(*wanted):
    """Each of *wanted* that is free, and any other for one that is not, or is 0.

    The others are below those that systems give to whoever asks for any: nobody gets them before the server does.
    """
    with contextlib.ExitStack() as stack:
        found = []
        for port in wanted:
            probe = stack.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            while not port or not _binds(probe, port):
                port = random.randrange(20_000, 32_000)
            found.append(port)
        return found


def _binds(probe, port):
    with contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals():
    """Let Ctrl-C and its kin leave the program through every ``finally``."""

    def leave(number, frame):
        sys.exit(128 + number)

    for number in _SIGNALS:
        signal.signal(number, leave)


def main():
    """The provider and the client application, until somebody ends them."""
    end_on_signals()
    free = free_ports(5000, 5001)
    ports = {
        "provider": int(os.environ.get("PROVIDER_PORT") or free[0]),
        "client_app": int(os.environ.get("CLIENT_PORT") or free[1]),
    }
    try:
        with running(ports) as servers:
            print(
                f"\nThe client application is at {servers.urls['client_app']}/\n"
                "Open it, press 'Sign in with Demo Notes', sign in, see who asks for what, and allow it or not.\n"
                "Back in the client application call the API, refresh the token, give it back, and call again.\n"
                "Ctrl-C here ends everything.\n",
                flush=True,
            )
            servers.wait()
    except ServerError as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
