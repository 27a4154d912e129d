"""Tags of runs that mean something."""

from __future__ import annotations

import pytest

from mlorch.definitions.tags import max_retries_of, max_runtime_of, strategy_of, tag_of
from mlorch.errors import UserError


@pytest.mark.parametrize("prefix", ["mlorch", "dagster"])
def test_both_names_are_read(prefix):
    tags = {
        f"{prefix}/max_runtime": "1.5",
        f"{prefix}/max_retries": "2",
        f"{prefix}/retry_strategy": "ALL_STEPS",
    }
    assert (max_runtime_of(tags), max_retries_of(tags), strategy_of(tags)) == (1.5, 2, "ALL_STEPS")


def test_our_own_name_goes_first_and_none_means_nothing():
    assert tag_of({"mlorch/max_runtime": "1", "dagster/max_runtime": "2"}, "mlorch/max_runtime") == "1"
    assert (max_runtime_of({}), max_retries_of({}), strategy_of({})) == (None, None, "FROM_FAILURE")


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (max_runtime_of, "max_runtime", "soon"),
        (max_runtime_of, "max_runtime", "0"),
        (max_runtime_of, "max_runtime", "inf"),
        (max_runtime_of, "max_runtime", "nan"),
        (max_retries_of, "max_retries", "-1"),
        (max_retries_of, "max_retries", "some"),
        (strategy_of, "retry_strategy", "SOME"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(read, name, value):
    with pytest.raises(UserError, match=f"the tag 'mlorch/{name}' should be .*, not {value!r}"):
        read({f"mlorch/{name}": value})
