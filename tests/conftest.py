"""What all tests share: how a test says that it needs a program of the machine, or a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import database, programs, schemas, server

NeedsProgram = Callable[..., str]


@pytest.fixture(scope="session")
def needs_program() -> NeedsProgram:
    """`needs_program("git")` gives the program's path; without it the test is skipped, and in CI it fails."""

    def find(name: str, *, package: str = "") -> str:
        found = shutil.which(name)
        if found is not None:
            return found
        reason = f"needs the program {name!r} (Debian package {package or name!r}), which is not there"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI everything a test needs is there", pytrace=False)
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server for these tests; without its programs they are skipped, and in CI they fail."""
    found = programs()
    if found is None:
        reason = "needs a PostgreSQL server (Debian package 'postgresql'), which is not there"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI everything a test needs is there", pytrace=False)
        pytest.skip(reason)
    with server(found) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    with database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def _new_schema(postgres_server: str) -> Iterator[Callable[[], str]]:
    with database(postgres_server) as url, schemas(url) as new:
        yield new


@pytest.fixture
def postgres(_new_schema: Callable[[], str]) -> str:
    """The URL of an empty schema of its own in a database; it is made in no time."""
    return _new_schema()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a log may be opened, in each kind of database: nothing is there yet."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres")
        return url
    return f"sqlite:///{tmp_path / 'mlorch.db'}"
