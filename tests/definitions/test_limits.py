"""Which limits a run comes under, and how urgent it is."""

from __future__ import annotations

import pytest

from mlorch.definitions.limits import Limits, TagLimit, priority_of, read_limits
from mlorch.errors import InvalidConfigError, UserError

LIMITS = read_limits(
    3,
    [
        {"key": "team", "value": "ml", "limit": 2},
        {"key": "heavy", "limit": 1},
        {"key": "user", "value": {"applyLimitPerUniqueValue": True}, "limit": 4},
        {"key": "user", "value": "ada", "limit": 1},
    ],
    {"gpu": 1},
    "here",
)


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        ({}, {"runs": 3}),
        ({"team": "ml"}, {"runs": 3, "tag team=ml": 2}),
        ({"team": "web"}, {"runs": 3}),
        ({"heavy": "yes"}, {"runs": 3, "tag heavy": 1}),
        ({"heavy": "no"}, {"runs": 3, "tag heavy": 1}),
        ({"user": "bob"}, {"runs": 3, "tag user=bob": 4}),
        ({"user": "ada", "team": "ml"}, {"runs": 3, "tag user=ada": 1, "tag team=ml": 2}),
    ],
)
def test_a_run_comes_under_the_limits_of_its_tags(tags, names):
    assert LIMITS.of_run(tags) == names


def test_nothing_is_limited_by_default():
    assert Limits().of_run({"user": "ada"}) == {}
    assert read_limits(0, [], {}, "").of_run({}) == {"runs": 0}


def test_limits_are_read_as_they_are_written():
    assert LIMITS.pools == {"gpu": 1}
    assert LIMITS.tags[1:3] == (
        TagLimit(key="heavy", limit=1),
        TagLimit(key="user", limit=4, is_per_value=True),
    )


@pytest.mark.parametrize(
    ("runs", "tags", "pools", "said"),
    [
        (-2, [], {}, "max_concurrent_runs should be at least 0, or -1 for any, not -2"),
        (1, [{"key": "a"}], {}, "tag_concurrency_limits should be .*not {'key': 'a'}"),
        (1, [{"key": "a", "limit": -1}], {}, "tag_concurrency_limits should be"),
        (1, [{"key": "a", "limit": True}], {}, "tag_concurrency_limits should be"),
        (1, [{"key": "a", "limit": 1, "value": 3}], {}, "tag_concurrency_limits should be"),
        (1, [{"key": "a", "limit": 1, "values": "b"}], {}, "tag_concurrency_limits should be"),
        (1, ["a"], {}, "tag_concurrency_limits should be"),
        (1, [], {"gpu": "two"}, "the pool 'gpu' should have a number of slots, not 'two'"),
        (1, [], {"gpu": -1}, "the pool 'gpu' should have a number of slots, not -1"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(runs, tags, pools, said):
    with pytest.raises(InvalidConfigError, match=f"pyproject: .*{said}"):
        read_limits(runs, tags, pools, "pyproject")


def test_a_tag_says_how_urgent_a_run_is():
    assert priority_of({}) == 0
    assert priority_of({"dagster/priority": "-3"}) == -3
    assert priority_of({"mlorch/priority": "7", "dagster/priority": "1"}) == 7
    with pytest.raises(UserError, match="the tag 'mlorch/priority' should be a whole number, not 'high'"):
        priority_of({"mlorch/priority": "high"})
