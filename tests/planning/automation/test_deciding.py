"""Conditions of very many partitions and assets."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from mlorch import (
    AssetsDefinition,
    AutomationCondition,
    DailyPartitionsDefinition,
    MonthlyPartitionsDefinition,
    asset,
)
from mlorch.definitions.graph import AssetGraph, make_graph
from mlorch.errors import UserError
from mlorch.planning.automation.deciding import conditions_of, decide
from mlorch.planning.automation.evaluating import Evaluation
from mlorch.planning.automation.facts import Facts, Update
from mlorch.planning.automation.state import State, read, written
from mlorch.planning.automation.targets import Targets

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
DAYS = DailyPartitionsDefinition("1996-10-23")
EAGER = AutomationCondition.eager()


def declared(name: str, *deps: str, monthly: bool = False) -> AssetsDefinition:
    months = MonthlyPartitionsDefinition("1996-11-01")

    @asset(name=name, deps=list(deps), partitions_def=months if monthly else DAYS, automation_condition=EAGER)
    def one() -> None: ...

    return one


def evaluated(graph: AssetGraph, facts: Facts, cursor: str | None, now: datetime) -> tuple[Evaluation, str]:
    targets = Targets(graph, now)
    state = read(cursor, targets)
    done = decide(targets, conditions_of(targets, graph.nodes), facts, state)
    return done, written(done.after, targets)


def test_a_thousand_assets_of_ten_thousand_days_take_well_under_a_second() -> None:
    names = [f"a{number}" for number in range(1000)]
    graph = make_graph(declared(name, *([names[n - 1]] if n % 10 else [])) for n, name in enumerate(names))
    keys = DAYS.get_partition_keys(NOW)
    assert len(keys) == 10_000
    done, _ = evaluated(graph, Facts(), None, NOW)
    done.after.made = dict.fromkeys(names, (1 << len(keys)) - 1)
    cursor = written(done.after, done.targets)
    update = Update(NOW.timestamp() + 20, NOW.timestamp() + 30, ("run",), True)
    facts = Facts(updates={"a0": {keys[-1]: update}, "a10": {keys[5]: update}})
    begun = time.process_time()
    done, cursor = evaluated(graph, facts, cursor, NOW + timedelta(minutes=1))
    assert time.process_time() - begun < 1
    assert set(done.requested) == {f"a{number}" for number in range(1, 10)}
    assert len(cursor) < 30_000


def test_months_of_ten_thousand_days_are_mapped_only_where_something_happened() -> None:
    names = [f"m{number}" for number in range(100)]
    graph = make_graph([declared("day"), *(declared(name, "day", monthly=True) for name in names)])
    keys = DAYS.get_partition_keys(NOW)
    months = MonthlyPartitionsDefinition("1996-11-01").get_partition_keys(NOW)
    _, cursor = evaluated(graph, Facts(made={"day": keys, **dict.fromkeys(names, months)}), None, NOW)
    update = Update(NOW.timestamp(), NOW.timestamp(), ("run",), True)
    facts = Facts(updates={"day": {"2024-02-11": update}})
    begun = time.process_time()
    done, _ = evaluated(graph, facts, cursor, NOW + timedelta(minutes=1))
    assert time.process_time() - begun < 1
    assert set(done.requested) == set(names)


def test_a_state_is_what_it_was_after_writing_and_reading() -> None:
    graph = make_graph([declared("day"), declared("month", "day", monthly=True)])
    targets = Targets(graph, NOW)
    done, cursor = evaluated(graph, Facts(seq=7, made={"day": ["2024-03-01"]}), None, NOW)
    assert read(cursor, targets) == done.after
    assert read(None, targets) == State()
    assert json.loads(cursor)["made"] == [[[9991, 9991]], []]


def test_what_is_declared_no_more_is_forgotten() -> None:
    before = make_graph([declared("day"), declared("other")])
    _, cursor = evaluated(before, Facts(), None, NOW)
    after = read(cursor, Targets(make_graph([declared("day")]), NOW))
    assert set(after.made) == set(after.conditions) == {"day"}


@pytest.mark.parametrize("cursor", ["nonsense", "[]", '{"format": 99}', "12"])
def test_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(UserError, match="cursor"):
        read(cursor, Targets(make_graph([declared("day")]), NOW))
