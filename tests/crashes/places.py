"""Where the instances of crash tests are: a folder each, with a file of SQLite or a schema of a server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import create_engine, text

from mlorch import Instance


def opened(folder: Path, server: str) -> Instance:
    """Open the instance in a folder; its database is a schema of the folder's name, if there is a server."""
    schema = f"&options=-csearch_path%3Ds_{folder.name}"
    return Instance.local(folder, storage=server + schema if server else None)


def make_schemas(server: str, folders: Iterable[str]) -> None:
    """Make what `opened` opens, if there is a server."""
    if not server:
        return
    engine = create_engine(server)
    with engine.begin() as connection:
        for name in folders:
            connection.execute(text(f"CREATE SCHEMA s_{name}"))
    engine.dispose()
