from __future__ import annotations

import pickle

import pytest

from mlorch.definitions.dynamic import (
    AddDynamicPartitionsRequest,
    DeleteDynamicPartitionsRequest,
    DynamicPartitionsDefinition,
)
from mlorch.definitions.partitions import PartitionKeyRange
from mlorch.errors import InvalidDefinitionError, UnknownPartitionError

SHOPS = DynamicPartitionsDefinition(name="shops")
KNOWN = SHOPS.with_keys(["north", "south", "east"])


def test_the_code_alone_knows_no_key() -> None:
    assert SHOPS.dynamic_names == ("shops",)
    assert SHOPS.may_have_partition_key("anything")
    with pytest.raises(UnknownPartitionError, match=r"instance\.get_dynamic_partitions\('shops'\)"):
        SHOPS.get_partition_keys()


def test_keys_come_in_the_order_given_and_each_once() -> None:
    assert KNOWN.get_partition_keys() == ["north", "south", "east"]
    assert SHOPS.with_keys(["a", "b", "a"]).get_partition_keys() == ["a", "b"]
    assert (KNOWN.get_first_partition_key(), KNOWN.get_last_partition_key()) == ("north", "east")
    assert KNOWN.get_num_partitions() == 3
    assert KNOWN.get_partition_keys_in_range(PartitionKeyRange("south", "east")) == ["south", "east"]
    assert SHOPS.with_keys([]).get_first_partition_key() is None


def test_an_unknown_key_is_an_error_that_suggests_the_nearest() -> None:
    assert not KNOWN.may_have_partition_key("west")
    with pytest.raises(UnknownPartitionError, match="did you mean 'north'"):
        KNOWN.validate_partition_key("norht")


def test_definitions_are_equal_by_name_and_keys() -> None:
    assert DynamicPartitionsDefinition("shops") == SHOPS != DynamicPartitionsDefinition("stores")
    assert SHOPS != KNOWN == SHOPS.with_keys(["north", "south", "east"])
    assert pickle.loads(pickle.dumps(KNOWN)) == KNOWN
    assert len({SHOPS, KNOWN, DynamicPartitionsDefinition("shops")}) == 2


def test_keys_are_taken_by_name() -> None:
    assert SHOPS.with_dynamic_keys({"shops": ["a"], "others": ["b"]}).get_partition_keys() == ["a"]
    assert SHOPS.with_dynamic_keys({}).get_partition_keys() == []


def test_requests_are_values() -> None:
    assert SHOPS.build_add_request(["a", "b"]) == AddDynamicPartitionsRequest("shops", ("a", "b"))
    assert SHOPS.build_delete_request(["a"]) == DeleteDynamicPartitionsRequest("shops", ("a",))
    with pytest.raises(InvalidDefinitionError, match=r"must not start or end"):
        SHOPS.build_add_request(["/a"])
    with pytest.raises(InvalidDefinitionError, match=r"write \['abc'\]"):
        SHOPS.build_add_request("abc")


def test_a_name_is_needed() -> None:
    with pytest.raises(InvalidDefinitionError, match="need a name"):
        DynamicPartitionsDefinition(" ")
