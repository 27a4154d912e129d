"""A history that goes from one database to another is the same there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlorch.errors import AlreadyDoneError, BusyError, StorageError
from mlorch.events import Event, Input
from mlorch.log import LATEST_KINDS
from mlorch.storage.claims import SqlClaims
from mlorch.storage.copying import HISTORY, Progress, copy_history
from mlorch.storage.leases import Holder, SqlLeases
from mlorch.storage.sql import SqlLog, find_log, open_log
from mlorch.storage.tables import cancels, claims, holders, leases, metadata
from tests import facts
from tests.facts import made
from tests.postgres import schemas

few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def new_schema(postgres: str) -> Iterator[Callable[[], str]]:
    with schemas(postgres) as new:
        yield new


def copied(source: SqlLog, target: SqlLog) -> list[Progress]:
    told: list[Progress] = []
    copy_history(source.engine, target.engine, check=lambda: None, tell=told.append)
    return told


def assert_equal(one: SqlLog, other: SqlLog) -> None:
    assert one.read() == other.read()
    assert repr(one.read()) == repr(other.read())
    for kind in LATEST_KINDS:
        assert one.latest(kind) == other.latest(kind)


@few
@given(batches=st.lists(st.lists(facts.events, min_size=1, max_size=6), max_size=4))
def test_there_and_back_the_records_are_equal(
    new_schema: Callable[[], str], tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]]
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    with (
        closing(open_log(folder / "here.db")) as here,
        closing(open_log(new_schema())) as there,
        closing(open_log(folder / "back.db")) as back,
    ):
        for batch in batches:
            here.append(batch)
        copied(here, there)
        assert_equal(here, there)
        copied(there, back)
        assert_equal(here, back)


def test_all_that_is_history_goes_along_and_numbers_go_on(postgres: str, tmp_path: Path) -> None:
    inputs = tuple(Input("up", None, "v", seq) for seq in range(20))
    with closing(open_log(tmp_path / "here.db")) as here, closing(open_log(postgres)) as there:
        here.append([made(f"a{number}", inputs=inputs, environment={"x": "y"}) for number in range(5000)])
        here.append([], once=["tick:schedule/nightly@100"])
        here.advance("mlflow", 4000)
        SqlClaims(here.engine).set_pool("gpu", 2)
        SqlLeases(here.engine).acquire(["a"], Holder("r", "host", 2**30, "mlorch", 1.0), 60, 1.0)
        SqlLeases(here.engine).cancel("r", "because", 1.0)
        told = copied(here, there)
        assert told[-1].done == told[-1].total == 5000 + 5000 + 2 + 1 + 1 + 1
        assert [one.done for one in told] == sorted(one.done for one in told)
        assert len(told) > 6
        assert_equal(here, there)
        with pytest.raises(AlreadyDoneError):
            there.append([made()], once=["tick:schedule/nightly@100"])
        assert there.append([made()]) == [5001]
        assert there.position("mlflow") == 4000
        assert SqlClaims(there.engine).pools() == {"gpu": 2}
        assert SqlLeases(there.engine).runs(2.0) == set()
        assert SqlLeases(there.engine).canceled() == {}


def test_a_history_goes_from_one_schema_of_a_database_to_another(new_schema: Callable[[], str]) -> None:
    with closing(open_log(new_schema())) as here, closing(open_log(new_schema())) as there:
        here.append([made("a"), made("b")])
        copied(here, there)
        assert_equal(here, there)


def test_every_table_is_history_or_belongs_to_processes() -> None:
    assert {*HISTORY, holders, leases, claims, cancels} == set(metadata.tables.values())


def test_a_database_with_a_history_is_refused_and_left_as_it_was(place: str, tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "here.db")) as here, closing(open_log(place)) as there:
        here.append([made("a"), made("b")])
        there.append([made("c")])
        with pytest.raises(StorageError, match="has a history already: 1 rows of 'events'"):
            copied(here, there)
        assert [record.event for record in there.read()] == [made("c")]


def test_what_breaks_off_leaves_the_target_empty(place: str, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done > 3000:
            raise KeyboardInterrupt

    with closing(open_log(tmp_path / "here.db")) as here, closing(open_log(place)) as there:
        here.append([made(f"a{number}") for number in range(3000)])
        with pytest.raises(KeyboardInterrupt):
            copy_history(here.engine, there.engine, check=lambda: None, tell=stop)
        assert there.read() == []
        copied(here, there)
        assert_equal(here, there)


def test_who_refuses_once_nobody_writes_keeps_the_target_empty(place: str, tmp_path: Path) -> None:
    def refuse() -> None:
        raise BusyError("a run began")

    with closing(open_log(tmp_path / "here.db")) as here, closing(open_log(place)) as there:
        here.append([made()])
        with pytest.raises(BusyError):
            copy_history(here.engine, there.engine, check=refuse, tell=lambda progress: None)
        assert there.read() == []
    assert find_log(place) is not None
