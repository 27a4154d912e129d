from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import mlorch.storage
from mlorch.errors import StorageError
from mlorch.storage.sql import find_log, open_log
from mlorch.storage.tables import HEAD, REVISIONS, metadata
from tests.facts import made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mlorch.db"


def alembic(where: Path | str, verb: str, revision: str) -> None:
    """Run an alembic command on a file, or on the database of a URL."""
    config = Config()
    config.set_main_option("script_location", str(Path(mlorch.storage.__path__[0]) / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(where if isinstance(where, str) else f"sqlite:///{where}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        getattr(command, verb)(config, revision)
    engine.dispose()


def schema(path: Path) -> set[tuple[str, str, str]]:
    """Return type, name and definition of everything in a database."""
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return {(kind, name, " ".join((sql or "").split())) for kind, name, sql in rows}


def test_migrations_and_tables_agree(path: Path) -> None:
    migrated = path.with_name("migrated.db")
    alembic(migrated, "upgrade", "head")
    open_log(path).close()
    assert schema(path) == schema(migrated)
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_revisions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(mlorch.storage.__path__[0]) / "migrations"))
    config.set_main_option("path_separator", "os")
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == REVISIONS
    assert sorted(REVISIONS) == list(REVISIONS)


def test_an_older_database_is_upgraded_and_a_copy_kept(path: Path) -> None:
    alembic(path, "upgrade", "head")
    alembic(path, "downgrade", "base")
    before = schema(path)
    assert "events" not in {name for _, name, _ in before}
    with closing(open_log(path)) as log:
        log.append([made()])
    assert schema(path.with_name(f"mlorch.db.before-{HEAD}")) == before
    with closing(open_log(path)) as log:
        assert [record.event for record in log.read()] == [made()]


def test_an_upgrade_that_fails_changes_nothing(path: Path) -> None:
    alembic(path, "upgrade", "head")
    alembic(path, "downgrade", "base")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE leases (mine)")
    before = schema(path)
    with pytest.raises(Exception, match="leases already exists"):
        open_log(path)
    assert schema(path) == before


def test_of_two_that_upgrade_at_once_the_second_finds_it_done(path: Path) -> None:
    alembic(path, "upgrade", "head")
    alembic(path, "downgrade", "base")
    before = schema(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        threads = [Thread(target=lambda: open_log(path).close()) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # by then both have seen that the schema is old
        raw.execute("ROLLBACK")
    for thread in threads:
        thread.join()
    assert schema(path.with_name(f"mlorch.db.before-{HEAD}")) == before
    with closing(open_log(path)) as log:
        assert log.append([made()]) == [1]


@pytest.mark.parametrize(
    ("revision", "said"),
    [("0999", "newer mlorch: .*'0999'.*'{head}'.* Install the newer"), ("c48cb773bb87", "another program's")],
)
def test_a_newer_or_foreign_revision_is_refused_and_left_alone(path: Path, revision: str, said: str) -> None:
    open_log(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = ?", [revision])
        raw.commit()
    content = path.read_bytes()
    for opening in (open_log, find_log):
        with pytest.raises(StorageError, match=rf"mlorch\.db is .*{said.format(head=HEAD)}"):
            opening(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE bookmarks (url)")
    content = path.read_bytes()
    with pytest.raises(StorageError, match=r"mlorch\.db is another program's database: .*'bookmarks'"):
        open_log(path)
    assert path.read_bytes() == content


def test_opening_needs_no_alembic(path: Path) -> None:
    code = (
        "import sys\n"
        "from mlorch.storage.sql import open_log\n"
        f"for _ in range(2): open_log({str(path)!r}).close()\n"
        "print([name for name in ('alembic', 'sqlalchemy.orm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
