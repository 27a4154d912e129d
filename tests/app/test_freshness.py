"""How fresh assets are: what changed is found once, and everybody says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import (
    AssetSpec,
    DailyPartitionsDefinition,
    Definitions,
    FreshnessPolicy,
    Instance,
    asset,
)
from mlorch.app.freshness import evaluate_freshness, freshness_of
from mlorch.app.status import asset_statuses
from mlorch.events import AssetMaterialized, AssetObserved
from mlorch.planning.freshness import freshness_state

HOUR = 3_600.0
POLICY = FreshnessPolicy.time_window(timedelta(hours=24), timedelta(hours=12))


@asset(freshness_policy=POLICY)
def prices() -> int:
    return 1


@asset(
    freshness_policy=POLICY,
    partitions_def=DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04"),
)
def daily() -> int:
    return 1


@asset
def whatever() -> int:
    return 1


DEFINITIONS = Definitions([prices, daily, whatever, AssetSpec("outside", freshness_policy=POLICY)])


@pytest.fixture(params=["memory", "SQLite"])
def instance(request: Any, tmp_path: Path) -> Iterator[Instance]:
    with Instance.ephemeral() if request.param == "memory" else Instance.local(tmp_path) as made:
        yield made


def made(instance: Instance, asset: str, at: float, partition: str | None = None) -> None:
    step = asset if partition is None else f"{asset}[{partition}]"
    instance.log.append(
        [AssetMaterialized(run_id="r", at=at, step=step, asset=asset, partition=partition, data_version="1")]
    )


def changes(instance: Instance, now: float) -> dict[str, tuple[str, str]]:
    """What changed, recorded as the daemon does it."""
    found = evaluate_freshness(DEFINITIONS, instance, now)
    instance.log.append(found)
    return {one.asset: (one.was, one.state) for one in found}


def test_a_change_is_found_once(instance: Instance) -> None:
    assert changes(instance, 0.0) == {}
    made(instance, "prices", 1.0)
    assert changes(instance, HOUR) == {"prices": ("UNKNOWN", "PASS")}
    assert changes(instance, 2 * HOUR) == {}
    assert changes(instance, 13 * HOUR) == {"prices": ("PASS", "WARN")}
    assert changes(instance, 14 * HOUR) == {}
    assert changes(instance, 25 * HOUR) == {"prices": ("WARN", "FAIL")}
    made(instance, "prices", 26 * HOUR)
    assert changes(instance, 26 * HOUR) == {"prices": ("FAIL", "PASS")}


def test_a_change_says_what_was_wanted_and_when_it_was_made(instance: Instance) -> None:
    made(instance, "prices", 1.0)
    (one,) = evaluate_freshness(DEFINITIONS, instance, 30 * HOUR)
    assert (one.policy, one.made_at, one.at) == ("at most 1 day, 0:00:00 old", 1.0, 30 * HOUR)


def test_one_partition_is_enough_and_what_is_outside_is_seen(instance: Instance) -> None:
    made(instance, "daily", 1.0, "2024-01-01")
    made(instance, "daily", 20 * HOUR, "2024-01-02")
    instance.log.append([AssetObserved(at=20 * HOUR, asset="outside", data_version="7")])
    assert changes(instance, 30 * HOUR) == {"daily": ("UNKNOWN", "PASS"), "outside": ("UNKNOWN", "PASS")}


def test_what_has_no_policy_is_not_evaluated(instance: Instance) -> None:
    made(instance, "whatever", 1.0)
    assert changes(instance, 99 * HOUR) == {}


def test_status_says_the_same(instance: Instance) -> None:
    now = datetime.now(UTC)
    made(instance, "prices", now.timestamp() - 13 * HOUR)
    made(instance, "daily", now.timestamp() - 30 * HOUR, "2024-01-01")
    found = {one.key: str(one.freshness) for one in asset_statuses(DEFINITIONS, instance, None, auto=False)}
    assert found == {"prices": "WARN", "daily": "FAIL", "outside": "UNKNOWN", "whatever": "NOT_APPLICABLE"}
    changed = {one.asset: one.state for one in evaluate_freshness(DEFINITIONS, instance, now.timestamp())}
    assert changed == {"prices": "WARN", "daily": "FAIL"}


@given(st.lists(st.tuples(st.sampled_from(["make", "look"]), st.integers(1, 30)), max_size=20))
def test_what_was_recorded_last_is_always_what_is(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in between: after a look, the last recorded state is the one of a fresh look."""
    with Instance.ephemeral() as instance:
        now, last_made, recorded = 0.0, None, "UNKNOWN"
        for what, hours in steps:
            now += hours * HOUR
            if what == "make":
                last_made = now
                made(instance, "prices", now)
                continue
            for was, state in changes(instance, now).values():
                assert was == recorded != state
                recorded = state
            expected = freshness_state(POLICY, last_made, datetime.fromtimestamp(now, UTC))
            assert recorded == expected
            graph = DEFINITIONS.graph
            states = freshness_of(graph, instance.log, ["prices"], datetime.fromtimestamp(now, UTC))
            assert states["prices"] == (expected, last_made)
