from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.partitions import PartitionKeyRange, StaticPartitionsDefinition, check_partition_key
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError, UserError

OCEANS = StaticPartitionsDefinition(["arctic", "atlantic", "indian", "pacific", "southern"])


def test_keys_keep_the_order_of_the_list() -> None:
    keys = ["b", "a", "c/d", "é", "2024-01-01-05:00", "with space"]
    definition = StaticPartitionsDefinition(keys)
    assert definition.get_partition_keys() == keys
    assert definition.get_partition_keys(datetime(2024, 1, 1, tzinfo=UTC)) == keys
    assert definition.get_num_partitions() == 6
    assert definition.get_first_partition_key() == "b"
    assert definition.get_last_partition_key() == "with space"
    assert definition.has_partition_key("c/d")
    assert not definition.has_partition_key("c")


def test_what_is_returned_is_the_callers() -> None:
    OCEANS.get_partition_keys().clear()
    assert OCEANS.get_num_partitions() == len(OCEANS.get_partition_keys()) == 5


def test_a_list_without_keys_has_none() -> None:
    empty = StaticPartitionsDefinition([])
    assert empty.get_first_partition_key() is None
    assert empty.get_last_partition_key() is None
    with pytest.raises(UnknownPartitionError, match="it has none yet"):
        empty.validate_partition_key("a")


@pytest.mark.parametrize(
    "key",
    ["", ".", "..", "../../x", "a/../b", "a/./b", "/etc", "a/", "a//b", "/", "a\\b", "a\0b", "a\nb", "a\tb",
     "\x7f", "a...b", "\u2028", "\ud800"],
)  # fmt: skip
def test_a_key_that_can_not_name_a_file_is_refused(key: str) -> None:
    with pytest.raises(InvalidDefinitionError, match="partition key"):
        StaticPartitionsDefinition(["good", key])


@pytest.mark.parametrize("keys", [[1], [None], [b"a"], "abc"])
def test_keys_are_a_list_of_text(keys: Any) -> None:
    with pytest.raises(InvalidDefinitionError, match="write"):
        StaticPartitionsDefinition(keys)


def test_a_key_that_occurs_twice_is_named() -> None:
    with pytest.raises(InvalidDefinitionError, match="'b' occurs twice"):
        StaticPartitionsDefinition(["a", "b", "c", "b"])


def test_an_unknown_key_names_what_there_is() -> None:
    OCEANS.validate_partition_key("indian")
    with pytest.raises(UnknownPartitionError) as caught:
        OCEANS.validate_partition_key("pacifc")
    assert str(caught.value) == (
        "there is no partition 'pacifc' in StaticPartitionsDefinition(['arctic', 'atlantic', 'indian', …]); "
        "it has 'arctic' to 'southern'; did you mean 'pacific'?"
    )


def test_a_range_includes_both_ends() -> None:
    assert OCEANS.get_partition_keys_in_range(PartitionKeyRange("atlantic", "pacific")) == [
        "atlantic",
        "indian",
        "pacific",
    ]
    assert OCEANS.get_partition_keys_in_range(PartitionKeyRange("indian", "indian")) == ["indian"]


def test_a_range_that_runs_backwards_or_beyond_is_refused() -> None:
    with pytest.raises(UserError, match="from 'pacific' to 'indian' runs backwards"):
        OCEANS.get_partition_keys_in_range(PartitionKeyRange("pacific", "indian"))
    with pytest.raises(UnknownPartitionError, match="'baltic'"):
        OCEANS.get_partition_keys_in_range(PartitionKeyRange("indian", "baltic"))


def test_a_definition_is_a_value() -> None:
    same = StaticPartitionsDefinition(("arctic", "atlantic", "indian", "pacific", "southern"))
    assert same == OCEANS
    assert len({same, OCEANS, pickle.loads(pickle.dumps(OCEANS))}) == 1
    assert StaticPartitionsDefinition(["a", "b"]) != StaticPartitionsDefinition(["b", "a"])
    with pytest.raises(AttributeError):
        same.partition_keys = ()  # type: ignore[misc]


@settings(deadline=None)
@given(st.text(max_size=8))
def test_a_key_is_accepted_only_if_it_stays_below_its_folder(key: str) -> None:
    try:
        check_partition_key(key)
    except InvalidDefinitionError:
        return
    parts = key.split("/")
    assert all(part not in ("", ".", "..") for part in parts)
    assert not set("\\\0\n\r") & set(key)
