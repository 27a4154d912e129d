from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch.definitions.dynamic import DynamicPartitionsDefinition
from mlorch.definitions.multi import MultiPartitionKey, MultiPartitionsDefinition
from mlorch.definitions.partitions import (
    PartitionKeyRange,
    PartitionsDefinition,
    StaticPartitionsDefinition,
)
from mlorch.definitions.windows import DailyPartitionsDefinition, HourlyPartitionsDefinition
from mlorch.errors import InvalidDefinitionError, InvalidSelectionError, UnknownPartitionError

NOW = datetime(2024, 1, 4, 12, tzinfo=UTC)
DAILY = DailyPartitionsDefinition("2024-01-01")
REGIONS = StaticPartitionsDefinition(["us", "eu"])
SALES = MultiPartitionsDefinition({"region": REGIONS, "date": DAILY})
CUBE = MultiPartitionsDefinition(
    {"region": REGIONS, "kind": StaticPartitionsDefinition(["a"]), "date": DAILY}
)


def test_dimensions_are_sorted_by_name_and_the_last_changes_fastest() -> None:
    assert SALES.partition_dimension_names == ("date", "region")
    assert SALES.get_partition_keys(NOW) == [
        "2024-01-01|us", "2024-01-01|eu", "2024-01-02|us", "2024-01-02|eu", "2024-01-03|us", "2024-01-03|eu",
    ]  # fmt: skip
    assert CUBE.get_first_partition_key(NOW) == "2024-01-01|a|us"
    assert MultiPartitionsDefinition({"region": REGIONS}).get_partition_keys(NOW) == ["us", "eu"]


names = st.text("abcdefgh", min_size=1, max_size=3)
dimensions = st.dictionaries(
    names, st.lists(names, unique=True, max_size=4).map(StaticPartitionsDefinition), min_size=1, max_size=4
)


@given(dimensions, st.data())
def test_questions_about_keys_agree_with_the_list(
    given_dimensions: dict[str, PartitionsDefinition], data: st.DataObject
) -> None:
    multi = MultiPartitionsDefinition(given_dimensions)
    keys = multi.get_partition_keys(NOW)
    assert len(set(keys)) == len(keys) == multi.get_num_partitions(NOW)
    assert multi.get_first_partition_key(NOW) == (keys[0] if keys else None)
    assert multi.get_last_partition_key(NOW) == (keys[-1] if keys else None)
    assert all(multi.has_partition_key(key, NOW) for key in keys)
    for key in keys:
        assert MultiPartitionKey(multi.get_partition_key_from_str(key).keys_by_dimension) == key
    if keys:
        first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(keys) - 1)] * 2)))
        span = PartitionKeyRange(keys[first], keys[last])
        try:
            found = multi.get_partition_keys_in_range(span, NOW)
        except InvalidSelectionError:  # it runs backwards in a dimension
            return
        assert found[0] == keys[first]
        assert found[-1] == keys[last]
        assert found == [key for key in keys if key in set(found)]


def test_keys_know_their_parts_wherever_they_go() -> None:
    key = SALES.get_partition_keys(NOW)[0]
    assert isinstance(key, MultiPartitionKey)
    assert key.keys_by_dimension == {"date": "2024-01-01", "region": "us"}
    assert key == "2024-01-01|us" == MultiPartitionKey({"region": "us", "date": "2024-01-01"})
    for same in (pickle.loads(pickle.dumps(key)), copy.deepcopy(key)):
        assert same == key
        assert same.keys_by_dimension == key.keys_by_dimension


def test_a_range_goes_from_key_to_key_in_every_dimension() -> None:
    span = PartitionKeyRange("2024-01-01|eu", "2024-01-03|eu")
    assert SALES.get_partition_keys_in_range(span, NOW) == ["2024-01-01|eu", "2024-01-02|eu", "2024-01-03|eu"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("us", "write it as 'date|region'"),
        ("2024-01-01|uss", "'region' has no 'uss'; did you mean 'us'"),
        ("2024-01-04|us", "'date' has no '2024-01-04'; the window of '2024-01-04' ends at"),
        ("us|2024-01-01", "'date' has no 'us'"),
    ],
)
def test_an_unknown_key_is_an_error_that_says_which_part(key: str, said: str) -> None:
    assert not SALES.has_partition_key(key, NOW)
    with pytest.raises(UnknownPartitionError) as raised:
        SALES.validate_partition_key(key, NOW)
    assert said in str(raised.value)


def test_the_window_is_that_of_the_one_dimension_of_time() -> None:
    assert SALES.time_window_for_partition_key("2024-01-02|us").start == datetime(2024, 1, 2, tzinfo=UTC)
    several = MultiPartitionsDefinition({"date": DAILY, "hour": HourlyPartitionsDefinition("2024-01-01")})
    with pytest.raises(InvalidDefinitionError, match="exactly one dimension of time"):
        several.time_window_for_partition_key("2024-01-01|2024-01-01-00:00")


def test_dynamic_dimensions_get_their_keys() -> None:
    shops = DynamicPartitionsDefinition("shops")
    multi = MultiPartitionsDefinition({"date": DAILY, "shop": shops})
    assert multi.dynamic_names == ("shops",)
    assert multi.may_have_partition_key("2024-01-01|any")
    known = multi.with_dynamic_keys({"shops": ["north"]})
    assert known.get_partition_keys(NOW)[0] == "2024-01-01|north"
    assert not known.has_partition_key("2024-01-01|any", NOW)
    with pytest.raises(InvalidDefinitionError, match=r"mlorch partitions delete shops 'a\|b'"):
        multi.with_dynamic_keys({"shops": ["a|b"]})
    assert SALES.with_dynamic_keys({"shops": ["north"]}) is SALES


@pytest.mark.parametrize("key", ["a|b", "a,b", "[a", "a]"])
def test_keys_of_dimensions_hold_no_reserved_characters(key: str) -> None:
    with pytest.raises(InvalidDefinitionError, match="must not hold"):
        MultiPartitionsDefinition({"x": StaticPartitionsDefinition([key]), "y": REGIONS})


def test_wrong_dimensions_are_refused() -> None:
    with pytest.raises(InvalidDefinitionError, match="needs a dimension"):
        MultiPartitionsDefinition({})
    with pytest.raises(InvalidDefinitionError, match="listed, of time or dynamic"):
        MultiPartitionsDefinition({"x": SALES})
    with pytest.raises(InvalidDefinitionError, match="did you mean 'region'"):
        SALES.get_partitions_def_for_dimension("regin")
