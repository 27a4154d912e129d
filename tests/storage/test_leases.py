from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection

from mlorch.storage.leases import Holder, Leases, MemoryLeases, SqlLeases
from mlorch.storage.sql import open_log


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def leases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Leases]:
    if request.param == "memory":
        yield MemoryLeases()
        return
    is_served = request.param == "postgresql"
    where = request.getfixturevalue("postgres") if is_served else tmp_path / "mlorch.db"
    with closing(open_log(where)) as log:
        yield SqlLeases(log.engine, clock=as_told)


def holder(run_id: str, pid: int = 2**30) -> Holder:
    return Holder(run_id, "host", pid, "mlorch materialize", 100.0)


def as_told(_connection: Connection, now: float) -> float:
    """The time that a test says it is, in place of a server's."""
    return now


ONE, TWO = holder("one"), holder("two")


def test_what_one_holds_another_is_told_of(leases: Leases) -> None:
    assert leases.acquire(["a", "b"], ONE, 60, 100) == {}
    assert leases.acquire(["c", "b"], TWO, 60, 101) == {"b": ONE}
    assert leases.acquire(["c"], TWO, 60, 102) == {}
    assert leases.acquire(["c", "a", "b"], holder("three"), 60, 103) == {"c": TWO, "a": ONE, "b": ONE}


def test_a_holder_may_take_more(leases: Leases) -> None:
    leases.acquire(["a"], ONE, 60, 100)
    assert leases.acquire(["b", "a", "b"], ONE, 60, 150) == {}
    assert leases.acquire(["a", "b"], TWO, 60, 209) == {"a": ONE, "b": ONE}


def test_what_is_given_back_is_free(leases: Leases) -> None:
    leases.acquire(["a", "b"], ONE, 60, 100)
    leases.release(TWO)
    assert leases.acquire(["b"], TWO, 60, 100) == {"b": ONE}
    leases.release(ONE)
    leases.release(ONE)
    assert leases.acquire(["b"], TWO, 60, 100) == {}


def test_an_expired_holder_loses_everything_once_somebody_asks(leases: Leases) -> None:
    leases.acquire(["a", "b"], ONE, 60, 100)
    assert leases.acquire(["a"], TWO, 60, 159.9) == {"a": ONE}
    assert leases.acquire(["a"], TWO, 60, 160) == {}
    assert not leases.renew(ONE, 60, 160)
    assert leases.acquire(["b"], holder("three"), 60, 160) == {}


def test_renewing_keeps_what_nobody_asked_for(leases: Leases) -> None:
    assert not leases.renew(ONE, 60, 100)
    leases.acquire(["a"], ONE, 60, 100)
    leases.acquire(["b"], TWO, 60, 200)
    assert leases.renew(ONE, 60, 200)
    assert leases.acquire(["a"], TWO, 60, 259) == {"a": ONE}


def test_what_a_dead_process_held_is_free_at_once(leases: Leases) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    dying = holder("dying", child.pid)
    leases.acquire(["a"], dying, 1000, 100)
    assert leases.acquire(["a"], ONE, 60, 100) == {"a": dying}
    child.communicate()
    assert leases.acquire(["a"], ONE, 60, 100) == {}


def test_a_process_that_lives_keeps_what_it_holds_whatever_the_clocks_say(leases: Leases) -> None:
    here = holder("here", os.getpid())
    leases.acquire(["a"], here, 60, 100)
    assert leases.acquire(["a"], ONE, 60, 10_000) == {"a": here}
    assert leases.runs(10_000) == {"here"}


def test_who_is_asked_to_end_is_told_until_it_does(leases: Leases) -> None:
    leases.acquire(["a"], ONE, 60, 100)
    assert leases.canceled() == {}
    leases.cancel("one", "by ada", 100)
    leases.cancel("one", "by bob", 101)
    leases.cancel("waiting", "by ada", 101)
    assert leases.canceled() == {"one": "by ada", "waiting": "by ada"}
    leases.release(ONE)
    leases.release(TWO)
    assert leases.canceled() == {"waiting": "by ada"}


def test_runs_are_those_that_still_hold_something(leases: Leases) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert leases.runs(100) == set()
    leases.acquire(["a"], ONE, 60, 100)
    leases.acquire(["b"], TWO, 30, 100)
    leases.acquire(["c"], holder("dying", child.pid), 60, 100)
    assert leases.runs(100) == {"one", "two", "dying"}
    child.communicate()
    assert leases.runs(129.9) == {"one", "two"}
    assert leases.runs(130) == {"one"}
    leases.release(ONE)
    assert leases.runs(130) == set()


def test_many_names(leases: Leases) -> None:
    names = [f"asset{number}[2013-01]" for number in range(10_000)]
    assert leases.acquire(names, ONE, 60, 100) == {}
    assert leases.acquire(names, TWO, 60, 100) == dict.fromkeys(names, ONE)
    assert leases.acquire(names, TWO, 60, 160) == {}
    leases.release(TWO)
    assert leases.acquire(names[:1], ONE, 60, 100) == {}


def test_of_many_that_ask_at_once_one_gets_all(leases: Leases) -> None:
    ready, told = Barrier(4), dict[str, dict[str, Holder]]()

    def ask(mine: Holder) -> None:
        ready.wait()
        told[mine.run_id] = leases.acquire(["a", "b"], mine, 60, 100)

    holders = [holder(f"run{number}") for number in range(4)]
    threads = [Thread(target=ask, args=[one]) for one in holders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [one for one in holders if not told[one.run_id]]
    assert all(told[one.run_id] == {"a": winner, "b": winner} for one in holders if one != winner)


def test_leases_outlive_the_log_that_made_them(tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "mlorch.db")) as log:
        SqlLeases(log.engine).acquire(["a"], ONE, 60, 100)
    with closing(open_log(tmp_path / "mlorch.db")) as log:
        assert SqlLeases(log.engine).acquire(["a"], TWO, 60, 100) == {"a": ONE}
        assert SqlLeases(log.engine).renew(ONE, 60, 100)


RUNS = st.sampled_from(["one", "two", "three", "four"])
NAMES = st.lists(st.sampled_from("abcde"), max_size=4)
SECONDS = st.integers(1, 20)


class Processes:
    """What lives in a machine, of which a test says what dies."""

    def __init__(self) -> None:
        self.births: dict[int, str] = {}
        self.unknown = {3, 4}
        """Processes of another machine: whether they live can't be told."""

    def birth_of(self, pid: int) -> str | None:
        return self.births.get(pid)

    def is_alive(self, pid: int, birth: str | None) -> bool | None:
        return None if pid in self.unknown else self.births.get(pid) == birth


class LeasesInMemory(RuleBasedStateMachine):
    """Leases do as a model that knows whose each name is, until when, and by which process."""

    def __init__(self) -> None:
        super().__init__()
        self.processes = Processes()
        self.leases = self.make()
        self.now = 0
        self.owners: dict[str, str] = {}
        self.until: dict[str, int] = {}
        self.pids = {"one": 1, "two": 2, "three": 3, "four": 4}
        self.process_of: dict[str, str] = {}

    def make(self) -> Leases:
        return MemoryLeases(self.processes.birth_of, self.processes.is_alive)

    @initialize()
    def all_processes_live(self) -> None:
        self.processes.births = {pid: f"born {run_id}" for run_id, pid in self.pids.items()}

    def holder(self, run_id: str) -> Holder:
        return holder(run_id, self.pids[run_id])

    def is_lost(self, run_id: str) -> bool:
        if self.pids[run_id] in self.processes.unknown:
            return self.until[run_id] <= self.now
        return self.processes.births.get(self.pids[run_id]) != self.process_of[run_id]

    def forget(self, run_id: str) -> None:
        self.until.pop(run_id, None)
        self.owners = {name: owner for name, owner in self.owners.items() if owner != run_id}

    @rule(run_id=RUNS, names=NAMES, ttl=SECONDS)
    def acquire(self, run_id: str, names: list[str], ttl: int) -> None:
        if self.pids[run_id] not in self.processes.births:
            return
        others = {name: self.owners[name] for name in names if self.owners.get(name, run_id) != run_id}
        in_the_way = {name: self.holder(owner) for name, owner in others.items() if not self.is_lost(owner)}
        assert self.leases.acquire(names, self.holder(run_id), ttl, self.now) == in_the_way
        if not in_the_way:
            for owner in set(others.values()):
                self.forget(owner)
            self.owners |= dict.fromkeys(names, run_id)
            self.until[run_id] = self.now + ttl
            self.process_of[run_id] = self.processes.births[self.pids[run_id]]

    @rule(run_id=RUNS, ttl=SECONDS)
    def renew(self, run_id: str, ttl: int) -> None:
        assert self.leases.renew(self.holder(run_id), ttl, self.now) == (run_id in self.until)
        if run_id in self.until:
            self.until[run_id] = self.now + ttl

    @rule(run_id=RUNS)
    def release(self, run_id: str) -> None:
        self.leases.release(self.holder(run_id))
        self.forget(run_id)

    @invariant()
    def runs_are_those_not_lost(self) -> None:
        assert self.leases.runs(self.now) == {run_id for run_id in self.until if not self.is_lost(run_id)}

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(run_id=RUNS)
    def die(self, run_id: str) -> None:
        self.processes.births.pop(self.pids[run_id], None)

    @rule(run_id=RUNS, birth=st.integers())
    def another_process_gets_the_number(self, run_id: str, birth: int) -> None:
        self.processes.births[self.pids[run_id]] = f"born {birth}"


class LeasesInSqlite(LeasesInMemory):
    """The same in a database."""

    def make(self) -> Leases:
        self.folder = TemporaryDirectory()
        self.log = open_log(self.place())
        return SqlLeases(self.log.engine, self.processes.birth_of, self.processes.is_alive, as_told)

    def place(self) -> str:
        """Where nothing is yet."""
        return f"sqlite:///{self.folder.name}/mlorch.db"

    def teardown(self) -> None:
        self.log.close()
        self.folder.cleanup()


some = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLeasesInMemory = LeasesInMemory.TestCase
TestLeasesInMemory.settings = some
TestLeasesInSqlite = LeasesInSqlite.TestCase
TestLeasesInSqlite.settings = some
