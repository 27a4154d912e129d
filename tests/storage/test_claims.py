from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mlorch.storage.claims import Claim, Claimant, Claims, SqlClaims
from mlorch.storage.leases import Holder, SqlLeases
from mlorch.storage.sql import open_log

ELSEWHERE = 2**30
"""No process of this machine: whether it lives can't be told."""


@pytest.fixture
def claims(place: str) -> Iterator[Claims]:
    with closing(open_log(place)) as log:
        yield SqlClaims(log.engine, clock=lambda _connection, now: now)


def ask(claims: Claims, owner: str, now: float = 100, *, pid: int = ELSEWHERE, **limits: int) -> bool:
    priority = limits.pop("priority", 0)
    return claims.ask(Claimant(owner, "", "host", pid), limits, priority, 60, now)


def held(claims: Claims, now: float = 100) -> list[str]:
    return [one.owner for one in claims.all(now) if one.is_held]


def test_no_more_hold_than_there_are_slots_and_the_next_is_who_asked_first(claims: Claims) -> None:
    assert [ask(claims, owner, now, gpu=2) for now, owner in enumerate("abcd", 100)] == [
        True,
        True,
        False,
        False,
    ]
    assert ask(claims, "a", gpu=2)
    claims.give_back("b", None, 104)
    assert held(claims) == ["a", "c"]
    assert ask(claims, "c", gpu=2)
    assert not ask(claims, "d", gpu=2)


def test_the_more_urgent_goes_first(claims: Claims) -> None:
    ask(claims, "a", 100, gpu=1)
    ask(claims, "b", 101, gpu=1)
    ask(claims, "c", 102, gpu=1, priority=5)
    assert [one.owner for one in claims.all(102)] == ["c", "a", "b"]
    claims.give_back("a", None, 103)
    assert held(claims) == ["c"]


def test_slots_of_several_limits_are_given_together_or_not_at_all(claims: Claims) -> None:
    ask(claims, "a", runs=2, ada=1)
    assert not ask(claims, "b", runs=2, ada=1)
    assert {one.is_held for one in claims.all(100) if one.owner == "b"} == {False}
    # Who waits for another limit takes no room from those who can go.
    assert ask(claims, "c", runs=2, bob=1)
    claims.give_back("a", None, 100)
    assert held(claims) == ["b", "b", "c", "c"]


def test_nothing_goes_where_there_are_no_slots_and_everything_where_nothing_is_asked(claims: Claims) -> None:
    assert not ask(claims, "a", runs=0)
    assert ask(claims, "b")
    assert ask(claims, "a", runs=1)


def test_items_of_one_owner_are_given_back_one_by_one_or_all(claims: Claims) -> None:
    for item in ("train[1]", "train[2]", "score"):
        claims.ask(Claimant("run", item, "host", ELSEWHERE), {"gpu": 9}, 0, 60, 100)
    claims.give_back("run", "train[1]", 100)
    assert [one.item for one in claims.all(100)] == ["score", "train[2]"]
    claims.give_back("run", None, 100)
    assert claims.all(100) == []


def test_what_a_dead_process_claimed_goes_to_who_asks_next(claims: Claims) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert ask(claims, "dying", pid=child.pid, gpu=1)
    assert not ask(claims, "a", pid=os.getpid(), gpu=1)
    child.communicate()
    assert [one.owner for one in claims.all(100)] == ["a"]
    assert ask(claims, "a", pid=os.getpid(), gpu=1)


def test_who_can_not_be_seen_loses_a_claim_that_is_not_renewed(tmp_path: Path) -> None:
    with closing(open_log(tmp_path / "mlorch.db")) as log:
        claims, leases = SqlClaims(log.engine), SqlLeases(log.engine)
        assert ask(claims, "a", 100, gpu=1)
        assert not ask(claims, "b", 159, gpu=1)
        leases.renew(Holder("a", "host", ELSEWHERE, "", 100.0), 60, 159)
        assert not ask(claims, "b", 218, gpu=1)
        assert ask(claims, "b", 219, gpu=1)
        assert ask(claims, "here", 219, pid=os.getpid(), cpu=1)
        assert not ask(claims, "c", 10_000, cpu=1)


def test_asking_again_keeps_the_place_and_renews(claims: Claims) -> None:
    ask(claims, "a", 100, gpu=1)
    ask(claims, "b", 101, gpu=1)
    ask(claims, "c", 102, gpu=1)
    for now in (130, 160, 185):
        assert not ask(claims, "b", now, gpu=1)
        assert not ask(claims, "c", now, gpu=1)
        ask(claims, "a", now, gpu=1)
    claims.give_back("a", None, 186)
    assert held(claims, 186) == ["b"]


def test_a_claim_follows_limits_that_changed(claims: Claims) -> None:
    ask(claims, "a", gpu=1)
    assert not ask(claims, "b", gpu=1)
    assert ask(claims, "b", gpu=2)
    assert ask(claims, "b", cpu=1)
    assert [(one.owner, one.name) for one in claims.all(100)] == [("a", "gpu"), ("b", "cpu")]


def test_the_sizes_of_pools_are_kept_until_they_are_forgotten(claims: Claims) -> None:
    assert claims.pools() == {}
    claims.set_pool("gpu", 1)
    claims.set_pool("cpu", 8)
    claims.set_pool("gpu", 2)
    assert claims.pools() == {"cpu": 8, "gpu": 2}
    claims.set_pool("cpu", None)
    claims.set_pool("never set", None)
    assert claims.pools() == {"gpu": 2}


OWNERS = st.sampled_from("abcdef")
LIMITS = {"runs": 3, "ada": 1, "gpu": 2, "closed": 0}


class ClaimsAgainstAModel(RuleBasedStateMachine):
    """Whatever is asked, given back and killed: the model is what one would do by hand, from scratch."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.log = open_log(self.place())
        self.births: dict[int, str] = {}
        self.claims = SqlClaims(self.log.engine, self.births.get, self.is_alive, lambda _, now: now)
        self.now = 0
        self.asked: dict[str, tuple[int, int, frozenset[str]]] = {}
        """Of each owner: minus its priority, since when, and the names of its limits."""
        self.holding: set[str] = set()

    def place(self) -> str:
        """Where nothing is yet."""
        return f"sqlite:///{self.folder.name}/mlorch.db"

    def is_alive(self, pid: int, birth: str | None) -> bool:
        return self.births.get(pid) == birth

    @initialize()
    def all_live(self) -> None:
        self.births.update((ord(owner), f"born {owner}") for owner in "abcdef")

    def give(self) -> None:
        living = {one for one in self.asked if ord(one) in self.births}
        self.asked = {one: of for one, of in self.asked.items() if one in living}
        self.holding &= living
        for owner in sorted(self.asked.keys() - self.holding, key=lambda one: (*self.asked[one][:2], one)):
            if all(
                sum(name in self.asked[one][2] for one in self.holding) < LIMITS[name]
                for name in self.asked[owner][2]
            ):
                self.holding.add(owner)

    @rule(
        owner=OWNERS, names=st.sets(st.sampled_from(sorted(LIMITS)), min_size=1), priority=st.integers(0, 2)
    )
    def ask(self, owner: str, names: set[str], priority: int) -> None:
        if ord(owner) not in self.births:
            return
        if owner in self.asked:
            before = self.asked[owner]
            names, priority = set(before[2]), -before[0]
        self.asked.setdefault(owner, (-priority, self.now, frozenset(names)))
        self.give()
        limits = {name: LIMITS[name] for name in names}
        claimant = Claimant(owner, "", "host", ord(owner))
        assert self.claims.ask(claimant, limits, priority, 60, self.now) == (owner in self.holding)

    @rule(owner=OWNERS)
    def give_back(self, owner: str) -> None:
        self.asked.pop(owner, None)
        self.holding.discard(owner)
        self.give()
        self.claims.give_back(owner, None, self.now)

    @rule(owner=OWNERS)
    def die(self, owner: str) -> None:
        self.births.pop(ord(owner), None)

    @rule(owner=OWNERS)
    def be_born_again(self, owner: str) -> None:
        # Another process of the same number is another process.
        if ord(owner) not in self.births and owner not in self.asked:
            self.births[ord(owner)] = f"born {owner} at {self.now}"

    @rule(seconds=st.integers(1, 1000))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    def living(self) -> list[Claim]:
        return self.claims.all(self.now)

    @invariant()
    def never_more_than_the_limit_hold(self) -> None:
        for name, slots in LIMITS.items():
            assert sum(one.is_held for one in self.living() if one.name == name) <= slots

    @invariant()
    def those_hold_whom_the_model_says(self) -> None:
        alive = {one for one in self.holding if ord(one) in self.births}
        assert {one.owner for one in self.living() if one.is_held} == alive

    def teardown(self) -> None:
        self.log.close()
        self.folder.cleanup()


TestClaimsAgainstAModel = ClaimsAgainstAModel.TestCase
TestClaimsAgainstAModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
