"""Whatever happens in whatever order: eager assets end up made from what is there now, and then it is quiet.

Runs take their time here: a step reads what is above it when it begins, and what it makes is there when it
ends. Two runs never make one thing at once. In between, roots change, partitions come, and people run things.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from mlorch import AutomationCondition, DynamicPartitionsDefinition, asset
from mlorch.log import Slot
from tests.automating import History

EAGER = AutomationCondition.eager()
USERS = DynamicPartitionsDefinition(name="users")
ABOVE: dict[str, list[str]] = {
    "a": [],
    "b": [],
    "c": ["a", "b"],
    "d": ["c"],
    "e": ["c", "b"],
    "raw": [],
    "user": ["raw"],
    "once": ["raw"],
}
DIVIDED = {"raw", "user", "once"}
MADE_BY_EAGER = ["c", "d", "e", "user"]


def declared(name: str) -> Any:
    conditions = {**dict.fromkeys(MADE_BY_EAGER, EAGER), "once": AutomationCondition.on_missing()}

    @asset(
        name=name,
        deps=ABOVE[name],
        automation_condition=conditions.get(name),
        partitions_def=USERS if name in DIVIDED else None,
    )
    def one() -> None: ...

    return one


@dataclass
class Run:
    """What it has still to make, and what it read for that which it makes now."""

    run_id: str
    left: list[Slot]
    has_begun: bool = False
    began_at: float | None = None
    read: dict[Slot, str | None] = field(default_factory=dict)


class Automating(RuleBasedStateMachine):
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.history = History(map(declared, ABOVE))
        self.versions: dict[Slot, str] = {}
        self.read: dict[Slot, dict[Slot, str | None]] = {}
        self.open: list[Run] = []
        self.requests: list[Slot] = []
        self.first: set[str] = set()
        self.keys: list[str] = []
        self.count = 0

    @initialize(keys=st.integers(0, 2))
    def there_are_users(self, keys: int) -> None:
        for _ in range(keys):
            self.a_user_comes()
        self.first = set(self.keys)
        self.tick()

    @rule(seconds=st.sampled_from([0.5, 20, 4000]))
    def time_passes(self, seconds: float) -> None:
        self.history.passes(seconds=seconds)

    @rule()
    def a_user_comes(self) -> None:
        self.keys.append(f"u{len(self.keys)}")
        self.history.instance.add_dynamic_partitions("users", [self.keys[-1]])

    @rule(root=st.sampled_from(["a", "b", "raw"]), version=st.sampled_from("123"), which=st.integers(0, 9))
    def a_root_is_made(self, root: str, version: str, which: int) -> None:
        if root == "raw" and not self.keys:
            return
        partition = self.keys[which % len(self.keys)] if root == "raw" else None
        self.versions[root, partition] = version
        self.history.made(root, partition=partition, version=version, took=0.01)

    @rule(target=runs, assets=st.lists(st.sampled_from(["c", "d", "e"]), unique=True, min_size=1))
    def somebody_asks_for_a_run(self, assets: list[str]) -> Any:
        return self.queue([(name, None) for name in ABOVE if name in assets])

    @rule(target=runs)
    def tick(self) -> Any:
        self.history.tick(seconds=1)
        assert self.history.result is not None
        found = [
            self.queue([(name, key) for name in one.selection])
            for one in self.history.result.runs
            for key in (self.named(one.partitions) if one.is_backfill else [one.partition])
        ]
        self.requests += [slot for run in found for slot in run.left]
        return multiple(*found)

    @rule(run=runs)
    def a_run_goes_on(self, run: Run) -> None:
        self.step(run)

    @rule(run=consumes(runs))
    def a_run_goes_on_to_its_end(self, run: Run) -> None:
        for _ in range(2 * len(run.left) + 1):
            self.step(run)

    def named(self, words: Iterable[str]) -> list[str]:
        """The partitions of a backfill: its runs make one each here."""
        found = []
        for word in words:
            first, _, last = word.partition("...")
            found += self.keys[self.keys.index(first) : self.keys.index(last or first) + 1]
        return found

    def queue(self, slots: list[Slot]) -> Run:
        self.count += 1
        run = Run(f"queued{self.count}", slots)
        self.open.append(run)
        self.history.queued(*(name for name, _ in slots), run_id=run.run_id, partition=slots[0][1])
        return run

    def step(self, run: Run) -> None:
        """Let a run begin, or its next step begin or end."""
        history = self.history
        if run not in self.open:
            return
        if not run.has_begun:
            if any(set(run.left) & set(one.left) for one in self.open if one.has_begun):
                return
            history.starts(*(name for name, _ in run.left), partition=run.left[0][1], run_id=run.run_id)
            run.has_begun = True
        elif run.began_at is None:
            name, partition = run.left[0]
            run.began_at = history.now.timestamp()
            above = [(up, partition) for up in ABOVE[name]]
            run.read = {slot: self.versions.get(slot) for slot in above}
        else:
            name, partition = slot = run.left.pop(0)
            history.passes(seconds=0.01)
            self.read[slot] = run.read
            self.versions[slot] = f"{name} of {sorted(map(str, run.read.values()))}"
            took = history.now.timestamp() - run.began_at
            history.made(name, partition=partition, version=self.versions[slot], run=run.run_id, took=took)
            run.began_at = None
            if not run.left:
                history.ends(run.run_id)
                self.open.remove(run)
        history.passes(seconds=0.01)

    def teardown(self) -> None:
        """Let everything come to its end; then all is as it should be, and stays so."""
        for _ in range(40):
            while self.open:
                for run in list(self.open):
                    self.step(run)
            before = len(self.requests)
            self.tick()
            if len(self.requests) == before:
                break
        else:
            raise AssertionError("it never becomes quiet")
        eager: list[Slot] = [(name, None) for name in MADE_BY_EAGER if name not in DIVIDED]
        eager += [("user", key) for key in self.keys]
        for name, partition in eager:
            above = {(up, partition): self.versions.get((up, partition)) for up in ABOVE[name]}
            if None not in above.values():
                assert self.read.get((name, partition)) == above, (name, partition)
        asked = [partition for name, partition in self.requests if name == "once"]
        there = {key for key in self.keys if ("raw", key) in self.versions}
        assert sorted(map(str, asked)) == sorted(there - self.first)


Automating.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAutomating = Automating.TestCase
