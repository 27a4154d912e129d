"""A PostgreSQL server for tests: a cluster of its own in a temporary folder, reached by a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=40"


def programs() -> Path | None:
    """The folder of the server's programs, None where there is no server on this machine."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return packaged[-1].parent if packaged else None


class Server:
    """A cluster in a folder. The server refuses root, so another user runs it."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self.url = f"postgresql+psycopg://mlorch@/postgres?host={folder}"
        user, data = _user(), str(folder / "data")
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        self._options: Any = {"user": user, "cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
        self._control: list[str | Path] = [bin_folder / "pg_ctl", "-D", data, "-l", folder / "log", "-w"]
        self._socket = f"{_OPTIONS} -k {folder}"
        subprocess.run(
            [bin_folder / "initdb", "-D", data, "-U", "mlorch", "-A", "trust", "-E", "UTF8", "--no-sync"],
            **self._options,
        )

    def start(self) -> None:
        subprocess.run([*self._control, "-o", self._socket, "start"], **self._options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop as after a power cut, or "fast": connections are told."""
        subprocess.run([*self._control, "-m", mode, "stop"], **self._options)


@contextmanager
def cluster(bin_folder: Path) -> Iterator[Server]:
    """Give a running server of its own."""
    # The name of a socket may have a hundred characters; the folders of tests are longer.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        one = Server(bin_folder, Path(name))
        one.start()
        try:
            yield one
        finally:
            one.stop()


@contextmanager
def server(bin_folder: Path) -> Iterator[str]:
    """Give the URL of a running server's own database."""
    with cluster(bin_folder) as one:
        yield one.url


@contextmanager
def database(url: str) -> Iterator[str]:
    """Give the URL of a new, empty database of the server; it is dropped afterwards."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield url.replace("/postgres?", f"/{name}?")
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


@contextmanager
def schemas(url: str) -> Iterator[Callable[[], str]]:
    """Give a function that returns the URL of a new schema of a database: quicker than another database."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def new() -> str:
        name = f"s{uuid.uuid4().hex}"
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
        return in_schema(url, name)

    try:
        yield new
    finally:
        engine.dispose()


def in_schema(url: str, name: str) -> str:
    """Return the URL of another schema of the same database."""
    return f"{url.partition('&options=')[0]}&options=-csearch_path%3D{name}"


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
