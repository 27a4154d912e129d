"""The process that has the user's code: it imports the definitions once and forks those that need them.

It has one thread and does nothing else, so that a fork of it is as good as a new process, and there at once.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from hashlib import sha256
from multiprocessing.connection import Connection, wait
from pathlib import Path

from mlorch.app.opening import load_definitions
from mlorch.app.ticking import instigators
from mlorch.daemon.evaluator import evaluate_for
from mlorch.daemon.orders import Ended, Fork, Forked, Loaded, Rejected, Stamp
from mlorch.daemon.worker import work
from mlorch.definitions.definitions import Definitions
from mlorch.errors import MlorchError
from mlorch.planning.fingerprint.projects import own_files
from mlorch.settings import Settings, read_settings


def main() -> int:
    """Import the definitions of a project, say so, and fork as asked until nobody asks any more."""
    folder, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    control = Connection(descriptor)
    # Ctrl-C is the daemon's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    files = {str(folder / "pyproject.toml")}
    try:
        settings = read_settings(folder)
        definitions = load_definitions(settings)
        found = tuple(instigators(definitions))
    except MlorchError as error:
        stamps = stamps_of({*files, *own_files(), *_files_of(error)})
        about = {"type": type(error).__name__, "message": str(error)}
        control.send(Rejected(about, stamps, _fingerprint(stamps)))
        return 1
    for name in _PRELOADED:
        importlib.import_module(name)
    stamps = stamps_of({*files, *own_files()})
    fresh = any(node.spec.freshness_policy is not None for node in definitions.graph.nodes.values())
    control.send(Loaded(found, stamps, _fingerprint(stamps), fresh))
    gc.collect()
    # What is there by now stays as long as the process: forks share its memory.
    gc.freeze()
    _Host(control, settings, definitions).serve()
    return 0


def stamps_of(files: set[str]) -> dict[str, Stamp]:
    """Return the stamps of those files that are there."""
    found = {}
    for file in sorted(files):
        try:
            stat = os.stat(file)
        except OSError:
            continue
        found[file] = stat.st_mtime_ns, stat.st_size
    return found


_PRELOADED = (
    "mlorch.storage.sql",
    "mlorch.storage.claims",
    "mlorch.storage.leases",
    "mlorch.iomanagers.kinds",
)
"""What every run needs; a fork that finds it imported begins sooner."""


class _Host:
    """Forks processes and says which ended."""

    def __init__(self, control: Connection, settings: Settings, definitions: Definitions) -> None:
        self._control = control
        self._socket = socket.socket(fileno=os.dup(control.fileno()))
        self._settings = settings
        self._definitions = definitions
        self._tokens: dict[int, int] = {}

    def serve(self) -> None:
        woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready = wait([self._control, woken])
            if woken in ready:
                os.read(woken, 4_096)
                for ended in self._reaped():
                    self._control.send(ended)
            if self._control in ready:
                try:
                    order = self._control.recv()
                    _, (descriptor,), _, _ = socket.recv_fds(self._socket, 1, 1)
                except (EOFError, OSError, ValueError):
                    return
                self._fork(order, descriptor)

    def _fork(self, order: Fork, descriptor: int) -> None:
        pid = os.fork()
        if not pid:
            self._socket.close()
            self._control.close()
            _be(lambda: self._serve_as(order, Connection(descriptor)))
        os.close(descriptor)
        self._tokens[pid] = order.token
        self._control.send(Forked(order.token, pid))

    def _serve_as(self, order: Fork, daemon: Connection) -> None:
        if order.run is None:
            evaluate_for(daemon, self._settings, self._definitions)
        else:
            work(daemon, self._settings, self._definitions, order.run)

    def _reaped(self) -> Iterator[Ended]:
        while self._tokens:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            token = self._tokens.pop(pid, None)
            if token is not None:
                yield Ended(token, os.waitstatus_to_exitcode(status))


def _be(role: Callable[[], None]) -> None:
    """Play a role as this process, and end it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A signal for the daemon's terminal is not for the runs.
    os.setsid()
    if "numpy" in sys.modules:
        # Python's own generator begins anew in a fork; numpy's would give every run the same numbers.
        sys.modules["numpy"].random.seed()
    code = 1
    try:
        role()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may come out of a fork
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _files_of(error: BaseException | None) -> Iterator[str]:
    """Yield the files in which an error was raised, and those that it came from."""
    while error is not None:
        yield from (frame.filename for frame in traceback.extract_tb(error.__traceback__))
        if isinstance(error, SyntaxError) and error.filename:
            yield error.filename
        error = error.__cause__ or error.__context__


def _fingerprint(stamps: dict[str, Stamp]) -> str:
    digest = sha256()
    for file in stamps:
        try:
            content = Path(file).read_bytes()
        except OSError:
            content = b""
        digest.update(f"{file}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
