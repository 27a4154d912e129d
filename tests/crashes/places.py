"""Where the instances of crash tests are: a folder each, with a file of SQLite or a schema of a server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import create_engine, text

from mlorch import Instance
from tests.postgres import in_schema


def opened(folder: Path, server: str) -> Instance:
    """Open the instance in a folder; its database is a schema of the folder's name, if there is a server."""
    return Instance.local(folder, storage=in_schema(server, _schema(server, folder.name)) if server else None)


def make_schemas(server: str, folders: Iterable[str]) -> None:
    """Make what `opened` opens, if there is a server."""
    if not server:
        return
    engine = create_engine(server)
    with engine.begin() as connection:
        for name in folders:
            connection.execute(text(f"CREATE SCHEMA {_schema(server, name)}"))
    engine.dispose()


def _schema(server: str, name: str) -> str:
    # The server is given with a schema of the test's own; those of other tests have the same folders.
    return f"{server.rpartition('%3D')[2]}_{name}"
