"""What only a server does: it goes away and comes back, has its own clock, rights and limits."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, text

from mlorch.errors import AlreadyDoneError, StorageError
from mlorch.events import Event
from mlorch.execution.writer import Writer
from mlorch.log import History
from mlorch.storage.claims import Claimant, SqlClaims
from mlorch.storage.leases import Holder, SqlLeases
from mlorch.storage.sql import SqlLog, find_log, open_log
from mlorch.storage.tables import HEAD, metadata
from tests.facts import made, run_started, started
from tests.postgres import Server, cluster, programs, schemas
from tests.storage.test_schema import alembic

ELSEWHERE = 2**30
"""No process of this machine: whether it lives can't be told."""

ONE, TWO = (Holder(name, "host", ELSEWHERE, "mlorch materialize", 100.0) for name in ("one", "two"))


@pytest.fixture
def log(postgres: str) -> Iterator[SqlLog]:
    with closing(open_log(postgres)) as log:
        yield log


@pytest.fixture(scope="module")
def own_server(postgres_server: str) -> Iterator[Server]:
    """A server that a test may stop, if it starts it again."""
    found = programs()
    assert found is not None
    with cluster(found) as one:
        yield one


def as_admin(log: SqlLog, statement: str) -> None:
    engine = create_engine(log.engine.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def end_connections(log: SqlLog) -> None:
    as_admin(
        log,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


# Opening


def test_a_log_that_is_not_there_is_not_made_to_be_read(postgres: str) -> None:
    assert find_log(postgres) is None
    assert find_log(postgres) is None
    open_log(postgres).close()
    found = find_log(postgres)
    assert found is not None
    assert found.read() == []
    found.close()


def test_a_url_without_its_driver_will_do(postgres: str) -> None:
    with closing(open_log(postgres.replace("+psycopg", ""))) as log:
        assert log.append([made()]) == [1]


def test_migrations_and_tables_agree(postgres: str) -> None:
    with schemas(postgres) as new:
        migrated, made_new = new(), new()
    alembic(migrated, "upgrade", "head")
    open_log(made_new).close()
    assert columns(migrated) == columns(made_new)
    engine = create_engine(migrated)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert {row[2] for row in columns(made_new) if row[1] == "seq"} == {"bigint"}
    assert {row[2] for row in columns(made_new) if row[1] in ("at", "expires")} == {"double precision"}


def columns(url: str) -> set[tuple[Any, ...]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
                "WHERE table_schema = current_schema()"
            )
        ).all()
        indexes = connection.execute(
            text(
                "SELECT tablename, indexname, replace(indexdef, current_schema(), '') FROM pg_indexes "
                "WHERE schemaname = current_schema()"
            )
        ).all()
    engine.dispose()
    return {tuple(row) for row in [*rows, *indexes]}


def test_an_older_schema_is_upgraded_by_whoever_comes_first(postgres: str) -> None:
    alembic(postgres, "upgrade", "0001")
    threads = [Thread(target=lambda: open_log(postgres).close()) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(open_log(postgres)) as log:
        assert log.append([made()], once=["start:r"]) == [1]


def test_an_upgrade_that_fails_changes_nothing(postgres: str) -> None:
    alembic(postgres, "upgrade", "0001")
    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE once (mine int)"))
    engine.dispose()
    before = columns(postgres)
    with pytest.raises(Exception, match='"once" already exists'):
        open_log(postgres)
    assert columns(postgres) == before


def test_the_database_of_another_program_or_a_newer_mlorch_is_refused(postgres: str) -> None:
    with schemas(postgres) as new:
        foreign, newer = new(), new()
    engine = create_engine(foreign)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bookmarks (url text)"))
    engine.dispose()
    with pytest.raises(StorageError, match="another program's database: it has the table 'bookmarks'"):
        open_log(foreign)
    with closing(open_log(newer)) as log:
        as_admin(log, "UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(StorageError, match=f"is of a newer mlorch: .*'0999'.*'{HEAD}'"):
        find_log(newer)


def test_without_the_driver_the_command_that_installs_it_is_named() -> None:
    code = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from mlorch.errors import MissingDependencyError\n"
        "from mlorch.storage.sql import open_log\n"
        "try: open_log('postgresql+psycopg://me:pa55word@host/db')\n"
        "except MissingDependencyError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'mlorch[postgres]'" in done.stdout
    assert "pa55word" not in done.stdout


# Rights and secrets


def test_what_a_user_may_not_do_is_said_without_the_password(postgres_database: str) -> None:
    with closing(open_log(postgres_database)) as log:
        as_admin(log, "DROP ROLE IF EXISTS guest")
        as_admin(log, "CREATE ROLE guest LOGIN")
    with pytest.raises(StorageError, match="denies what is asked: GRANT") as raised:
        open_log(postgres_database.replace("mlorch@", "guest:pa55word@"))
    assert "pa55word" not in str(raised.value)
    assert "guest:***@" in str(raised.value)


@pytest.mark.parametrize(
    "where",
    [
        "postgresql+psycopg://me:pa55word@[::1/db",
        "mysql://me:pa55word@host/db",
        "postgresql+psycopg://me:pa55word@/db?host={folder}",
        "postgresql+psycopg://me@/db?host={folder}&password=pa55word",
        "postgresql+psycopg://me:pa55word@/db?nonsense=pa55word",
    ],
    ids=["broken", "another kind", "nobody there", "in the query", "unknown option"],
)
def test_no_password_is_shown(where: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as raised:
        open_log(where.format(folder=tmp_path))
    assert "pa55word" not in str(raised.value).replace('"nonsense=pa55word"', "")


def test_of_a_standby_can_only_be_read(postgres_database: str) -> None:
    with closing(open_log(postgres_database)) as log:
        log.append([made()])
        as_admin(log, f"ALTER DATABASE {log.engine.url.database} SET default_transaction_read_only = on")
        log.close()
        assert len(log.read()) == 1
        with pytest.raises(StorageError, match="can only be read"):
            log.append([made()])


# The clock


def test_leases_end_by_the_clock_of_the_server(log: SqlLog) -> None:
    leases = SqlLeases(log.engine)
    assert leases.acquire(["a"], ONE, 60, now=0.0) == {}
    far = time.time() + 1e6
    assert leases.acquire(["a"], TWO, 60, now=far) == {"a": ONE}
    assert leases.runs(far) == {"one"}
    assert leases.renew(ONE, 0.05, now=far)
    time.sleep(0.1)
    assert leases.runs(0.0) == set()
    assert leases.acquire(["a"], TWO, 60, now=0.0) == {}


def test_claims_end_by_the_clock_of_the_server(log: SqlLog) -> None:
    claims = SqlClaims(log.engine)
    first, second = (Claimant(name, "", "host", ELSEWHERE) for name in ("first", "second"))
    assert claims.ask(first, {"gpu": 1}, 0, 60, now=0.0)
    assert not claims.ask(second, {"gpu": 1}, 0, 0.05, now=time.time() + 1e6)
    time.sleep(0.1)
    assert [one.owner for one in claims.all(0.0)] == ["first"]


# Characters that the server refuses


def test_a_nul_in_what_people_write_stops_no_run(log: SqlLog) -> None:
    fact = made("a", metadata={"text": "a\0b"}, environment={"x": "\0"})
    log.append([fact], once=["run_key:sensor/x:a\0b"])
    assert log.read()[0].event == fact
    assert log.used(["run_key:sensor/x:a\0b", "other"]) == {"run_key:sensor/x:a\0b"}
    with pytest.raises(AlreadyDoneError) as raised:
        log.append([fact], once=["run_key:sensor/x:a\0b"])
    assert raised.value.names == ("run_key:sensor/x:a\0b",)
    leases = SqlLeases(log.engine)
    leases.cancel("r", "because\0", 1.0)
    assert leases.canceled() == {"r": "because\N{SYMBOL FOR NULL}"}
    claims, claimant = SqlClaims(log.engine), Claimant("r", "step", "host", ELSEWHERE)
    assert [claims.ask(claimant, {"tag a\0": 1}, 0, 60, 0.0) for _ in range(2)] == [True, True]
    claims.give_back("r", "step", 0.0)
    assert claims.all(0.0) == []


# A server that goes away


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_while_the_server_is_away_it_is_named_and_then_all_goes_on(own_server: Server, mode: str) -> None:
    with schemas(own_server.url) as new:
        url = new().replace("mlorch@", "mlorch:pa55word@")
    with closing(open_log(url)) as log:
        log.append([made("a")])
        own_server.stop(mode)
        try:
            begun = time.monotonic()
            for use in (lambda: log.append([made("b")]), log.read, lambda: log.position("mlflow")):
                with pytest.raises(StorageError, match=r"can't be reached: .* Try again") as raised:
                    use()
                assert "pa55word" not in str(raised.value)
                assert "mlorch:***@" in str(raised.value)
            with pytest.raises(StorageError, match="can't be reached"):
                open_log(url)
            assert time.monotonic() - begun < 5
        finally:
            own_server.start()
        assert log.append([made("c")]) == [2]
        assert [record.event for record in log.read()] == [made("a"), made("c")]


def test_a_connection_that_breaks_amid_a_transaction_keeps_nothing_of_it(log: SqlLog) -> None:
    log.append([made("a")])

    def break_off(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO latest"):
            end_connections(log)

    event.listen(log.engine, "before_cursor_execute", break_off)
    with pytest.raises(StorageError, match="can't be reached"):
        log.append([made("b")], once=["start:r"])
    event.remove(log.engine, "before_cursor_execute", break_off)
    assert log.used(["start:r"]) == set()
    assert log.append([made("c")], once=["start:r"]) == [2]
    assert [record.event for record in log.read()] == [made("a"), made("c")]


def test_who_can_not_tell_whether_it_was_kept_asks_or_repeats(log: SqlLog) -> None:
    def keep_then_break_off(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.commit()
        raw.execute("SELECT 1")
        end_connections(log)

    event.listen(log.engine, "commit", keep_then_break_off, once=True)
    with pytest.raises(StorageError, match="can't be reached"):
        log.append([started(), made("a")], once=["tick:schedule/nightly@100"])
    assert log.used(["tick:schedule/nightly@100"]) == {"tick:schedule/nightly@100"}
    with pytest.raises(AlreadyDoneError):
        log.append([started(), made("a")], once=["tick:schedule/nightly@100"])
    assert [record.event for record in log.read()] == [started(), made("a")]


def test_the_writer_of_a_run_keeps_each_fact_once_whatever_it_was_told(log: SqlLog) -> None:
    facts: list[Event] = [run_started("r"), started(), made("a"), made("b")]
    writer = Writer(log, History({}), None)
    for keeps, batch in ((True, facts[:2]), (False, facts[2:])):
        commits = 0

        def break_off(connection: Connection, keeps: bool = keeps) -> None:
            nonlocal commits
            commits += 1
            if commits == 1:
                raw: Any = connection.connection.driver_connection
                if keeps:
                    raw.commit()
                    raw.execute("SELECT 1")
                end_connections(log)

        event.listen(log.engine, "commit", break_off)
        writer.add(*batch)
        writer.flush()
        event.remove(log.engine, "commit", break_off)
        assert commits > 1
    assert [record.event for record in log.read()] == facts
