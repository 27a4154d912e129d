"""What all tests share: the programs of the machine that a test needs, and a PostgreSQL server of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from glob import glob
from itertools import count
from pathlib import Path

import pytest

NeedsProgram = Callable[..., str]


@pytest.fixture(scope="session")
def needs_program() -> NeedsProgram:
    """`needs_program("git")` gives the program's path; without it the test is skipped, and in CI it fails."""

    def find(name: str, *, package: str = "") -> str:
        # Debian keeps the programs of a PostgreSQL server off the PATH.
        found = shutil.which(
            name, path=os.pathsep.join([os.environ["PATH"], *glob("/usr/lib/postgresql/*/bin")])
        )
        if found is not None:
            return found
        reason = f"needs the program {name!r} (Debian package {package or name!r}), which is not there"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI everything a test needs is there", pytrace=False)
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def postgres_server(needs_program: NeedsProgram) -> Iterator[str]:
    """The socket folder of a PostgreSQL server that ends with the tests; `postgres` has no password there."""
    initdb = needs_program("initdb", package="postgresql")
    pg_ctl = needs_program("pg_ctl", package="postgresql")
    # Not under pytest's folder, which only its owner may enter: as root, the server runs as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    owner: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*command: str) -> None:
        subprocess.run([*owner, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

    run(
        initdb,
        "-D",
        f"{folder}/data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    )
    quick = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
    run(pg_ctl, "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", quick, "-w", "start")
    yield str(folder)
    run(pg_ctl, "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


_numbers = count(1)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty PostgreSQL database."""
    import psycopg

    name = f"empty{next(_numbers)}"
    with psycopg.connect(
        host=postgres_server, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"postgresql+psycopg://postgres@/{name}?host={postgres_server}"
