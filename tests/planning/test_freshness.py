"""Whether an asset was made recently enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import FreshnessPolicy
from mlorch.errors import InvalidDefinitionError
from mlorch.planning.freshness import freshness_state

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)
WINDOWS = FreshnessPolicy.time_window(timedelta(hours=24), timedelta(hours=12))


def ago(**given):
    return (NOW - timedelta(**given)).timestamp()


@given(st.integers(0, 100 * 3600))
def test_a_window_passes_then_warns_then_fails(seconds):
    hours = seconds / 3600
    expected = "FAIL" if hours > 24 else "WARN" if hours > 12 else "PASS"
    assert freshness_state(WINDOWS, ago(seconds=seconds), NOW) == expected


def test_without_a_warning_it_passes_until_it_fails():
    policy = FreshnessPolicy.time_window(timedelta(hours=24))
    assert freshness_state(policy, ago(hours=23), NOW) == "PASS"


def test_nothing_is_known_of_what_was_never_made_or_has_no_policy():
    assert freshness_state(WINDOWS, None, NOW) == "UNKNOWN"
    assert freshness_state(None, ago(hours=1), NOW) == "NOT_APPLICABLE"


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ("2024-03-15T09:30", "PASS"),  # in the hour before the deadline
        ("2024-03-15T10:30", "PASS"),  # late, but there
        ("2024-03-15T08:59", "FAIL"),
        ("2024-03-14T09:30", "FAIL"),
    ],
)
def test_a_deadline_wants_what_was_made_shortly_before_it_or_since(made, state):
    policy = FreshnessPolicy.cron("0 10 * * *", timedelta(hours=1))
    at = datetime.fromisoformat(made).replace(tzinfo=UTC).timestamp()
    assert freshness_state(policy, at, NOW) == state


def test_a_deadline_is_one_of_its_time_zone():
    policy = FreshnessPolicy.cron("0 10 * * *", timedelta(hours=1), "America/New_York")
    # The deadline of the 15th is at 14:00 UTC and still to come.
    assert freshness_state(policy, datetime(2024, 3, 14, 13, 30, tzinfo=UTC).timestamp(), NOW) == "PASS"


def test_policies_that_make_no_sense_are_refused():
    with pytest.raises(InvalidDefinitionError, match="at least one minute"):
        FreshnessPolicy.time_window(timedelta(seconds=1))
    with pytest.raises(InvalidDefinitionError, match="shorter than fail_window"):
        FreshnessPolicy.time_window(timedelta(hours=1), timedelta(hours=2))
    with pytest.raises(InvalidDefinitionError, match="longer than the 1 day"):
        FreshnessPolicy.cron("0 10 * * *", timedelta(hours=30))
