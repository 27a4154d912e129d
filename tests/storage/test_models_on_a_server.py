"""The models of leases and claims, beside those that a server keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.postgres import schemas
from tests.storage.test_claims import ClaimsAgainstAModel
from tests.storage.test_leases import LeasesInSqlite

SHORT = settings(max_examples=4, stateful_step_count=25, deadline=None, phases=[Phase.generate])
LONG = settings(SHORT, max_examples=150, stateful_step_count=40)


def check(model: Any, url: str, how_long: settings) -> None:
    with schemas(url) as new:
        served = type(f"{model.__name__}OnAServer", (model,), {"place": lambda _: new()})
        run_state_machine_as_test(served, settings=how_long)


@pytest.mark.parametrize("model", [LeasesInSqlite, ClaimsAgainstAModel], ids=["leases", "claims"])
def test_the_model_says_what_a_server_keeps(postgres: str, model: Any) -> None:
    check(model, postgres, SHORT)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("model", [LeasesInSqlite, ClaimsAgainstAModel], ids=["leases", "claims"])
def test_the_model_says_what_a_server_keeps_for_long(postgres: str, model: Any) -> None:
    check(model, postgres, LONG)
