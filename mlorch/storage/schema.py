"""The schema of a database: made where it is new, checked where it is not, upgraded where it is old."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DatabaseError

from mlorch.errors import StorageError
from mlorch.storage.sqlite import copy, prepare, reading, writing
from mlorch.storage.tables import HEAD, REVISIONS, metadata, revision

_BASE = ""


def revision_of(engine: Engine) -> str | None:
    """Return the revision of the schema: "" before the first one, None in an empty database."""
    try:
        with reading(engine) as connection:
            return connection.scalar(select(revision)) or _BASE
    except DatabaseError:
        with reading(engine) as connection:
            return _revision(connection)


def settle(engine: Engine, path: Path) -> None:
    """Bring the schema to this version's. Raises StorageError where it is another's."""
    found = revision_of(engine)
    if found is None:
        _make(engine, path)
    elif found in (_BASE, *REVISIONS[:-1]):
        _upgrade(engine, path)
    elif found != HEAD:
        known = f"its schema is at revision {found!r}, this mlorch knows those up to {HEAD!r}"
        if found.isdecimal():
            raise StorageError(f"{path} is of a newer mlorch: {known}. Install the newer mlorch")
        raise StorageError(f"{path} is another program's database: {known}. Choose another file")


def _make(engine: Engine, path: Path) -> None:
    prepare(path)
    with writing(engine) as connection:
        # Another process may have been faster.
        if _revision(connection) is None:
            metadata.create_all(connection, checkfirst=False)
            revision.create(connection)
            connection.execute(insert(revision), {"version_num": HEAD})


def _upgrade(engine: Engine, path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    with writing(engine) as connection:
        if _revision(connection) == HEAD:
            return
        copy(path, path.with_name(f"{path.name}.before-{HEAD}"))
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
            f"{connection.engine.url.database} is another program's database: it has the table {names[0]!r}, "
            f"and none {revision.name!r}. Choose another file"
        )
    return connection.scalar(select(revision)) or _BASE
