from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch.definitions.dimensions import (
    DimensionPartitionMapping,
    MultiPartitionMapping,
    MultiToSingleDimensionPartitionMapping,
)
from mlorch.definitions.dynamic import DynamicPartitionsDefinition
from mlorch.definitions.mappings import (
    AllPartitionMapping,
    IdentityPartitionMapping,
    LastPartitionMapping,
    PartitionMapping,
    TimeWindowPartitionMapping,
    UpstreamPartitions,
)
from mlorch.definitions.multi import MultiPartitionsDefinition
from mlorch.definitions.named import SpecificPartitionsPartitionMapping, StaticPartitionMapping
from mlorch.definitions.partitions import PartitionsDefinition, StaticPartitionsDefinition
from mlorch.definitions.windows import DailyPartitionsDefinition, WeeklyPartitionsDefinition
from mlorch.errors import InvalidDefinitionError

NOW = datetime(2024, 1, 25, 12, tzinfo=UTC)
DAILY = DailyPartitionsDefinition("2024-01-07")
WEEKLY = WeeklyPartitionsDefinition("2024-01-07")
LETTERS = StaticPartitionsDefinition(["a", "b", "c"])
NUMBERS = StaticPartitionsDefinition(["1", "2", "3"])
SHOPS = DynamicPartitionsDefinition("shops").with_keys(["north", "south"])
BY_DAY = MultiPartitionsDefinition({"date": DAILY, "letter": LETTERS})
BY_WEEK = MultiPartitionsDefinition({"week": WEEKLY, "number": NUMBERS})
TO_SINGLE = MultiToSingleDimensionPartitionMapping()
WEEKS = DimensionPartitionMapping("week", TimeWindowPartitionMapping())
PAIRED = DimensionPartitionMapping("number", StaticPartitionMapping({"a": "1", "b": "2", "c": ["3", "1"]}))


@pytest.mark.parametrize(
    ("mapping", "key", "down", "up", "keys"),
    [
        (TO_SINGLE, "2024-01-08", DAILY, BY_DAY, ("2024-01-08|a", "2024-01-08|b", "2024-01-08|c")),
        (TO_SINGLE, "2024-01-08|b", BY_DAY, DAILY, ("2024-01-08",)),
        (TO_SINGLE, "2024-01-08|b", BY_DAY, LETTERS, ("b",)),
        (TO_SINGLE, "2|2024-01-14", BY_WEEK, DAILY, tuple(f"2024-01-{day}" for day in range(14, 21))),
        (MultiPartitionMapping({"date": WEEKS, "letter": PAIRED}), "3|2024-01-14", BY_WEEK, BY_DAY,
         tuple(f"2024-01-{day}|c" for day in range(14, 21))),
        (MultiPartitionMapping({"letter": PAIRED}), "1|2024-01-14", BY_WEEK, BY_DAY,
         tuple(f"2024-01-{day:02}|{one}" for day in range(7, 25) for one in "ac")),
        (MultiPartitionMapping({"date": DimensionPartitionMapping("date", TimeWindowPartitionMapping(-1, -1)),
          "letter": DimensionPartitionMapping("letter", IdentityPartitionMapping())}),
         "2024-01-09|a", BY_DAY, BY_DAY, ("2024-01-08|a",)),
    ],
)  # fmt: skip
def test_upstream_partitions_dimension_by_dimension(
    mapping: PartitionMapping,
    key: str,
    down: PartitionsDefinition,
    up: PartitionsDefinition,
    keys: tuple[str],
) -> None:
    mapping.validate(down, up)
    assert mapping.upstream_partitions(key, down, up, NOW) == UpstreamPartitions(keys)


def test_upstream_partitions_that_do_not_exist_are_named_in_full() -> None:
    found = TO_SINGLE.upstream_partitions("2024-01-08", DAILY, MultiPartitionsDefinition(
        {"date": DailyPartitionsDefinition("2024-01-20"), "letter": StaticPartitionsDefinition(["a", "b"])}
    ), NOW)  # fmt: skip
    assert found == UpstreamPartitions((), ("2024-01-08|a", "2024-01-08|b"))


def test_a_dimension_is_chosen_by_name() -> None:
    twice = MultiPartitionsDefinition({"left": LETTERS, "right": LETTERS})
    with pytest.raises(InvalidDefinitionError, match="choose one: left, right"):
        TO_SINGLE.validate(LETTERS, twice)
    named = MultiToSingleDimensionPartitionMapping("right")
    named.validate(LETTERS, twice)
    assert named.upstream_partitions("b", LETTERS, twice, NOW).keys == ("a|b", "b|b", "c|b")


@pytest.mark.parametrize(
    ("mapping", "down", "up", "said"),
    [
        (TO_SINGLE, LETTERS, NUMBERS, "several dimensions on exactly one side"),
        (TO_SINGLE, BY_DAY, BY_WEEK, "declare a MultiPartitionMapping"),
        (TO_SINGLE, None, BY_DAY, "needs partitions on both sides"),
        (TO_SINGLE, NUMBERS, BY_DAY, "no dimension of"),
        (MultiToSingleDimensionPartitionMapping("leter"), LETTERS, BY_DAY, "did you mean 'letter'"),
        (MultiPartitionMapping({}), DAILY, BY_DAY, "on both sides"),
        (MultiPartitionMapping({"dat": WEEKS}), BY_WEEK, BY_DAY, "did you mean 'date'"),
        (MultiPartitionMapping({"letter": WEEKS}), BY_WEEK, BY_DAY, "needs time windows on both sides"),
    ],
)
def test_what_does_not_fit_is_refused(
    mapping: PartitionMapping, down: PartitionsDefinition | None, up: PartitionsDefinition, said: str
) -> None:
    with pytest.raises(InvalidDefinitionError) as raised:
        mapping.validate(down, up)
    assert said in str(raised.value)


def test_only_what_reads_earlier_windows_may_read_itself() -> None:
    earlier = DimensionPartitionMapping("date", TimeWindowPartitionMapping(-1, -1))
    assert MultiPartitionMapping({"date": earlier}).reads_earlier()
    assert not MultiPartitionMapping({"date": WEEKS}).reads_earlier()


singles: dict[str, list[PartitionMapping]] = {
    "time": [TimeWindowPartitionMapping(), TimeWindowPartitionMapping(-1), LastPartitionMapping()],
    "listed": [StaticPartitionMapping({"a": ["1", "2"], "c": "2"}), AllPartitionMapping(),
               SpecificPartitionsPartitionMapping(["a", "c"])],
}  # fmt: skip


@given(
    st.sampled_from(singles["time"]),
    st.sampled_from(singles["listed"]),
    st.sampled_from(["dl", "d", "l", ""]),
)
def test_both_directions_are_one_relation(
    of_time: PartitionMapping, listed: PartitionMapping, linked: str
) -> None:
    links = {}
    if "d" in linked:
        links["date"] = DimensionPartitionMapping("week", of_time)
    if "l" in linked:
        links["letter"] = DimensionPartitionMapping("number", listed)
    check_relation(MultiPartitionMapping(links), BY_WEEK, BY_DAY)


@pytest.mark.parametrize("case", [
    (TO_SINGLE, DAILY, BY_DAY), (TO_SINGLE, BY_DAY, DAILY), (TO_SINGLE, WEEKLY, BY_DAY),
    (TO_SINGLE, BY_WEEK, DAILY),
    (singles["listed"][0], NUMBERS, LETTERS), (singles["listed"][2], SHOPS, LETTERS),
    (IdentityPartitionMapping(), SHOPS, DynamicPartitionsDefinition("shops").with_keys(["south", "west"])),
    (IdentityPartitionMapping(), BY_DAY, BY_DAY), (LastPartitionMapping(), BY_DAY, BY_WEEK),
])  # fmt: skip
def test_both_directions_agree(
    case: tuple[PartitionMapping, PartitionsDefinition, PartitionsDefinition],
) -> None:
    check_relation(*case)


def check_relation(mapping: PartitionMapping, down: PartitionsDefinition, up: PartitionsDefinition) -> None:
    """What reads a partition is what its readers read: each direction is the other, turned round."""
    downs, ups = down.get_partition_keys(NOW), up.get_partition_keys(NOW)
    read = {(one, key) for key in downs for one in mapping.upstream_partitions(key, down, up, NOW).keys}
    assert read == {(one, key) for one in ups for key in mapping.downstream_partitions(one, up, down, NOW)}
    for one in ups:
        readers = mapping.downstream_partitions(one, up, down, NOW)
        assert list(readers) == [key for key in downs if key in set(readers)]
