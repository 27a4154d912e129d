"""The same machines over a log in PostgreSQL, beside which the values are in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from mlorch import Instance
from mlorch.iomanagers.memory import MemoryStore
from mlorch.storage.leases import SqlLeases
from mlorch.storage.sql import open_log
from tests.machines.test_every_kind import EveryKind
from tests.machines.test_materializing import Materializing
from tests.postgres import schemas

# What the machines find in memory is shrunk there.
SHORT = settings(max_examples=5, stateful_step_count=12, deadline=None, phases=[Phase.generate])
LONG = settings(SHORT, max_examples=150, stateful_step_count=20)


def check(machine: Callable[[Instance], Any], url: str, how_long: settings) -> None:
    with schemas(url) as new:

        def made() -> Any:
            log = open_log(new())
            one = machine(Instance(log, MemoryStore(), SqlLeases(log.engine)))
            one.teardown = log.close
            return one

        # It takes whatever makes a machine.
        run_state_machine_as_test(cast(type[RuleBasedStateMachine], made), settings=how_long)


@pytest.mark.parametrize("machine", [Materializing, EveryKind], ids=["partitions", "every kind"])
def test_the_model_is_right_over_a_server_too(postgres: str, machine: Any) -> None:
    check(machine, postgres, SHORT)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", [Materializing, EveryKind], ids=["partitions", "every kind"])
def test_the_model_is_right_over_a_server_for_long(postgres: str, machine: Any) -> None:
    check(machine, postgres, LONG)
