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
from itertools import count
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


@contextmanager
def server(bin_folder: Path) -> Iterator[str]:
    """Give the URL of a running server's own database. The server refuses root, so another user runs it."""
    # The name of a socket may have a hundred characters; the folders of tests are longer.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder, user = Path(name), _user()
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        options: Any = {"user": user, "cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
        data = str(folder / "data")
        subprocess.run(
            [bin_folder / "initdb", "-D", data, "-U", "mlorch", "-A", "trust", "-E", "UTF8", "--no-sync"],
            **options,
        )
        control: list[str | Path] = [bin_folder / "pg_ctl", "-D", data, "-l", str(folder / "log"), "-w"]
        subprocess.run([*control, "-o", f"{_OPTIONS} -k {folder}", "start"], **options)
        try:
            yield f"postgresql+psycopg://mlorch@/postgres?host={folder}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **options)


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
    """Give a function that makes an empty schema in a database and returns its URL; quicker than a database."""
    import sqlalchemy as sa

    engine, numbers = sa.create_engine(url, isolation_level="AUTOCOMMIT"), count()

    def new() -> str:
        name = f"s{next(numbers)}"
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
        return f"{url}&options=-csearch_path%3D{name}"

    try:
        yield new
    finally:
        engine.dispose()


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {one.pw_name for one in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
