"""The schema of a database: made where it is new, checked where it is not, upgraded where it is old."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DatabaseError

from mlorch.errors import StorageError
from mlorch.storage.databases import name_of, of, reading, writing
from mlorch.storage.tables import HEAD, REVISIONS, metadata, revision

_BASE = ""


def _revision_of(engine: Engine) -> str | None:
    """Return the revision of the schema: "" before the first one, None in an empty database."""
    try:
        with reading(engine) as connection:
            return connection.scalar(select(revision)) or _BASE
    except DatabaseError:
        with reading(engine) as connection:
            return _revision(connection)


def settle(engine: Engine, *, make: bool) -> bool:
    """Bring the schema to this version's, and say whether there is one, which `make` sees to.

    Raises StorageError where it is another's.
    """
    found = _revision_of(engine)
    if found is None:
        if make:
            _make(engine)
        return make
    if found in (_BASE, *REVISIONS[:-1]):
        _upgrade(engine)
    elif found != HEAD:
        name = name_of(engine.url)
        known = f"its schema is at revision {found!r}, this mlorch knows those up to {HEAD!r}"
        if found.isdecimal():
            raise StorageError(f"{name} is of a newer mlorch: {known}. Install the newer mlorch")
        raise StorageError(f"{name} is another program's database: {known}. Choose another one")
    return True


def _make(engine: Engine) -> None:
    of(engine).prepare(engine)
    with writing(engine) as connection:
        # Another process may have been faster.
        if _revision(connection) is None:
            metadata.create_all(connection, checkfirst=False)
            revision.create(connection)
            connection.execute(insert(revision), {"version_num": HEAD})


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    with writing(engine) as connection:
        if _revision(connection) == HEAD:
            return
        of(engine).copy(engine, f".before-{HEAD}")
        config = Config(attributes={"connection": connection})
        folder = str(Path(__file__).with_name("migrations"))
        config.set_main_option("script_location", folder.replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, HEAD)


def _revision(connection: Connection) -> str | None:
    names = inspect(connection).get_table_names()
    if not names:
        return None
    if revision.name not in names:
        raise StorageError(
            f"{name_of(connection.engine.url)} is another program's database: it has the table {names[0]!r}, "
            f"and none {revision.name!r}. Choose another one"
        )
    return connection.scalar(select(revision)) or _BASE
